"""The `bedrock-converse` wire: every chat model of Amazon Bedrock that Converse serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from turnout.conversation.answer_formats import converse_output
from turnout.conversation.effort import settle_effort
from turnout.conversation.parameters import fitted, one_call_fields, unsupported
from turnout.facts.models import base_id
from turnout.llama_index.upstream.bedrock import ConverseModel
from turnout.llama_index.wires import ended, served
from turnout.llama_index.wires.converse_client import ConverseClient
from turnout.llama_index.wires.converse_stream import Growing
from turnout.llama_index.wires.sealed import sealed, unsealed
from turnout.providers.clients import client_for
from turnout.transport import greenlets as bridge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.conversation.tool_choices import Asked
    from turnout.llama_index.request import Request
    from turnout.providers.base import BedrockClient
    from turnout.routing import Route
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
        self._model = ConverseModel.with_client(model, ConverseClient(client.sync, route))

    @classmethod
    def connect(cls, route: Route, backend: BedrockBackend) -> BedrockClient:
        """The pooled client of a backend's settings."""
        return client_for(route, backend)

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
        extra = dict(request.extra)
        effort = settle_effort(route, given, extra.pop("additionalModelRequestFields", {}), request.policy)
        names = {"top_p": "topP", "stop": "stopSequences"}
        inference = {wire: given[name] for name, wire in names.items() if name in given}
        arguments: dict[str, Any] = {
            "model": route.deployment,
            # The class insists on a limit; ConverseClient takes this one out again, and the model's own holds.
            "max_tokens": given.get("max_tokens"),
            "temperature": given.get("temperature"),
            **({"inferenceConfig": inference} if inference else {}),
        }
        _ask(arguments, request.ask(route, thinks=effort.thinks), route)
        fields = {**self._one_call(arguments, request), **effort.fields}
        if fields:
            extra["additionalModelRequestFields"] = fields
        return {**arguments, **extra}

    def _one_call(self, arguments: dict[str, Any], request: Request) -> dict[str, Any]:
        """What tells the model to call one tool at most, where it can be told."""
        config = arguments.get("tools")
        if request.parallel is not False or config is None or not self._route.facts.one_call:
            return {}
        if "auto" in config.get("toolChoice", {}):
            del config["toolChoice"]
        return one_call_fields(forced="toolChoice" in config)


def _ask(arguments: dict[str, Any], asked: Asked, route: Route) -> None:
    if asked.form is not None:
        arguments["outputConfig"] = converse_output(asked.form, route.facts.family)
    if not asked.tools or asked.choice == "none":  # Converse has no such choice, so the model sees no tools
        return
    arguments["tools"] = {"tools": [_tool_spec(tool) for tool in asked.tools]}
    if asked.choice is not None:
        simple = asked.choice in {"auto", "any"}
        arguments["tools"]["toolChoice"] = {asked.choice: {}} if simple else {"tool": {"name": asked.choice}}


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
