"""The `bedrock-converse` wire: every chat model of Amazon Bedrock that Converse serves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from turnout.clients import BedrockClient, bedrock_client, bridge
from turnout.llama_index.request import tool_name
from turnout.llama_index.schemas import as_tool, json_schema
from turnout.llama_index.upstream.bedrock import ConverseModel
from turnout.llama_index.wires import ended, served
from turnout.llama_index.wires.converse_client import ConverseClient
from turnout.llama_index.wires.converse_stream import Growing
from turnout.llama_index.wires.sealed import sealed, unsealed
from turnout.models import base_id
from turnout.parameters import fitted, one_call_fields, unsupported

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.llama_index.request import Request
    from turnout.routes import Route
    from turnout.settings import BedrockBackend


class BedrockConverseChat:
    """Carries calls to Converse and ConverseStream.

    Attributes:
        client: The SDK client that it uses.
    """

    def __init__(self, route: Route, client: BedrockClient) -> None:
        self.client = client
        self._route = route
        model = base_id(route.model or route.deployment)
        self._model = ConverseModel.with_client(model, ConverseClient(client.runtime, route))

    @classmethod
    def connect(cls, route: Route, backend: BedrockBackend) -> BedrockClient:  # noqa: ARG003 - one client for all
        """The pooled client of a backend's settings."""
        return bedrock_client(backend)

    @classmethod
    def on(cls, route: Route, client: BedrockClient) -> Self:
        """Make one for a route."""
        return cls(route, client)

    def chat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        answer = _finished(self._model.once(sealed(messages), **arguments), arguments["model"])
        unsealed(answer.message.blocks)
        return answer

    async def achat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer; botocore has no async, so a thread asks."""
        return await bridge.run(self.chat, messages, arguments)

    def stream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer in pieces; the last one has the usage."""
        growing = Growing()
        for piece in self._model.pieces(sealed(messages), **arguments):
            yield _finished(growing.take(piece), arguments["model"])

    def astream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces; a thread reads them."""
        return bridge.iterate(lambda: self.stream(messages, arguments))

    def arguments(self, request: Request) -> dict[str, Any]:
        """All that is sent but the conversation."""
        route = self._route
        given = fitted(route, request.parameters, request.policy)
        if request.timeout is not None:
            why = "on Bedrock it is set for the model or the backend, not for a call"
            unsupported(route, "timeout", why, request.policy)
        names = {"top_p": "topP", "stop": "stopSequences"}
        inference = {wire: given[name] for name, wire in names.items() if name in given}
        arguments: dict[str, Any] = {
            "model": route.deployment,
            # The class insists on a limit; ConverseClient takes this one out again, and the model's own holds.
            "max_tokens": given.get("max_tokens"),
            "temperature": given.get("temperature"),
            **({"inferenceConfig": inference} if inference else {}),
        }
        forced = self._add_tools(arguments, request)
        effort = self._effort(given.get("reasoning_effort"), request, forced=forced)
        extra = dict(request.extra)
        if "response_format" in extra:
            extra.pop("response_format")
            unsupported(route, "response_format", "Converse takes a pydantic class only", request.policy)
        fields = {**effort, **self._one_call(arguments, request)}
        if fields:
            extra["additionalModelRequestFields"] = {**fields, **extra.pop("additionalModelRequestFields", {})}
        return {**arguments, **extra}

    def _one_call(self, arguments: dict[str, Any], request: Request) -> dict[str, Any]:
        """What tells the model to call one tool at most, where it can be told."""
        config = arguments.get("tools")
        if request.parallel is not False or config is None or not self._route.facts.one_call:
            return {}
        if "auto" in config.get("toolChoice", {}):
            del config["toolChoice"]
        return one_call_fields(forced="toolChoice" in config)

    def _add_tools(self, arguments: dict[str, Any], request: Request) -> bool:
        """Add tools and schema; gives whether the model is forced to call."""
        tools, choice, facts = request.tools, request.choice, self._route.facts
        if request.schema is not None:
            if facts.structured and not {"any", "tool"} & set(facts.tool_choice):
                schema = json_schema(request.schema)
                form = {"name": schema.name, "schema": json.dumps(schema.strict)}
                arguments["outputConfig"] = {
                    "textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}},
                }
            else:
                tools = [*tools, as_tool(request.schema)]
                choice = tool_name(tools[-1])
        if not tools or choice == "none":
            return False
        picked = _converse_choice(self._route, choice)
        if picked is None and choice not in {None, "auto"}:
            request.must_call = choice
        if choice not in {None, "auto", "any"} and picked in ({"any": {}}, None):
            # The model can't be made to call this one, so it gets only that one.
            tools = [tool for tool in tools if tool_name(tool) == choice]
        arguments["tools"] = {"tools": [_tool_spec(tool) for tool in tools]}
        if picked is not None:
            arguments["tools"]["toolChoice"] = picked
        return picked is not None and "auto" not in picked

    def _effort(self, effort: str | None, request: Request, *, forced: bool) -> dict[str, Any]:
        family = self._route.facts.family
        if effort is None:
            return {}
        # From langchain-aws 1.9.1, reasoning_effort_additional_fields; seen 2026-11-21.
        fields: dict[str, dict[str, Any]] = {
            "claude": {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}},
            "nova": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}},
            "gpt-oss": {"reasoning_effort": effort},
        }
        why = None
        if family not in fields:
            why = "turnout doesn't know how to ask this model"
        elif forced and family == "claude":
            why = "Claude can't think when it is made to call a tool"
        if why is not None:
            unsupported(self._route, "reasoning_effort", why, request.policy)
            return {}
        return fields[family]


def _tool_spec(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:  # a tool of the wire's own
        return tool
    parameters = {"type": "object", **(function.get("parameters") or {"properties": {}})}
    spec: dict[str, Any] = {"name": function["name"], "inputSchema": {"json": parameters}}
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict") is not None:
        spec["strict"] = function["strict"]
    return {"toolSpec": spec}


def _converse_choice(route: Route, choice: str | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    kind = choice if choice in {"auto", "any"} else "tool"
    takes = route.facts.tool_choice
    if kind in takes:
        return {"tool": {"name": choice}} if kind == "tool" else {kind: {}}
    if kind == "tool" and "any" in takes:
        return {"any": {}}
    return None  # auto is the service's own default; what can't be forced is told, and checked


def _finished(response: ChatResponse, model: str) -> ChatResponse:
    """With usage where LlamaIndex reads it (`raw["usage"]`, under OpenAI's names), and the finish reason."""
    raw, said = response.raw or {}, response.additional_kwargs
    last = raw.get("metadata", raw)  # a stream's last event, or the whole answer
    usage = last.get("usage")
    if usage:
        # The class leaves out what was read from a cache or written to one.
        cached = (usage.get(name) or 0 for name in ("cacheReadInputTokens", "cacheWriteInputTokens"))
        read, written = usage["inputTokens"] + sum(cached), usage["outputTokens"]
        counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        said |= counts
        response.raw = {**raw, "usage": {**usage, **counts}}
    reason = raw.get("stopReason")
    if reason:
        said |= ended(reason, last)
        router = last.get("trace", {}).get("promptRouter", {})
        said |= served(router.get("invokedModelId") or model, raw.get("ResponseMetadata", {}).get("RequestId"))
    return response
