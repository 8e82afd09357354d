"""The answers of an SDK's resource, checked before anybody has them: whole ones, raw ones and streams."""

from __future__ import annotations

from functools import cache
from inspect import isawaitable
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    Check = Callable[[Any], Any]
    Events = Callable[[], Callable[[Any], Iterable[Any]]]


@cache
def checked_class(base: Any, sdk: Any, whole: Check, events: Events) -> Any:
    """A resource's class whose `create` checks whole answers and streams; raw ones, when they are parsed.

    `events` makes what checks one stream: event → what its reader gets for it.
    """
    streams = (sdk.Stream, sdk.AsyncStream)

    def read(made: Any) -> Any:
        if isinstance(made, streams):
            return _Events(made, events())
        if made is None or isinstance(made, str | list):
            raise UnreadableAnswerError(described(made))
        return whole(made)

    async def read_later(made: Awaitable[Any]) -> Any:
        return read(await made)

    def checked(answered: Any) -> Any:
        if not hasattr(answered, "http_response"):
            return read(answered)
        parse = answered.parse

        def parsed(**options: Any) -> Any:
            made = parse(**options)
            return read_later(made) if isawaitable(made) else read(made)

        answered.parse = parsed
        return answered

    class Checked(base):  # type: ignore[misc] # the class comes when the SDK is first needed
        def create(self, **arguments: Any) -> Any:
            return checked(super().create(**arguments))

    class AsyncChecked(base):  # type: ignore[misc] # likewise
        async def create(self, **arguments: Any) -> Any:
            return checked(await super().create(**arguments))

    return AsyncChecked if base.__name__.startswith("Async") else Checked


class _Events:
    """An SDK's stream of events, for threads or for coroutines as that is, each checked as it comes.

    It is closed with its iteration: left to itself, a stream that is left early lasts until garbage is collected.
    """

    def __init__(self, stream: Any, check: Callable[[Any], Iterable[Any]]) -> None:
        self._stream = stream
        self._check = check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from chain.from_iterable(map(self._check, self._stream))
        finally:
            self._stream.close()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        check = self._check
        try:
            async for event in self._stream:
                for checked in check(event):
                    yield checked
        finally:
            await self._stream.close()
