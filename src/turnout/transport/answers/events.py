"""An SDK's stream of events, each looked at as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Events:
    """A stream for threads.

    Args:
        stream: The SDK's.
        see: Gives an event back, or raises.
    """

    def __init__(self, stream: Any, see: Callable[[Any], Any]) -> None:
        self._stream = stream
        self._see = see

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        return map(self._see, self._stream)


class AsyncEvents:
    """A stream for coroutines; arguments as for `Events`."""

    def __init__(self, stream: Any, see: Callable[[Any], Any]) -> None:
        self._stream = stream
        self._see = see

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        see = self._see
        async for event in self._stream:
            yield see(event)
