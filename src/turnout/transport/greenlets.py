"""Synchronous SDK code on an event loop, without a thread: it runs in a greenlet that hands its waiting to the loop.

botocore has no async form. Its code runs here as it is, and where it would wait for the network it calls `wait`, which
suspends it until the loop has the answer.
"""

from __future__ import annotations

import contextvars
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

T = TypeVar("T")


class _LoopGreenlet(greenlet):  # type: ignore[misc]
    """A greenlet whose parent is a coroutine that awaits on its behalf."""


def in_greenlet() -> bool:
    """Whether the calling code runs in a greenlet of an event loop, and may `wait`."""
    return isinstance(getcurrent(), _LoopGreenlet)


def wait(awaitable: Awaitable[T]) -> T:
    """Await something from synchronous code in a greenlet."""
    running = getcurrent()
    assert isinstance(running, _LoopGreenlet)
    return cast("T", running.parent.switch(awaitable))


async def run(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a synchronous function, whose network calls `wait`, without blocking the event loop.

    What it raises is raised here; a cancellation reaches it where it waits.
    """
    child = _LoopGreenlet(function, getcurrent())
    child.gr_context = contextvars.copy_context()
    result = child.switch(*args, **kwargs)
    while not child.dead:
        try:
            value = await result
        except BaseException:  # noqa: BLE001 - raised again in the function, a cancellation too
            result = child.throw(*sys.exc_info())
        else:
            result = child.switch(value)
    return cast("T", result)


async def iterate(start: Callable[[], Iterator[T]]) -> AsyncGenerator[T]:
    """Iterate a synchronous generator, whose network calls `wait`, without blocking the event loop."""
    items, end = await run(start), object()
    try:
        while (item := await run(next, items, end)) is not end:
            yield cast("T", item)
    finally:
        if (close := getattr(items, "close", None)) is not None:
            await run(close)
