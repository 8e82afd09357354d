"""What a service takes: a quota a minute, calls a second while it throttles, and calls in flight.

The window of calls in flight grows while the service answers and shrinks when it throttles (additive increase,
multiplicative decrease, as TCP has it). Once it has throttled, a little more than the rate at which it answered is
tried again and again.
"""

from __future__ import annotations

from math import exp, inf

_BURST = 1.0  # seconds' worth of quota that may be used at once
_WORTH = 1.25  # a doubled window must answer this much faster, or the client or the service is at its limit
_SHRINK = 0.85
_FEW = 8  # calls in flight: a refusal among fewer says little of how many there may be
_SLOT = 1.0  # seconds until one more of so few may be in flight: what hangs holds up nobody for long
_MEMORY = 1.0  # seconds over which answers a second are measured
_CUT = 0.9  # of what was answered is asked after a refusal: a quota of 100 a second is used by 99 % with 1 % refused
_HALF = 0.5  # of what was answered is asked in a trial: in its first second, a quota's burst makes it a third too much
_PROBE, _BOLD = 0.1, 20.0  # more is tried each second, up to so many times that after as many calm seconds


class Pace:
    """A quota a minute, if there is one, spread over the minute (the generic cell rate algorithm)."""

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._each = 60.0 / per_minute if per_minute else 0.0
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
        self._on_trial = False

    def measured(self, now: float) -> float:
        """Answers a second of late."""
        return self._measured * exp(min(0.0, self._at - now) / _MEMORY)

    def answered(self, now: float) -> None:
        """A call was answered."""
        self._measured, self._at = self.measured(now) + 1 / _MEMORY, max(self._at, now)
        if self._limit is not None and not self._on_trial:
            calm = min(1 + now - self._limited_at, _BOLD)
            self._limit *= 1 + _PROBE * calm * (now - self._changed_at)
            self._changed_at = now

    def throttled(self, now: float, usual: float) -> bool:
        """A quota seems to throttle, and a share is refused as usual; gives back whether that limits the rate."""
        measured = self.measured(now)
        if measured <= 1:
            return False
        self._limit = _CUT * measured / (1 - usual)
        self._limited_at = self._changed_at = now
        return True

    def begin_trial(self, now: float, begins: float) -> None:
        """Ask half as much, from `begins` on; that nobody asks until then says nothing of how much is answered."""
        self._on_trial = True
        self._measured, self._at = self.measured(now), begins

    def end_trial(self, now: float, *, is_quota: bool) -> None:
        """Ask as much as before; without a limit, if the trial found that it is no quota that refuses."""
        self._on_trial, self._changed_at = False, now
        if not is_quota:
            self._limit = None

    def wait(self, now: float) -> float:
        """Seconds until the next call."""
        return 0.0 if self._limit is None else max(0.0, self._free_at - now)

    def take(self, now: float) -> None:
        """A call is made."""
        if self._limit is not None:
            each = 1 / (self._limit * (_HALF if self._on_trial else 1))
            self._free_at = max(self._free_at, now - each) + each


class Window:
    """How many calls may be in flight."""

    def __init__(self, start: int, most: int) -> None:
        self._size: float = start
        self._most = most
        self._doubling = start < most
        self._round_began: float | None = None
        self._round_answers = 0
        self._last: tuple[float, float] | None = None  # size and answers a second of the round before
        self._before: tuple[float, bool] = (start, self._doubling)  # it shrank
        self._few = min(_FEW, start)
        self._shrunk_at = -inf

    def size(self, now: float) -> float:
        """The calls that may be in flight: since it shrank to a few, one more each second."""
        if self._size >= self._few:
            return self._size
        return min(self._few, self._size + max(0.0, now - self._shrunk_at) / _SLOT)

    def wait(self, now: float, in_flight: int) -> float:
        """Seconds until another call may be in flight; infinite if one must end."""
        size = max(1.0, self.size(now))
        if in_flight < int(size):
            return 0.0
        return (in_flight + 1 - size) * _SLOT if size < self._few else inf

    def answered(self, now: float, in_flight: int) -> None:
        """A call was answered; the window grows if it was full."""
        size = self.size(now)
        if size >= self._most or in_flight + 1 < int(size):
            self._round_began, self._round_answers = None, 0
            return
        if not self._doubling:
            self._size = min(self._most, self._size + 1 / size)
            return
        if self._round_began is None:
            self._round_began = now
            return
        self._round_answers += 1
        if self._round_answers >= size:
            self._end_round(now)

    def _end_round(self, now: float) -> None:
        assert self._round_began is not None
        rate = self._round_answers / max(now - self._round_began, 1e-9)
        self._round_began, self._round_answers = now, 0
        if self._last is not None and rate < self._last[1] * _WORTH:
            self._size, self._doubling = self._last[0], False
        else:
            self._last = (self._size, rate)
            self._size = min(self._most, self._size * 2)

    def throttled(self, now: float, in_flight: int) -> None:
        """A quota seems to throttle: fewer at once."""
        size = self.size(now)
        self._before = size, self._doubling
        self._size = max(1.0, min(size, max(in_flight + 1, _FEW)) * _SHRINK)
        self._doubling, self._shrunk_at = False, now

    def restore(self) -> None:
        """It was no quota: it needn't have shrunk the last time."""
        size, self._doubling = self._before
        self._size = max(self._size, size)
