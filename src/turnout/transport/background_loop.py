"""An event loop in a thread of its own, on which synchronous callers have many requests in flight.

A request on it costs a fraction of a thread's, and its connections stay open from one call to the next.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.runtime import Cache

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")


class _BackgroundLoop:
    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run, name="turnout-background-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._runner:  # which cancels what still runs, so that nothing opens a connection while others close
            self.loop.run_forever()

    def stop(self) -> None:
        """Close the loop's connections, and end it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)


_loops: Cache[None, _BackgroundLoop] = Cache(size=None, close=_BackgroundLoop.stop)


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin a coroutine on the process's background loop.

    Cancelling what this returns cancels the coroutine.
    """
    return asyncio.run_coroutine_threadsafe(work, _loops.get_or_make(None, _BackgroundLoop).loop)
