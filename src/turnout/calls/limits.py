"""How fast a deployment may be asked: one limiter for each, shared by every thread and event loop of the process.

A limiter has the requests and tokens a minute that the settings allow, a pause while the service asks for one, and the
window and the rate of `turnout.calls.pacing`, which follow what the service takes. `turnout.calls.refusals` tells which
refusals they follow.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf

from turnout.calls.pacing import Pace, Rate, Window
from turnout.calls.refusals import Refusals
from turnout.runtime import Cache, renewed_in_child

FIRST_WINDOW = 32
"""Embedding requests in flight at first; the window doubles each round while that brings more answers a second."""

_REST = 0.5  # seconds without a call before a trial, so that a quota has room for it; 1 cost more at 1 % refused


@dataclass(slots=True)
class Slot:
    """A call's place among those in flight: when it was let in, by the limiter's clock, and its estimated tokens."""

    began: float
    tokens: float


class Limiter:
    """What one deployment takes: requests and tokens a minute, if the settings limit them, and calls in flight."""

    def __init__(
        self,
        *,
        rpm: float | None = None,
        tpm: float | None = None,
        start: int = 1000,
        most: int = 1000,
        alone: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: deque[Callable[[], object]] = deque()  # wakes who waits
        self._window = Window(min(start, most), most)
        self.in_flight = 0
        self._paused_until = -inf
        self._answered_at = -inf
        self._rate = Rate()
        self._refusals = Refusals()
        self._slowed_at = -inf
        self._alone = alone  # a trial tells nothing where others go on asking
        self._requests, self._tokens = Pace(rpm), Pace(tpm)
        renewed_in_child(self)

    def renew(self) -> None:
        """Nobody waits or is being let in, in a forked child."""
        self._lock = threading.Lock()
        self._queue.clear()

    def allow(self, rpm: float | None, tpm: float | None) -> None:
        """Take other limits, where the settings changed."""
        if rpm != self._requests.per_minute:
            self._requests = Pace(rpm)
        if tpm != self._tokens.per_minute:
            self._tokens = Pace(tpm)

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited, so that a call must be estimated."""
        return bool(self._tokens.per_minute)

    @property
    def quiet(self) -> float:
        """Seconds since the deployment last answered a call."""
        return self._clock() - self._answered_at

    @property
    def window(self) -> float:
        """Calls that may be in flight now."""
        return self._window.size(self._clock())

    @property
    def usually_refused(self) -> float:
        """The share of the calls that is refused however few there are."""
        return self._refusals.usual

    def enter(self, tokens: float = 0, *, within: float | None = None, pauses: bool = True) -> Slot:
        """Wait until a call may be made, for `within` seconds at most; `tokens` is an estimate of what it takes.

        Raises:
            TimeoutError: It may not be made within that time.
        """
        if (slot := self._at_once(tokens, pauses=pauses)) is not None:
            return slot
        ends = inf if within is None else self._clock() + within
        event = threading.Event()
        wake = event.set
        with self._queued(wake, pauses=pauses):
            while True:
                slot, delay = self._turn(wake, tokens, pauses=pauses)
                if slot is not None:
                    return slot
                left = ends - self._clock()
                if left <= 0:
                    raise TimeoutError
                wait = min(delay, left)
                event.wait(None if wait == inf else wait)
                event.clear()

    async def aenter(self, tokens: float = 0, *, pauses: bool = True) -> Slot:
        """Wait until a call may be made, without blocking the event loop."""
        if (slot := self._at_once(tokens, pauses=pauses)) is not None:
            return slot
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

        with self._queued(wake, pauses=pauses):
            while True:
                slot, delay = self._turn(wake, tokens, pauses=pauses)
                if slot is not None:
                    return slot
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if delay == inf else delay):
                        await event.wait()
                event.clear()

    def leave(self, slot: Slot, *, tokens: float | None = None, answered: bool = False) -> None:
        """A call ended; `tokens` is what it really took, if the service said so."""
        with self._lock:
            now = self._clock()
            self.in_flight -= 1
            if answered:
                self._answered_at = now
                self._window.answered(now, self.in_flight)
                self._rate.answered(now)
                self._saw(slot, now, refused=False)
            if tokens is not None:
                self._tokens.take(tokens - slot.tokens, now)
            self._nudge()

    def correct(self, slot: Slot, tokens: float) -> None:
        """A call that has left already took so many tokens."""
        with self._lock:
            self._tokens.take(tokens - slot.tokens, self._clock())
            self._nudge()

    def throttled(self, slot: Slot, pause: float) -> None:
        """A call, which also leaves, was throttled: nobody asks for `pause` seconds, then fewer at once.

        What is refused as usual holds up nobody else.
        """
        with self._lock:
            now = self._clock()
            self.in_flight -= 1
            self._saw(slot, now, refused=True)
            late = slot.began < self._slowed_at  # it was begun before others were throttled: a burst counts once
            if late or (self._refusals.unusual and not self._refusals.on_trial):
                self._paused_until = max(self._paused_until, now + pause)
                if not late:
                    self._slow_down(now)
            self._nudge()

    def _slow_down(self, now: float) -> None:
        self._slowed_at = now
        self._window.throttled(now, self.in_flight)
        limited = self._rate.throttled(now, self._refusals.usual)
        if self._refusals.slowed(now, may_try=limited and self._alone):
            self._paused_until = max(self._paused_until, now + _REST)
            self._refusals.begin(self._paused_until)
            self._rate.begin_trial(now, self._paused_until)

    def _saw(self, slot: Slot, now: float, *, refused: bool) -> None:
        if not self._refusals.on_trial or slot.began < self._slowed_at:
            self._refusals.saw(refused=refused)
            return
        is_quota = self._refusals.tried(now, refused=refused)
        if is_quota is None:
            return
        self._rate.end_trial(now, is_quota=is_quota)
        if not is_quota:
            self._window.restore()

    @contextmanager
    def _queued(self, wake: Callable[[], object], *, pauses: bool) -> Iterator[None]:
        with self._lock:
            # Who doesn't wait for a pause to end goes past those who do.
            (self._queue.append if pauses else self._queue.appendleft)(wake)
        try:
            yield
        finally:
            with self._lock:
                self._queue.remove(wake)
                self._nudge()

    def _at_once(self, tokens: float, *, pauses: bool) -> Slot | None:
        with self._lock:
            return None if (self._queue and pauses) or self._delay(pauses=pauses) else self._admit(tokens)

    def _turn(self, wake: Callable[[], object], tokens: float, *, pauses: bool) -> tuple[Slot | None, float]:
        with self._lock:
            if self._queue[0] is not wake:
                return None, inf
            delay = self._delay(pauses=pauses)
            return (None, delay) if delay else (self._admit(tokens), 0.0)

    def _delay(self, *, pauses: bool) -> float:
        """Seconds until the next call may be let in; infinite until one leaves."""
        now = self._clock()
        if full := self._window.wait(now, self.in_flight):
            return full
        pause = self._paused_until - now if pauses else 0.0
        return max(self._rate.wait(now), self._requests.wait(now), self._tokens.wait(now), pause)

    def _admit(self, tokens: float) -> Slot:
        now = self._clock()
        self.in_flight += 1
        self._rate.take(now)
        self._requests.take(1, now)
        self._tokens.take(tokens, now)
        return Slot(now, tokens)

    def _nudge(self) -> None:
        if self._queue:
            self._queue[0]()


