"""A call of a chat model, of either framework: request, history, attempts, and the answer in one shape."""

from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from turnout.calls import streams
from turnout.calls.classification import classify
from turnout.calls.context import backend_of, call_site, new_attempts
from turnout.conversation.fitting import fit
from turnout.conversation.history import aprepare, prepare
from turnout.conversation.options import options_for
from turnout.errors import MissingExtraError, ModelCallError
from turnout.runtime import Cache
from turnout.transport.blocking import off_loop, within_deadline
from turnout.transport.deadline import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from turnout.calls.attempts import Share
    from turnout.conversation.request import Fitted, Request
    from turnout.conversation.turns import Turn
    from turnout.errors import TurnoutError
    from turnout.routing import Route
    from turnout.settings import Backend, Settings

A = TypeVar("A")
C = TypeVar("C")
A_co = TypeVar("A_co", covariant=True)
C_co = TypeVar("C_co", covariant=True)


class _Wire(Protocol[A_co, C_co]):
    """Carries the calls of one route: sends a prepared conversation, and reads the answer or its chunks."""

    def chat(self, turns: list[Turn], fitted: Fitted) -> A_co: ...
    async def achat(self, turns: list[Turn], fitted: Fitted) -> A_co: ...
    def stream(self, turns: list[Turn], fitted: Fitted) -> Generator[C_co]: ...
    def astream(self, turns: list[Turn], fitted: Fitted) -> AsyncGenerator[C_co]: ...


class Wires(Generic[A, C]):
    """The wires of one framework, one for each route and backend.

    `package` has a file for each wire, with `build(route, backend)`; `extra` installs the framework's integrations.
    """

    def __init__(self, package: str, extra: str) -> None:
        self._package = package
        self._extra = extra
        self._made: Cache[tuple[Route, Backend], _Wire[A, C]] = Cache()

    def get(self, route: Route, backend: Backend) -> _Wire[A, C] | None:
        """A route's wire, if it has been made."""
        return self._made.get((route, backend))

    def get_or_make(self, route: Route, backend: Backend) -> _Wire[A, C]:
        """A route's wire; making it imports its SDK, and makes a client, which may ask for credentials."""
        return self._made.get_or_make((route, backend), lambda: self._build(route, backend))

    def _build(self, route: Route, backend: Backend) -> _Wire[A, C]:
        try:
            made: _Wire[A, C] = import_module(f"{self._package}.{route.wire.replace('-', '_')}").build(route, backend)
        except ModuleNotFoundError as error:
            msg = f"backend {route.backend!r} needs {error.name}: pip install 'turnout[{self._extra}]'"
            raise MissingExtraError(msg) from error
        return made


class _AnswerShape(Protocol[A, C]):
    """Brings one answer, whole or in chunks, into the framework's one shape.

    `as_chunk` makes a whole answer in that shape the only chunk of a stream. `end` refuses what was streamed if it is
    not a whole answer, or not what was asked for.
    """

    def whole(self, answer: A) -> A: ...
    def chunk(self, chunk: C) -> C: ...
    def as_chunk(self, answer: A) -> C: ...
    def end(self) -> None: ...


