"""The `anthropic-messages` wire: Claude on Azure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import MessageRole, TextBlock, ToolCallBlock

from turnout.conversation.effort import settle_effort
from turnout.conversation.messages_api import DEFAULT_OUTPUT, messages_tool, messages_tool_choice, with_format
from turnout.conversation.parameters import fitted
from turnout.llama_index.errors import cut_short
from turnout.llama_index.upstream.anthropic import MessagesModel
from turnout.llama_index.wires import ended, served
from turnout.llama_index.wires.messages_client import AsyncMessagesClient, MessagesClient
from turnout.llama_index.wires.messages_input import messages_input
from turnout.llama_index.wires.sealed import unsealed
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.llama_index.request import Request
    from turnout.providers.base import FoundryClient
    from turnout.routing import Route
    from turnout.settings import AzureBackend

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
"""What the service takes from the models that it takes it from, and the SDK has no arguments for (seen with 1.17)."""


class AnthropicMessagesChat:
    """Carries calls to Anthropic's Messages API.

    Attributes:
        client: The SDK clients that it uses.
    """

    def __init__(self, route: Route, client: FoundryClient) -> None:
        self.client = client
        self._route = route
        self._model = MessagesModel.with_clients(MessagesClient(client.sync), AsyncMessagesClient(client.aio))

    @classmethod
    def connect(cls, route: Route, backend: AzureBackend) -> FoundryClient:
        """The pooled clients of a backend's settings."""
        return client_for(route, backend)

    @classmethod
    def on(cls, route: Route, client: FoundryClient) -> Self:
        """Make one for a route."""
        return cls(route, client)

    def chat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return _whole(self._model.once(*_input(messages, arguments)))

    async def achat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return _whole(await self._model.aonce(*_input(messages, arguments)))

    def stream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer in pieces; the last one has the usage."""
        growing = _Growing(self._route)
        for piece in self._model.pieces(*_input(messages, arguments)):
            yield growing.take(piece)
        growing.end()

    async def astream(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces; the last one has the usage."""
        growing = _Growing(self._route)
        async for piece in await self._model.apieces(*_input(messages, arguments)):
            yield growing.take(piece)
        growing.end()

    def arguments(self, request: Request) -> dict[str, Any]:
        """All that is sent but the conversation."""
        route = self._route
        sent = fitted(route, request.parameters, request.policy)
        sent.setdefault("max_tokens", route.facts.output or DEFAULT_OUTPUT)
        if "stop" in sent:
            sent["stop_sequences"] = sent.pop("stop")
        if request.timeout is not None:
            sent["timeout"] = request.timeout
        effort = settle_effort(route, sent, request.extra, request.policy)
        asked = request.ask(route, thinks=effort.thinks)
        if asked.tools:
            sent["tools"] = [messages_tool(tool) for tool in asked.tools]
            picked = messages_tool_choice(asked.choice, parallel=request.parallel)
            if picked is not None:
                sent["tool_choice"] = picked
        return {"model": route.deployment, **sent, **with_format({**request.extra, **effort.fields}, asked.form)}


def _input(messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> tuple[list[ChatMessage], dict[str, Any]]:
    """The conversation, in the body, and the system prompt, as messages for the class.

    The class would call `MessageParam`, which is no class since anthropic 2 (seen 2026-11-21 with 2.11: "Cannot
    instantiate typing.Union"), lose that a tool failed, and send every document as PDF.
    """
    system = [message for message in messages if message.role is MessageRole.SYSTEM]
    sampling = {name: value for name, value in arguments.items() if name in _SAMPLING}
    rest = {name: value for name, value in arguments.items() if name not in _SAMPLING}
    body = {"messages": messages_input(messages), **sampling, **arguments.get("extra_body", {})}
    return system, {**rest, "extra_body": body}


class _Growing:
    """Brings the pieces of one streamed answer into shape.

    The class leaves out the text that is being written, and a value in a tool's arguments until it is whole.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._text = ""
        self._inputs: dict[int, str] = {}
        self._begun = self._ended = False

    def take(self, piece: ChatResponse) -> ChatResponse:
        self._begun = True
        event = piece.raw or {}
        kind, delta = event.get("type"), event.get("delta")
        if isinstance(added := getattr(delta, "partial_json", None), str):
            self._inputs[event["index"]] = self._inputs.get(event["index"], "") + added
        self._text = self._text + (piece.delta or "") if kind == "content_block_delta" else ""
        # The class goes on adding to the blocks that it gives.
        piece.message.blocks = [block.model_copy() for block in piece.message.blocks]
        unsealed(piece.message.blocks)
        calls = [block for block in piece.message.blocks if isinstance(block, ToolCallBlock)]
        for call, place in zip(calls, sorted(self._inputs), strict=False):
            call.tool_kwargs = self._inputs[place] or call.tool_kwargs
        if self._text:
            piece.message.blocks.append(TextBlock(text=self._text))
        if thought := piece.message.additional_kwargs.get("thinking_delta"):
            piece.additional_kwargs["thinking_delta"] = thought  # where agents look for it
        self._ended = self._ended or bool(piece.message.additional_kwargs.get("stop_reason"))
        return _finished(piece)

    def end(self) -> None:
        if not self._ended:
            raise cut_short(self._route, begun=self._begun)


def _whole(response: ChatResponse) -> ChatResponse:
    unsealed(response.message.blocks)
    return _finished(response)


def _finished(response: ChatResponse) -> ChatResponse:
    """With usage where LlamaIndex reads it (`raw["usage"]`, under OpenAI's names), and the finish reason."""
    raw = dict(response.raw or {})
    last = raw.get("delta") or SimpleNamespace(**raw)  # a stream's last event, or the whole answer
    reason, details = getattr(last, "stop_reason", None), getattr(last, "stop_details", None)
    if not isinstance(reason, str):
        return response
    response.additional_kwargs |= ended(reason, {"stop_details": details.model_dump()} if details else {})
    response.additional_kwargs |= served(raw.get("model"), raw.get("id"))
    if (usage := raw.get("usage")) is not None:
        counts = usage.model_dump()
        cached = (counts.get(name) or 0 for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
        read, written = (counts.get("input_tokens") or 0) + sum(cached), counts.get("output_tokens") or 0
        named = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        response.additional_kwargs |= named
        response.raw = {**raw, "usage": {**counts, **named}}
    return response
