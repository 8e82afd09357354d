"""An event loop in a thread of its own, on which synchronous callers have many requests in flight.

A request on it costs a fraction of a thread's, and its connections stay open from one call to the next.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from turnout import runtime

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from concurrent.futures import Future

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin a coroutine on the process's background loop.

    Cancelling what this returns cancels the coroutine.
    """
    return asyncio.run_coroutine_threadsafe(work, _running())


def _running() -> asyncio.AbstractEventLoop:
    global _loop, _thread  # noqa: PLW0603
    if _loop is None:
        with _lock:
            if _loop is None:
                loop = asyncio.new_event_loop()
                _thread = threading.Thread(target=_serve, args=(loop,), name="turnout-portal", daemon=True)
                _thread.start()
                _loop = loop
    return _loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def close() -> None:
    """Close the loop's connections, and end it; the next `submit` begins another."""
    global _loop, _thread
    loop, thread, _loop, _thread = _loop, _thread, None, None
    if loop is not None and thread is not None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)


def _forget() -> None:
    global _lock, _loop, _thread
    runtime.drop(_loop, _thread)
    _lock, _loop, _thread = threading.Lock(), None, None


atexit.register(close)
runtime.renew_in_child(_forget)
