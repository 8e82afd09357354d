"""A deadline holds while a stream is read, and not while its reader does something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.calls.attempts import Attempts
from turnout.calls.limits import Limiter
from turnout.calls.streams import stream
from turnout.transport.deadline import RetryPolicy, remaining

if TYPE_CHECKING:
    from collections.abc import Generator


def test_each_piece_is_read_under_the_deadline() -> None:
    left: list[float | None] = []

    def start() -> Generator[int]:
        for number in range(4):
            left.append(remaining())
            yield number

    call = Attempts(RetryPolicy(deadline=60), Limiter(), lambda _: None)
    outside = [remaining() for _ in stream(call, start, lambda number: number == 1)]
    assert outside == [None] * 4
    assert len(left) == 4
    assert all(seconds is not None and 0 < seconds <= 60 for seconds in left)
