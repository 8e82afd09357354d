"""The event loop in a thread of its own, and what its end means for what still runs on it."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError

import pytest

from turnout import runtime
from turnout.transport.background_loop import submit


async def now() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_what_still_runs_when_the_loop_ends_is_cancelled_and_nobody_waits_for_it() -> None:
    first = submit(now()).result(5)
    waiting = submit(asyncio.sleep(60))
    runtime.close()
    with pytest.raises(CancelledError):
        waiting.result(5)
    assert first.is_closed()
    assert submit(now()).result(5) is not first
