"""What a call of `ChatTurnout` does: route, request, history and attempts, and the answer brought into one shape.

A module of its own, loaded with the first call: importing the class alone loads no more than LangChain's base classes.
"""

from __future__ import annotations

from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.messages.utils import count_tokens_approximately

from turnout.calls import streams
from turnout.calls.context import backend_of, new_attempts
from turnout.conversation.fitting import fit
from turnout.conversation.history import aprepare, prepare
from turnout.langchain import upstream
from turnout.langchain.answers import Stream, has_content, portable_result, used_tokens
from turnout.langchain.errors import translate, translated
from turnout.langchain.messages.reading import read
from turnout.langchain.messages.writing import write
from turnout.langchain.requests import make_request
from turnout.langchain.usage import UsageDeltas
from turnout.langchain.wires import made_model, model_for, wire
from turnout.routing import resolve
from turnout.settings.fields import resolved_settings
from turnout.transport.blocking import off_loop, within_deadline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator, Sequence

    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from turnout.calls.attempts import Attempts
    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import Backend, Settings


class _Model(Protocol):
    """What a call reads of `ChatTurnout`."""

    model: str
    backend: str | None
    timeout: float | None
    max_retries: int | None
    deadline: float | None
    settings: Any


_Resolved = tuple["Route", "Settings"]
_resolved: ContextVar[tuple[object, dict[tuple[Any, Any], _Resolved]] | None] = ContextVar(
    "turnout_resolved", default=None
)


@contextmanager
def resolving_once(model: _Model) -> Iterator[None]:
    """Have one call look at its settings once: LangChain asks a model what it is several times a call."""
    token = _resolved.set((model, {}))
    try:
        yield
    finally:
        _resolved.reset(token)


def resolved(model: _Model, kwargs: dict[str, Any]) -> _Resolved:
    """Where a call goes, and the settings that say so."""
    seen, asked = _resolved.get(), (kwargs.get("model"), kwargs.get("backend"))
    if seen is None or seen[0] is not model:
        return _resolve(model, *asked)
    found = seen[1].get(asked)
    if found is None:
        found = seen[1][asked] = _resolve(model, *asked)
    return found


def _resolve(model: _Model, name: str | None, backend: str | None) -> _Resolved:
    settings = resolved_settings(model.settings)
    return resolve(name or model.model, backend=backend or model.backend, settings=settings), settings


@dataclass(frozen=True, slots=True)
class _Call:
    """What is known of a call before anything is sent.

    Attributes:
        route: Where it goes.
        settings: The settings.
        backend: The backend's settings for this call.
        fitted: The request as the route takes it.
        arguments: The same as LangChain's class takes it.
        attempts: Its attempts and its deadline.
    """

    route: Route
    settings: Settings
    backend: Backend
    fitted: Fitted
    arguments: dict[str, Any]
    attempts: Attempts

    def model(self) -> BaseChatModel:
        """LangChain's own class, which carries the call.

        A backend's first call imports its SDK and makes its client, which may ask for credentials: within the deadline.
        """
        found = made_model(self.route, self.backend)
        if found is not None:
            return found
        with self.attempts.within():
            return within_deadline(f"the client of backend {self.route.backend!r}", model_for, self.route, self.backend)

    async def amodel(self) -> BaseChatModel:
        """Likewise, without blocking the event loop."""
        found = made_model(self.route, self.backend)
        if found is not None:
            return found
        return await self.attempts.awithin(off_loop(model_for, self.route, self.backend))

    def history(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation as the wire takes it."""
        allow_private = self.settings.allow_private_media
        with self.attempts.within():
            turns = prepare(partial(read, messages), self.route, self.fitted, allow_private=allow_private)
        return write(turns, self.route.wire)

    async def ahistory(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Likewise; what must be fetched doesn't block the event loop."""
        allow_private = self.settings.allow_private_media
        preparing = aprepare(partial(read, messages), self.route, self.fitted, allow_private=allow_private)
        return write(await self.attempts.awithin(preparing), self.route.wire)

    def portable(self, result: ChatResult) -> ChatResult:
        """An answer in the one shape."""
        return portable_result(result, self.route, self.attempts.report(), self.fitted)


def _prepared(model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> _Call:
    route, settings = resolved(model, kwargs)
    request = make_request(vars(model), settings, stop, kwargs)
    fitted = fit(request, route)
    attempts = new_attempts(
        route,
        settings,
        lambda error: translate(error, route, settings),
        max_retries=kwargs.get("max_retries", model.max_retries),
        deadline=kwargs.get("deadline", model.deadline),
        tokens=lambda: count_tokens_approximately(messages) + (request.parameters["max_tokens"] or 0),
        used=used_tokens,
    )
    return _Call(
        route, settings, _backend(model, route, settings, kwargs), fitted, wire(route).arguments(fitted), attempts
    )


async def _aprepared(
    model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> _Call:
    """Likewise; a backend's first call imports the file of its wire, which would block the event loop."""
    route, settings = resolved(model, kwargs)
    if made_model(route, _backend(model, route, settings, kwargs)) is not None:
        return _prepared(model, messages, stop, kwargs)
    return await off_loop(_prepared, model, messages, stop, kwargs)


def _backend(model: _Model, route: Route, settings: Settings, kwargs: dict[str, Any]) -> Backend:
    return backend_of(route, settings, kwargs.get("timeout", model.timeout))


def generate(
    model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatResult:
    """One answer."""
    call = _prepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history = call.model(), call.history(messages)

        def once() -> ChatResult:
            return call.portable(upstream.generate(carrier, [*history], call.arguments))

        return call.attempts.run(once)


async def agenerate(
    model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> ChatResult:
    """One answer, without blocking the event loop."""
    call = await _aprepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history = await call.amodel(), await call.ahistory(messages)

        async def once() -> ChatResult:
            return call.portable(await upstream.agenerate(call.route.wire, carrier, [*history], call.arguments))

        return await call.attempts.arun(once)


def stream(
    model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> Generator[ChatGenerationChunk]:
    """One answer in pieces."""
    call = _prepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history = call.model(), call.history(messages)

        def once() -> Generator[ChatGenerationChunk]:
            shape = Stream(call.route, call.attempts.report, call.fitted)
            with closing(upstream.stream(carrier, [*history], call.arguments)) as pieces:
                for chunk in pieces:
                    yield shape.portable(chunk)
            shape.end()

        usage = UsageDeltas()
        for chunk in streams.stream(call.attempts, once, has_content):
            yield usage.take(chunk)


async def astream(
    model: _Model, messages: Sequence[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
) -> AsyncGenerator[ChatGenerationChunk]:
    """One answer in pieces, without blocking the event loop."""
    call = await _aprepared(model, messages, stop, kwargs)
    with translated(call.route, call.settings):
        carrier, history = await call.amodel(), await call.ahistory(messages)

        async def once() -> AsyncGenerator[ChatGenerationChunk]:
            shape = Stream(call.route, call.attempts.report, call.fitted)
            async with aclosing(upstream.astream(call.route.wire, carrier, [*history], call.arguments)) as pieces:
                async for chunk in pieces:
                    yield shape.portable(chunk)
            shape.end()

        usage = UsageDeltas()
        async with aclosing(streams.astream(call.attempts, once, has_content)) as chunks:
            async for chunk in chunks:
                yield usage.take(chunk)
