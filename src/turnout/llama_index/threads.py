"""A blocking stream, read by a thread of its own and given to the event loop as it comes."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

T = TypeVar("T")


async def in_thread(start: Callable[[], Generator[T, None, None]]) -> AsyncGenerator[T, None]:
    """Iterate a blocking generator without blocking the event loop.

    When the consumer stops early or is cancelled, the thread closes the generator at its next item, and ends.

    Args:
        start: Makes the generator; called in the thread.

    Yields:
        The generator's items; what it raises is raised here.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[T] | BaseException | None] = asyncio.Queue()
    abandoned = threading.Event()

    def hand_over(item: tuple[T] | BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(queue.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody waits any more
            abandoned.set()

    def read() -> None:
        try:
            items = start()
            try:
                for item in items:
                    if abandoned.is_set():
                        return
                    hand_over((item,))
            finally:
                items.close()
        except BaseException as error:  # noqa: BLE001 - raised again on the loop's side
            hand_over(error)
        else:
            hand_over(None)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(read,), name="turnout-stream", daemon=True).start()
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        abandoned.set()
