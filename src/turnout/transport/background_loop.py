"""An event loop in a thread of its own, on which synchronous callers have many requests in flight.

A request on it costs a fraction of a thread's, and its connections stay open from one call to the next.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from turnout import runtime
from turnout.runtime import Cache

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class _BackgroundLoop:
    def __init__(self) -> None:
        made: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, args=[made], name="turnout-background-loop", daemon=True)
        self._thread.start()
        try:
            self.loop = made.result()
        except BaseException:  # Ctrl-C
            made.add_done_callback(lambda _: _stop(made.result()))
            raise

    def _run(self, made: Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:  # which cancels what still runs: nothing opens connections while others close
            loop = runner.get_loop()  # the current one of this thread alone
            loop.call_soon(made.set_result, loop)
            loop.run_forever()

    def stop(self) -> None:
        """Close the loop's connections, and end it."""
        _stop(self.loop)
        self._thread.join(timeout=5)


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon_threadsafe(loop.stop)


_loops: Cache[None, _BackgroundLoop] = Cache(size=None, close=_BackgroundLoop.stop)


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Begin a coroutine on the process's background loop.

    Cancelling what this returns cancels the coroutine. At the end of the process it is cancelled too, and who waits for
    it isn't told: such a thread goes with the process, rather than fail on its way out.
    """
    try:
        begun = asyncio.run_coroutine_threadsafe(work, _loops.get_or_make(None, _BackgroundLoop).loop)
    except BaseException:  # Ctrl-C
        if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()
        raise
    waited: Future[T] = Future()

    def tell(_: Future[T]) -> None:
        if runtime.ends() or not waited.set_running_or_notify_cancel():
            return
        if begun.cancelled():
            waited.set_exception(CancelledError())
        elif (error := begun.exception()) is not None:
            waited.set_exception(error)
        else:
            waited.set_result(begun.result())

    begun.add_done_callback(tell)
    waited.add_done_callback(lambda _: waited.cancelled() and begun.cancel())
    return waited


def wait(future: Future[T], seconds: float) -> None:
    """Wait for so long at most; what isn't done by then goes on."""
    with suppress(TimeoutError):
        future.result(seconds)


async def await_(future: Future[T], seconds: float) -> None:
    """Likewise, without blocking the event loop, which may be closed by the time that it is done."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: Future[T]) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(tell)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await done.wait()
        future.result()
