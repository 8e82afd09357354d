"""Blocking work on a thread of its own: who asked for it waits no longer than the call's deadline.

These are not the event loop's threads: `asyncio.run` waits for those to end, however long that takes. A thread that
nobody waits for any more ends by itself, or with the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.errors import ServiceTimeoutError
from turnout.transport.deadline import remaining

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def begin(function: Callable[..., T], *arguments: Any) -> Future[T]:
    """Run a function on a thread of its own, in a copy of the caller's context."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # so that one who stops waiting doesn't cancel it for the others
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(function, *arguments)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="turnout-blocking", daemon=True).start()
    return future


def result_in_time(future: Future[T], what: str) -> T:
    """The result of `begin`, or `ServiceTimeoutError` when the call's deadline passes; `what` names it in the error."""
    try:
        return future.result(remaining())
    except TimeoutError as error:
        if future.done():
            raise
        msg = f"{what} had not come when the call's deadline passed; raise `deadline`, or see why it takes so long"
        raise ServiceTimeoutError(msg) from error


def within_deadline(what: str, function: Callable[..., T], *arguments: Any) -> T:
    """Likewise of a blocking function, which is on a thread of its own only where the call has a deadline."""
    if remaining() is None:
        return function(*arguments)
    return result_in_time(begin(function, *arguments), what)


async def off_loop(function: Callable[..., T], *arguments: Any) -> T:
    """Call a blocking function without blocking the event loop, nor its end."""
    return await asyncio.wrap_future(begin(function, *arguments))
