"""The `openai-chat` wire: Azure (v1 and dated), OpenAI, servers that speak its API, and Mantle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.parameters import fitted
from turnout.llama_index.errors import cut_short
from turnout.llama_index.upstream.openai import OpenAIModel
from turnout.llama_index.wires import ended, served
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.llama_index.request import Request
    from turnout.providers.base import OpenAIClient
    from turnout.routing import Route
    from turnout.settings import Backend


class OpenAIChat:
    """Carries calls to a chat completions endpoint.

    Attributes:
        client: The SDK clients that it uses.
    """

    def __init__(self, route: Route, client: OpenAIClient) -> None:
        self.client = client
        self._route = route
        # Azure's dated API needs no class of its own: the SDK client makes its paths.
        self._model = OpenAIModel.with_client(client)

    @classmethod
    def connect(cls, route: Route, backend: Backend) -> OpenAIClient:
        """The pooled clients for a route."""
        return client_for(route, backend)

    @classmethod
    def on(cls, route: Route, client: OpenAIClient) -> Self:
        """Make one for a route."""
        return cls(route, client)

    def chat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return _whole(self._model.once(messages, **arguments))

    async def achat(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> ChatResponse:
        """One answer."""
        return _whole(await self._model.aonce(messages, **arguments))

    def stream(self, messages: Sequence[ChatMessage], arguments: dict[str, Any]) -> Generator[ChatResponse, None, None]:
        """One answer in pieces; the last one has the usage."""
        growing = _Growing(self._route)
        for piece in self._model.pieces(messages, **_streamed(arguments)):
            yield growing.take(piece)
        growing.end()

    async def astream(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any]
    ) -> AsyncGenerator[ChatResponse, None]:
        """One answer in pieces; the last one has the usage."""
        growing = _Growing(self._route)
        async for piece in await self._model.apieces(messages, **_streamed(arguments)):
            yield growing.take(piece)
        growing.end()

    def arguments(self, request: Request) -> dict[str, Any]:
        """All that is sent but the conversation."""
        facts = self._route.facts
        arguments = fitted(self._route, request.parameters, request.policy)
        if "max_tokens" in arguments:
            # Azure's models all take the newer name; an unknown server may know only the older one.
            newer = self._route.provider == "azure" and not facts.known
            arguments["max_completion_tokens" if newer else facts.max_tokens] = arguments.pop("max_tokens")
        if request.timeout is not None:
            arguments["timeout"] = request.timeout
        asked = request.ask(self._route)
        if asked.form is not None:
            arguments["response_format"] = openai_format(asked.form)
        if asked.tools:
            arguments["tools"] = asked.tools
            if asked.choice is not None:
                named = {"type": "function", "function": {"name": asked.choice}}
                choices = {"auto": "auto", "none": "none", "any": "required"}
                arguments["tool_choice"] = choices.get(asked.choice, named)
            # Some reasoning models refuse the parameter; a second call is taken out of the answer anyway.
            if request.parallel is not None and not facts.reasoning:
                arguments["parallel_tool_calls"] = request.parallel
        return {"model": self._route.deployment, **arguments, **request.extra}


def _streamed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}, **arguments}


class _Growing:
    """What the chunks of one streamed answer say of its end; Azure's filters speak in any of them."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._begun = False
        self._reason: str | None = None
        self._verdicts: list[Any] = []

    def take(self, piece: ChatResponse) -> ChatResponse:
        self._begun = True
        self._reason = _reason(piece) or self._reason
        self._verdicts += _verdicts(piece)
        return _finished(piece, self._reason, self._verdicts)

    def end(self) -> None:
        if self._reason is None:
            raise cut_short(self._route, begun=self._begun)


def _reason(piece: ChatResponse) -> str | None:
    choices = piece.raw.choices if piece.raw is not None else ()
    return choices[0].finish_reason if choices else None


def _verdicts(piece: ChatResponse) -> list[Any]:
    """What Azure's filters say in a piece, beside the choice that they are about."""
    choices = piece.raw.choices if piece.raw is not None else ()
    return [choice.model_extra for choice in choices if choice.model_extra]


def _whole(response: ChatResponse) -> ChatResponse:
    return _finished(response, _reason(response), _verdicts(response))


def _finished(response: ChatResponse, reason: str | None, verdicts: list[Any]) -> ChatResponse:
    if reason is not None and response.raw is not None:
        response.additional_kwargs |= ended(reason, {"choices": verdicts})
        response.additional_kwargs |= served(response.raw.model, response.raw.id)
    return response
