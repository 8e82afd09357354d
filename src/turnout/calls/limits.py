"""How fast a deployment may be asked: one limiter for each, shared by every thread and event loop of the process.

A limiter holds four things: the requests and tokens a minute that the settings allow, a pause while the service asks
for one, a window of calls in flight that grows while the service answers and shrinks when it throttles (additive
increase, multiplicative decrease, as TCP has it), and, once it has throttled, the rate at which it answered, which is
then tried a little above again and again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf

from turnout.runtime import Cache, renewed_in_child

FIRST_WINDOW = 32
"""Embedding requests in flight at first; the window doubles each round while that brings more answers a second."""

_BURST = 1.0  # seconds' worth of quota that may be used at once
_WORTH = 1.25  # a doubled window must answer this much faster, or the client or the service is at its limit
_SHRINK = 0.85
_MEMORY = 1.0  # seconds over which answers a second are measured
_EASE, _PROBE = 0.95, 0.1  # of the measured rate after throttling; how much more is tried each second
_BOLD = 20.0  # times that much more at most, after as many seconds without throttling
_ENOUGH = 4.0  # times the measured rate: a limit so far above it limits nothing


class Pace:
    """A quota a minute, spread over the minute (the generic cell rate algorithm).

    Args:
        per_minute: The quota.
    """

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._each = 60.0 / per_minute
        self._burst = max(_BURST, self._each)
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may be taken; one that is larger than the burst waits for a full one."""
        return max(0.0, self._free_at - now - self._burst + self._each)

    def take(self, amount: float, now: float) -> None:
        """Take from the quota; a negative amount gives back."""
        self._free_at = max(self._free_at, now) + amount * self._each


class Rate:
    """How many calls a second a throttling service takes: what it answered, and then a little more each second."""

    def __init__(self) -> None:
        self._measured, self._at = 0.0, -inf
        self._limit: float | None = None
        self._limited_at = self._changed_at = self._free_at = -inf

    def measured(self, now: float) -> float:
        """Answers a second of late."""
        return self._measured * exp((self._at - now) / _MEMORY)

    def answered(self, now: float) -> None:
        """A call was answered."""
        self._measured, self._at = self.measured(now) + 1 / _MEMORY, now
        if self._limit is not None:
            calm = min(1 + now - self._limited_at, _BOLD)
            self._limit *= 1 + _PROBE * calm * (now - self._changed_at)
            self._changed_at = now
            if self._limit > _ENOUGH * self._measured:
                self._limit = None

    def throttled(self, now: float, began: float) -> None:
        """A call that began at `began` was throttled; a burst of those counts once."""
        measured = self.measured(now)
        if measured > 1 and began >= self._limited_at:
            self._limit = _EASE * measured
            self._limited_at = self._changed_at = now

    def wait(self, now: float) -> float:
        """Seconds until the next call."""
        return 0.0 if self._limit is None else max(0.0, self._free_at - now)

    def take(self, now: float) -> None:
        """A call is made."""
        if self._limit is not None:
            self._free_at = max(self._free_at, now - 1 / self._limit) + 1 / self._limit


class Window:
    """How many calls may be in flight.

    Args:
        start: The first size.
        most: The largest size.
    """

    def __init__(self, start: int, most: int) -> None:
        self.size: float = start
        self._most = most
        self._doubling = start < most
        self._round_began: float | None = None
        self._round_answers = 0
        self._last: tuple[float, float] | None = None  # size and answers a second of the round before
        self._shrunk_at = -inf

    def answered(self, now: float, in_flight: int) -> None:
        """A call was answered; the window grows if it was full."""
        if self.size >= self._most or in_flight + 1 < int(self.size):
            self._round_began, self._round_answers = None, 0
            return
        if not self._doubling:
            self.size = min(self._most, self.size + 1 / self.size)
            return
        if self._round_began is None:
            self._round_began = now
            return
        self._round_answers += 1
        if self._round_answers >= self.size:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        assert self._round_began is not None
        rate = self._round_answers / max(now - self._round_began, 1e-9)
        self._round_began, self._round_answers = now, 0
        if self._last is not None and rate < self._last[1] * _WORTH:
            self.size, self._doubling = self._last[0], False
        else:
            self._last = (self.size, rate)
            self.size = min(self._most, self.size * 2)

    def throttled(self, now: float, began: float, in_flight: int) -> None:
        """A call that began at `began` was throttled; a burst of those shrinks the window once."""
        if began < self._shrunk_at:
            return
        self.size = max(1.0, min(self.size, in_flight + 1) * _SHRINK)
        self._shrunk_at, self._doubling = now, False