class _Translated:
    """A context that raises turnout's errors for whatever its body raises; it may be entered again."""

    __slots__ = ("_translate",)

    def __init__(self, translate: Callable[[Exception], TurnoutError | None]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            known = self._translate(error)
            if known is not None and known is not error:
                raise known from known.__cause__ or error


class ChatCall(Generic[A, C]):
    """One call, before anything is sent.

    Args:
        limits: The call's own `turnout.conversation.parameters.LIMITS`.
        read: Reads the caller's messages.
        shape: Makes what brings an attempt's answer into shape; it is passed what says how many attempts there were.
        tokens: Estimates the tokens of the conversation.
        used: The tokens that an answer, or a chunk of one, says were used.
        has_content: Whether a chunk has some of the answer in it.
        length: Characters of the answer that a chunk adds.
        convert: Makes the framework's error of turnout's.
        share: What this route may take of the call, where there are other places for it.
    """

    def __init__(
        self,
        route: Route,
        settings: Settings,
        request: Request,
        limits: Mapping[str, Any],
        *,
        wires: Wires[A, C],
        read: Callable[[], list[Turn]],
        shape: Callable[[Route, Fitted, Callable[[], Mapping[str, Any]]], _AnswerShape[A, C]],
        tokens: Callable[[], float],
        used: Callable[[Any], float | None],
        has_content: Callable[[C], bool],
        length: Callable[[C], int],
        convert: Callable[[TurnoutError], TurnoutError] = lambda error: error,
        share: Share | None = None,
    ) -> None:
        self._route = route
        self._settings = settings
        backend, timeout = backend_of(route, settings), limits["timeout"]
        # Another timeout means another client.
        other = timeout is not None and timeout != backend.timeout
        self._backend = backend.model_copy(update={"timeout": timeout}) if other else backend
        if request.extra or backend.options or route.options:
            extra = options_for(route.backend, settings.backends, backend.options, route.options, request.extra)
            request = replace(request, extra=extra)
        self._fitted = fit(request, route)
        tools_stream = route.wire != "bedrock-converse" or route.facts.tool_streams
        self._streams = tools_stream or not self._fitted.asked.tools
        self._wires = wires
        self._read = read
        self._convert = convert
        self._translated = _Translated(self._translate)
        self._has_content = has_content
        self._length = length
        self._attempts = new_attempts(
            route,
            settings,
            self._translate,
            max_retries=limits["max_retries"],
            deadline=limits["deadline"],
            tokens=lambda: tokens() + (request.parameters["max_tokens"] or 0),
            used=used,
            share=share,
        )
        self._shape = partial(shape, route, self._fitted, self._attempts.report)

    def answer(self) -> A:
        """One answer."""
        with self._translated:
            wire, turns = self._prepared()
            return self._attempts.run(lambda: self._shape().whole(wire.chat(turns, self._fitted)))

    async def aanswer(self) -> A:
        """One answer, without blocking the event loop."""
        with self._translated:
            wire, turns = await self._aprepared()

            async def once() -> A:
                return self._shape().whole(await wire.achat(turns, self._fitted))

            return await self._attempts.arun(once)

    def chunks(self) -> Generator[C]:
        """One answer in chunks; in one chunk, where the service doesn't stream what has tools."""
        with self._translated:
            wire, turns = self._prepared()

            def once() -> Generator[C]:
                shape = self._shape()
                if not self._streams:
                    yield shape.as_chunk(shape.whole(wire.chat(turns, self._fitted)))
                    return
                with closing(wire.stream(turns, self._fitted)) as chunks:
                    for chunk in chunks:
                        yield shape.chunk(chunk)
                shape.end()

            delivered = 0
            try:
                for chunk in streams.stream(self._attempts, once, self._has_content):
                    delivered += self._length(chunk)
                    yield chunk
            except ModelCallError as error:
                _say_delivered(error, delivered)
                raise

    async def achunks(self) -> AsyncGenerator[C]:
        """One answer in chunks, without blocking the event loop."""
        with self._translated:
            wire, turns = await self._aprepared()

            async def once() -> AsyncGenerator[C]:
                shape = self._shape()
                if not self._streams:
                    yield shape.as_chunk(shape.whole(await wire.achat(turns, self._fitted)))
                    return
                async with aclosing(wire.astream(turns, self._fitted)) as chunks:
                    async for chunk in chunks:
                        yield shape.chunk(chunk)
                shape.end()

            delivered = 0
            try:
                async with aclosing(streams.astream(self._attempts, once, self._has_content)) as chunks:
                    async for chunk in chunks:
                        delivered += self._length(chunk)
                        yield chunk
            except ModelCallError as error:
                _say_delivered(error, delivered)
                raise

    def _prepared(self) -> tuple[_Wire[A, C], list[Turn]]:
        """What carries the call, and the conversation as it takes it, within the deadline."""
        route, backend, allow_private = self._route, self._backend, self._settings.allow_private_media
        wire = self._wires.get(route, backend)
        with until(self._attempts.ends_here):
            if wire is None:
                what = f"the client of backend {route.backend!r}"
                wire = within_deadline(what, self._wires.get_or_make, route, backend)
            return wire, prepare(self._read, route, self._fitted, allow_private=allow_private)

    async def _aprepared(self) -> tuple[_Wire[A, C], list[Turn]]:
        route, backend, allow_private = self._route, self._backend, self._settings.allow_private_media
        wire = self._wires.get(route, backend)
        if wire is None:
            wire = await self._attempts.awithin(off_loop(self._wires.get_or_make, route, backend))
        preparing = aprepare(self._read, route, self._fitted, allow_private=allow_private)
        return wire, await self._attempts.awithin(preparing)

    def _translate(self, error: Exception) -> TurnoutError | None:
        known = classify(error, call_site(self._route, self._settings))
        return None if known is None else self._convert(known)


def _say_delivered(error: ModelCallError, characters: int) -> None:
    if characters:
        error.delivered = characters
        error.args = (f"{error.args[0]} ({characters:,} characters of the answer had been delivered)",)