_limiters: Cache[tuple[str, ...], Limiter] = Cache(size=1000)
_processes = 1


def divide(processes: int) -> None:
    """Share what the settings allow with other processes that ask the same deployments.

    Each takes its part of the requests and tokens a minute and of the calls in flight. What the settings don't say,
    each finds out by itself: windows that shrink for every throttled call end alike. So every refusal counts as the
    quota's, which all of them ask. A fork keeps the division.

    Args:
        processes: How many there are, with this one.

    Raises:
        ValueError: It isn't at least one.
    """
    global _processes  # noqa: PLW0603
    if processes < 1:
        raise ValueError(f"{processes} processes can't share a limit; say how many there are, with this one")
    if processes != _processes:
        _processes = processes
        forget()


def shared(key: tuple[str, ...], *, rpm: float | None, tpm: float | None, start: int, most: int) -> Limiter:
    """The process's limiter of a deployment. What the settings allow is for all processes together."""
    if _processes > 1:
        rpm, tpm = rpm and rpm / _processes, tpm and tpm / _processes
        start, most = max(1, start // _processes), max(1, most // _processes)
    limiter = _limiters.get_or_make(
        key, lambda: Limiter(rpm=rpm, tpm=tpm, start=start, most=most, alone=_processes == 1)
    )
    limiter.allow(rpm, tpm)
    return limiter


def forget() -> None:
    """Begin anew, with no memory of what a service took."""
    _limiters.clear()
