"""The `openai-responses` wire: the Responses API of Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ThinkingBlock, ToolCallBlock

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.parameters import fitted
from turnout.errors import SettingsError
from turnout.llama_index.upstream.openai_responses import ResponsesModel
from turnout.llama_index.wires.responses_stream import Growing, whole
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatResponse

    from turnout.llama_index.request import Request
    from turnout.providers.base import OpenAIClient
    from turnout.routing import Route
    from turnout.settings import Backend


class OpenAIResponsesChat:
    """Carries calls to a Responses endpoint.

    Nothing is stored at the service: a conversation must be able to go on elsewhere, so all of it travels with each
    call, encrypted reasoning included.

    Attributes:
        client: The SDK clients that it uses.
    """

    def __init__(self, route: Route, client: OpenAIClient) -> None:
        self.client = client
        self._route = route
        self._model = ResponsesModel.with_client(client)

    @classmethod
    def connect(cls, route: Route, backend: Backend) -> OpenAIClient:
        """The pooled clients for a route.

        Raises:
            SettingsError: The backend speaks a dated Azure API, which has no Responses.
        """
        if backend.provider == "azure" and backend.api_version is not None:
            msg = (
                f"backend {route.backend!r} has api_version {backend.api_version!r}, and Responses needs the v1 API; "
                "leave api_version out"
            )
            raise SettingsError(msg)
        return client_for(route, backend)

    @classmethod
    def on(cls, route: Route, client: OpenAIClient) -> Self:
        """Make one for a route."""
        return cls(route, client)

    def chat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return whole(self._model.once(_items(messages), **arguments))

    async def achat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return whole(await self._model.aonce(_items(messages), **arguments))

    def stream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer in pieces; the last one has the usage."""
        growing = Growing(self._route)
        for event in self._model.events(_items(messages), **arguments):
            if (piece := growing.take(event)) is not None:
                yield piece
        growing.end()

    async def astream(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces; the last one has the usage."""
        growing = Growing(self._route)
        async for event in self._model.aevents(_items(messages), **arguments):
            if (piece := growing.take(event)) is not None:
                yield piece
        growing.end()

    def arguments(self, request: Request) -> dict[str, Any]:
        """All that is sent but the conversation."""
        facts = self._route.facts
        sent = fitted(self._route, request.parameters, request.policy)
        if "max_tokens" in sent:
            sent["max_output_tokens"] = sent.pop("max_tokens")
        if "reasoning_effort" in sent:
            sent["reasoning"] = {"effort": sent.pop("reasoning_effort")}
        if facts.reasoning:
            sent["include"] = ["reasoning.encrypted_content"]
        if request.timeout is not None:
            sent["timeout"] = request.timeout
        asked = request.ask(self._route)
        if asked.form is not None:
            form = openai_format(asked.form)
            sent["text"] = {"format": {"type": form["type"], **form.get("json_schema", {})}}
        if asked.tools:
            sent["tools"] = [_tool(tool) for tool in asked.tools]
            if asked.choice is not None:
                named = {"type": "function", "name": asked.choice}
                sent["tool_choice"] = {"auto": "auto", "none": "none", "any": "required"}.get(asked.choice, named)
            # Some reasoning models refuse the parameter; a second call is taken out of the answer anyway.
            if request.parallel is not None and not facts.reasoning:
                sent["parallel_tool_calls"] = request.parallel
        return {"model": self._route.deployment, "store": False, **sent, **request.extra}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    # Left out, strict is true here, where Chat Completions takes it for false: a tool with optional arguments would be
    # another tool on this wire.
    return tool if function is None else {"type": "function", "strict": False, **function}


def _items(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The conversation with the assistant's turns as the wire's own items.

    The class would leave out the reasoning, and move calls behind all text. What it finds in `tool_calls` it sends.
    """
    return [
        ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=[],
            additional_kwargs={"tool_calls": [item for block in message.blocks if (item := _item(block))]},
        )
        if message.role is MessageRole.ASSISTANT
        else message
        for message in messages
    ]


def _item(block: Any) -> dict[str, Any] | None:
    if isinstance(block, TextBlock):
        return {"role": "assistant", "content": block.text}
    if isinstance(block, ToolCallBlock):
        arguments = json.dumps(block.tool_kwargs, ensure_ascii=False)
        return {
            "type": "function_call",
            "call_id": block.tool_call_id,
            "name": block.tool_name,
            "arguments": arguments,
        }
    if isinstance(block, ThinkingBlock):
        sealed = block.additional_information.get("encrypted_content")
        if sealed is None:  # kept nowhere, so nothing to be found by its id
            return None
        summary = [{"type": "summary_text", "text": block.content}] if block.content else []
        return {
            "type": "reasoning",
            "id": block.additional_information.get("id"),
            "summary": summary,
            "encrypted_content": sealed,
        }
    return None
