"""Whether an attempt's answer has begun to arrive: what fails before is the request's fault, what fails then its own.

The classes that carry a call turn messages into a request, send it and read the answer, all in one. So what they raise
says by itself nothing of whose fault it is; the transports say when an answer's head has come.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Attempt(Protocol):
    """What is told."""

    arrived: bool


_attempt: ContextVar[Attempt | None] = ContextVar("turnout_attempt", default=None)


def arrived() -> None:
    """Say that the head of the answer to this code's request has come; transports do."""
    attempt = _attempt.get()
    if attempt is not None:
        attempt.arrived = True


class Expecting:
    """Has the transports under a block tell an attempt that its answer arrives."""

    __slots__ = ("_attempt", "_token")

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __enter__(self) -> None:
        self._token = _attempt.set(self._attempt)

    def __exit__(self, *error: object) -> None:
        _attempt.reset(self._token)
