"""Whether an attempt's answer has begun to arrive: what fails before is the request's fault, what fails then its own.

The classes that carry a call make a request, send it and read the answer, all in one. So what they raise says nothing
of whose fault it is; the transports say when an answer's head has come.
"""

from __future__ import annotations

from contextvars import ContextVar


class Arrival:
    """Whether the head of an attempt's answer has come.

    It is all that a context keeps of an attempt. A connection has a copy of the context that opened it for as long as
    it is kept, and would keep the answer too.
    """

    __slots__ = ("came",)

    def __init__(self) -> None:
        self.came = False


_expected: ContextVar[Arrival | None] = ContextVar("turnout_arrival", default=None)


def arrived() -> None:
    """Say that the head of the answer to this code's request has come; transports do."""
    arrival = _expected.get()
    if arrival is not None:
        arrival.came = True


class ExpectArrival:
    """Has the transports under a block say that an attempt's answer arrives."""

    __slots__ = ("_arrival", "_token")

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival

    def __enter__(self) -> None:
        self._token = _expected.set(self._arrival)

    def __exit__(self, *error: object) -> None:
        _expected.reset(self._token)
