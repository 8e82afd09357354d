"""A blocking stream on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from typing import TYPE_CHECKING

import pytest

from turnout.llama_index.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Generator


class Source:
    """A blocking generator that says when it was closed."""

    def __init__(self, count: int, *, wait: float = 0.0, fails_at: int | None = None) -> None:
        self.count, self.wait, self.fails_at = count, wait, fails_at
        self.given = 0
        self.closed = threading.Event()

    def __call__(self) -> Generator[int, None, None]:
        try:
            for number in range(self.count):
                if number == self.fails_at:
                    message = f"no {number}"
                    raise LookupError(message)
                time.sleep(self.wait)
                self.given += 1
                yield number
        finally:
            self.closed.set()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "turnout-stream"]


async def until_no_thread() -> None:
    for _ in range(200):
        if not threads():
            return
        await asyncio.sleep(0.01)
    pytest.fail("a thread is left")


async def test_items_in_order() -> None:
    source = Source(100)
    assert [item async for item in in_thread(source)] == list(range(100))
    assert source.closed.is_set()
    await until_no_thread()


async def test_items_come_as_they_are_made() -> None:
    start, first = time.perf_counter(), None
    async for _ in in_thread(Source(5, wait=0.05)):
        first = first or time.perf_counter() - start
    assert first is not None
    assert first < 0.15
    assert time.perf_counter() - start > 0.2


async def test_an_error_comes_after_what_went_before() -> None:
    items = in_thread(Source(9, fails_at=3))
    assert [await anext(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="no 3"):
        await anext(items)
    await until_no_thread()


async def test_an_error_at_the_start() -> None:
    def start() -> Generator[int, None, None]:
        message = "not open"
        raise OSError(message)

    with pytest.raises(OSError, match="not open"):
        [item async for item in in_thread(start)]
    await until_no_thread()


async def test_leaving_early_closes_the_source() -> None:
    source = Source(1000, wait=0.01)
    items = in_thread(source)
    async for item in items:
        if item == 2:
            break
    await items.aclose()
    await until_no_thread()
    assert source.closed.is_set()
    assert source.given < 20


async def test_being_cancelled_closes_the_source() -> None:
    source = Source(1000, wait=0.01)

    async def read() -> None:
        async for _ in in_thread(source):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_no_thread()
    assert source.closed.is_set()


def test_a_loop_that_closes_first_is_no_trouble() -> None:
    source = Source(1000, wait=0.01)

    async def begin() -> None:
        await anext(in_thread(source))

    asyncio.run(begin())
    assert source.closed.wait(2)


async def test_the_context_goes_along() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    name.set("ada")

    def start() -> Generator[str, None, None]:
        yield name.get()

    assert [item async for item in in_thread(start)] == ["ada"]