@dataclass(slots=True)
class Slot:
    """A call's place among those in flight.

    Attributes:
        began: When it was let in, on the limiter's clock.
        tokens: What it was estimated at.
    """

    began: float
    tokens: float


class Limiter:
    """What one deployment takes.

    Args:
        rpm: Requests a minute, if the settings limit them.
        tpm: Tokens a minute, likewise.
        start: Calls in flight at first.
        most: Calls in flight at most.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        start: int = 1000,
        most: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: deque[_Waiter] = deque()
        self._window = Window(min(start, most), most)
        self._in_flight = 0
        self._paused_until = -inf
        self._answered_at = -inf
        self._rate = Rate()
        self._requests: Pace | None = None
        self._tokens: Pace | None = None
        self.allow(rpm, tpm)
        renewed_in_child(self)

    def renew(self) -> None:
        """Nobody waits or is being let in, in a forked child."""
        self._lock = threading.Lock()
        self._queue.clear()

    def allow(self, rpm: float | None, tpm: float | None) -> None:
        """Take other limits, where the settings changed."""
        if rpm != (self._requests and self._requests.per_minute):
            self._requests = Pace(rpm) if rpm else None
        if tpm != (self._tokens and self._tokens.per_minute):
            self._tokens = Pace(tpm) if tpm else None

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited, so that a call must be estimated."""
        return self._tokens is not None

    @property
    def quiet(self) -> float:
        """Seconds since the deployment last answered a call."""
        return self._clock() - self._answered_at

    @property
    def in_flight(self) -> int:
        """Calls in flight now."""
        return self._in_flight

    @property
    def window(self) -> float:
        """Calls that may be in flight now."""
        return self._window.size

    def enter(self, tokens: float = 0, *, within: float | None = None, pauses: bool = True) -> Slot:
        """Wait until a call may be made.

        Args:
            tokens: An estimate of what it takes.
            within: Seconds to wait at most.
            pauses: Whether the call waits while the service asks for a pause.

        Raises:
            TimeoutError: It may not be made within that time.
        """
        slot = self._at_once(tokens, pauses=pauses)
        if slot is not None:
            return slot
        ends = inf if within is None else self._clock() + within
        waiter = _ThreadWaiter()
        self._join(waiter, pauses=pauses)
        try:
            while True:
                slot, delay = self._turn(waiter, tokens, pauses=pauses)
                if slot is not None:
                    return slot
                left = ends - self._clock()
                if left <= 0:
                    raise TimeoutError
                waiter.wait(min(delay, left))
        finally:
            self._gone(waiter)

    async def aenter(self, tokens: float = 0, *, pauses: bool = True) -> Slot:
        """Wait until a call may be made, without blocking the event loop."""
        slot = self._at_once(tokens, pauses=pauses)
        if slot is not None:
            return slot
        waiter = _LoopWaiter()
        self._join(waiter, pauses=pauses)
        try:
            while True:
                slot, delay = self._turn(waiter, tokens, pauses=pauses)
                if slot is not None:
                    return slot
                await waiter.wait(delay)
        finally:
            self._gone(waiter)

    def leave(self, slot: Slot, *, tokens: float | None = None, answered: bool = False) -> None:
        """A call ended.

        Args:
            slot: Its place.
            tokens: What it really took, if the service said so.
            answered: Whether the service answered it.
        """
        with self._lock:
            now = self._clock()
            self._in_flight -= 1
            if answered:
                self._answered_at = now
                self._window.answered(now, self._in_flight)
                self._rate.answered(now)
            if tokens is not None and self._tokens is not None:
                self._tokens.take(tokens - slot.tokens, now)
            self._nudge()

    def correct(self, slot: Slot, tokens: float) -> None:
        """A call that has left already took so many tokens."""
        with self._lock:
            if self._tokens is not None:
                self._tokens.take(tokens - slot.tokens, self._clock())
                self._nudge()

    def throttled(self, slot: Slot, pause: float) -> None:
        """A call, which also leaves, was throttled: nobody asks for `pause` seconds, then fewer at once."""
        with self._lock:
            now = self._clock()
            self._in_flight -= 1
            self._window.throttled(now, slot.began, self._in_flight)
            self._rate.throttled(now, slot.began)
            self._paused_until = max(self._paused_until, now + pause)
            self._nudge()

    def _join(self, waiter: _Waiter, *, pauses: bool) -> None:
        with self._lock:
            if pauses:
                self._queue.append(waiter)
            else:  # past those who wait for a pause to end
                self._queue.appendleft(waiter)

    def _at_once(self, tokens: float, *, pauses: bool) -> Slot | None:
        with self._lock:
            return None if (self._queue and pauses) or self._delay(pauses=pauses) else self._admit(tokens)

    def _turn(self, waiter: _Waiter, tokens: float, *, pauses: bool) -> tuple[Slot | None, float]:
        with self._lock:
            if self._queue[0] is not waiter:
                return None, inf
            delay = self._delay(pauses=pauses)
            return (None, delay) if delay else (self._admit(tokens), 0.0)

    def _delay(self, *, pauses: bool) -> float:
        """Seconds until the next call may be let in; infinite until one leaves."""
        now = self._clock()
        if self._in_flight >= max(1, int(self._window.size)):
            return inf
        waits = [pace.wait(now) for pace in (self._requests, self._tokens) if pace is not None]
        return max(0.0, self._rate.wait(now), self._paused_until - now if pauses else 0.0, *waits)

    def _admit(self, tokens: float) -> Slot:
        now = self._clock()
        self._in_flight += 1
        self._rate.take(now)
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(tokens, now)
        return Slot(now, tokens)

    def _gone(self, waiter: _Waiter) -> None:
        with self._lock:
            self._queue.remove(waiter)
            self._nudge()

    def _nudge(self) -> None:
        if self._queue:
            self._queue[0].wake()


