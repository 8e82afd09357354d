"""When a call is repeated, and until when it may take."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST = 0.001  # seconds that something may still take when the deadline has come: sockets take 0 for "don't wait"

_ends: ContextVar[float | None] = ContextVar("turnout_deadline", default=None)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call is repeated.

    Attributes:
        max_retries: How often at most.
        deadline: Seconds for the whole call: its attempts and the waits between them.
        max_retry_wait: Seconds that one wait may take; a service that asks for a longer one is not waited for.
        patience: Seconds for which throttling is waited out without counting as a retry, as long as the deployment
            answers others; for bulk work, which wants the quota rather than a quick no.
    """

    max_retries: int = 2
    deadline: float | None = None
    max_retry_wait: float = 60.0
    patience: float = 0.0


def remaining() -> float | None:
    """Seconds until the deadline of the call that this code is part of; None if it has none."""
    ends = _ends.get()
    return None if ends is None else max(ends - time.monotonic(), _LEAST)


def in_time() -> float | None:
    """Likewise, of something that must not begin after the deadline: then it raises `TimeoutError`."""
    ends = _ends.get()
    if ends is not None and time.monotonic() >= ends:
        raise TimeoutError("the call's deadline has passed")
    return remaining()


def shorter(limit: float | None, left: float | None) -> float | None:
    """The shorter of a limit and of what a call has left, either of which may be None for no limit."""
    if left is None or limit is None:
        return limit if left is None else left
    return min(limit, left)


_NO_DEADLINE = nullcontext()


def until(ends: float | None) -> AbstractContextManager[None]:
    """Have `remaining` count down to a time of the monotonic clock."""
    return _NO_DEADLINE if ends is None else _until(ends)


@contextmanager
def _until(ends: float) -> Iterator[None]:
    token = _ends.set(ends)
    try:
        yield
    finally:
        _ends.reset(token)
