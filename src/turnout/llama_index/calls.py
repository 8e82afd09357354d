"""What a call of `TurnoutLLM` does: route, request, history and attempts, and the answer brought into one shape.

A module of its own, loaded with the first call: importing the class alone loads no more than LlamaIndex's bases.
"""

from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from turnout.calls import context, streams
from turnout.conversation.fitting import fit
from turnout.conversation.history import aprepare, prepare
from turnout.llama_index.answers import AnswerShape, has_content, used_tokens
from turnout.llama_index.errors import translate, translated
from turnout.llama_index.messages.reading import read
from turnout.llama_index.requests import make_request
from turnout.llama_index.wires import made_wire, wire_for
from turnout.transport.blocking import off_loop, within_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen

    from turnout.calls.attempts import Attempts
    from turnout.conversation.request import Fitted
    from turnout.conversation.turns import Turn
    from turnout.llama_index.wires.base import Wire
    from turnout.routing import Route
    from turnout.settings import Backend, Settings


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the application.

    Attributes:
        messages: The conversation; it is not changed.
        route: Where it goes.
        settings: The settings.
        backend: The backend's settings for this call.
        fitted: The request as the route takes it.
        first_call_only: Whether an answer's further tool calls are dropped.
        attempts: Its attempts and its deadline.
    """

    messages: Sequence[ChatMessage]
    route: Route
    settings: Settings
    backend: Backend
    fitted: Fitted
    first_call_only: bool
    attempts: Attempts

    def answer(self) -> ChatResponse:
        """One answer."""
        with translated(self.route, self.settings):
            wire, history = self._wire(), self._history()
            return self.attempts.run(lambda: self._shape().whole(wire.chat(history, self.fitted.arguments)))

    async def aanswer(self) -> ChatResponse:
        """One answer, without blocking the event loop."""
        with translated(self.route, self.settings):
            wire, history = await self._awire(), await self._ahistory()

            async def once() -> ChatResponse:
                return self._shape().whole(await wire.achat(history, self.fitted.arguments))

            return await self.attempts.arun(once)

    def pieces(self) -> ChatResponseGen:
        """One answer in pieces."""
        with translated(self.route, self.settings):
            wire, history = self._wire(), self._history()

            def once() -> ChatResponseGen:
                shape = self._shape()
                with closing(wire.stream(history, self.fitted.arguments)) as found:
                    for piece in found:
                        yield shape.piece(piece)
                shape.end()

            yield from streams.stream(self.attempts, once, has_content)

    async def apieces(self) -> ChatResponseAsyncGen:
        """One answer in pieces, without blocking the event loop."""
        with translated(self.route, self.settings):
            wire, history = await self._awire(), await self._ahistory()

            async def once() -> ChatResponseAsyncGen:
                shape = self._shape()
                async with aclosing(wire.astream(history, self.fitted.arguments)) as found:
                    async for piece in found:
                        yield shape.piece(piece)
                shape.end()

            async with aclosing(streams.astream(self.attempts, once, has_content)) as found:
                async for piece in found:
                    yield piece

    def _wire(self) -> Wire:
        """What carries the call.

        A backend's first call imports its SDK and makes its client, which may ask for credentials: within the deadline.
        """
        found = made_wire(self.route, self.backend)
        if found is not None:
            return found
        with self.attempts.within():
            return within_deadline(f"the client of backend {self.route.backend!r}", wire_for, self.route, self.backend)

    async def _awire(self) -> Wire:
        found = made_wire(self.route, self.backend)
        if found is not None:
            return found
        return await self.attempts.awithin(off_loop(wire_for, self.route, self.backend))

    def _history(self) -> list[Turn]:
        allow_private = self.settings.allow_private_media
        with self.attempts.within():
            return prepare(partial(read, self.messages), self.route, self.fitted, allow_private=allow_private)

    async def _ahistory(self) -> list[Turn]:
        allow_private = self.settings.allow_private_media
        preparing = aprepare(partial(read, self.messages), self.route, self.fitted, allow_private=allow_private)
        return await self.attempts.awithin(preparing)

    def _shape(self) -> AnswerShape:
        return AnswerShape(self.route, self.fitted, self.attempts.report, first_call_only=self.first_call_only)


def new_call(
    route: Route, settings: Settings, messages: Sequence[ChatMessage], own: Mapping[str, Any], kwargs: Mapping[str, Any]
) -> Call:
    """A call, before anything is sent.

    Args:
        route: Where it goes.
        settings: The settings.
        messages: The conversation.
        own: The model's own attributes.
        kwargs: What the call says otherwise.

    Raises:
        UnsupportedError: A parameter is out of range, or can't be taken.
    """
    limits = {name: kwargs.get(name, own[name]) for name in ("timeout", "max_retries", "deadline")}
    request = make_request(own, kwargs, settings.unsupported)

    def estimated_tokens() -> float:  # four characters a token, and the answer
        return sum(len(message.content or "") for message in messages) / 4 + (request.parameters["max_tokens"] or 0)

    backend = context.backend_of(route, settings, limits.pop("timeout"))
    attempts = context.new_attempts(
        route,
        settings,
        lambda error: translate(error, route, settings),
        tokens=estimated_tokens,
        used=used_tokens,
        **limits,
    )
    return Call(messages, route, settings, backend, fit(request, route), request.first_call_only, attempts)