class _ThreadWaiter:
    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> None:
        self._event.wait(None if seconds == inf else seconds)
        self._event.clear()


class _LoopWaiter:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


_Waiter = _ThreadWaiter | _LoopWaiter

_limiters: Cache[tuple[str, ...], Limiter] = Cache(size=1000)
_processes = 1


def divide(processes: int) -> None:
    """Share what the settings allow with other processes that ask the same deployments.

    Each takes its part of the requests and tokens a minute and of the calls in flight. What the settings don't say,
    each finds out by itself: windows that shrink for every throttled call end alike. A fork keeps the division.

    Args:
        processes: How many there are, with this one.

    Raises:
        ValueError: It isn't at least one.
    """
    global _processes  # noqa: PLW0603
    if processes < 1:
        msg = f"{processes} processes can't share a limit; say how many there are, with this one"
        raise ValueError(msg)
    if processes != _processes:
        _processes = processes
        forget()


def shared(key: tuple[str, ...], *, rpm: float | None, tpm: float | None, start: int, most: int) -> Limiter:
    """The process's limiter of a deployment.

    Args:
        key: What tells the deployment from others.
        rpm: Requests a minute that the settings allow, all processes together.
        tpm: Tokens a minute, likewise.
        start: Calls in flight at first, likewise.
        most: Calls in flight at most, likewise.
    """
    if _processes > 1:
        rpm, tpm = rpm and rpm / _processes, tpm and tpm / _processes
        start, most = max(1, start // _processes), max(1, most // _processes)
    limiter = _limiters.get_or_make(key, lambda: Limiter(rpm=rpm, tpm=tpm, start=start, most=most))
    limiter.allow(rpm, tpm)
    return limiter


def forget() -> None:
    """Begin anew, with no memory of what a service took."""
    _limiters.clear()
