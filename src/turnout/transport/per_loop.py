"""Something of its own for each event loop, closed when the loop shuts down."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from turnout import runtime
from turnout.transport.fork_safety import separate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Keeps one `T` for each running loop, made and closed on it."""

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._kept: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None]]] = {}
        runtime.renewed_in_child(self)

    async def get(self) -> T:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        found = self._kept.get(loop)
        if found is not None:
            return found[0]
        made = self._make()
        with self._lock:
            for gone in [known for known in self._kept if known.is_closed()]:
                del self._kept[gone]
        # A loop that shuts down (asyncio.run does it at its end) closes its async generators: that closes this one.
        guard = self._guard(loop, made)
        self._kept[loop] = (made, guard)
        await anext(guard)
        return made

    async def _guard(self, loop: asyncio.AbstractEventLoop, made: T) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            kept = self._kept.get(loop)
            if kept is not None and kept[0] is made:  # otherwise it is the parent's
                del self._kept[loop]
                await self._close(made)

    def renew(self) -> None:
        """Leave what a forked child has from its parent."""
        runtime.drop(self, self._kept)
        for loop in self._kept:
            separate(loop)
        self._kept = {}
        self._lock = threading.Lock()
