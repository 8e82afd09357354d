"""Which refusals are a quota's: those that become fewer when less is asked.

Some deployments refuse a share of the calls however few there are. To ask them less brings less, and as large a share
is refused. So when more is refused than usual, everybody rests and then asks half as much for a moment, as a trial.
What is refused even then is no quota's: it is usual from then on, and slows nobody down.
"""

from __future__ import annotations

from math import inf, log, sqrt

RECENT = 30  # calls over which the share of late is measured, so that it begins at a thirtieth
_TRIAL = 10, 30  # calls of a trial, at least and at most: enough to tell a tenth refused from none
_LONGEST = 1.0  # seconds of a trial, once it has the least: few calls a second don't prolong it
_SURE = log(10)  # it ends earlier when its outcome is ten times as likely with one answer as with the other
_FEW = 0.01  # the share that a quota refuses of half as many calls: others may ask it as well
_MOST = 0.6  # a service that refuses more of everything is asked less; at 0.4, chance made that of 30 % refused
_CHECK = 100  # calls after which fewer refusals than usual are noticed
_CHANCE = 3.0  # standard deviations that are left to chance, which exceeds them once in 700 times
_AGAIN, _RARELY = 2.0, 60.0  # seconds from one trial that found a quota to the next, twice as many each time


class Refusals:
    """The share of the calls that is refused: usually, of late, and in the trial that is under way.

    Attributes:
        usual: The share that is refused however little is asked.
        on_trial: Whether a trial is under way.
    """

    def __init__(self) -> None:
        self.usual = 0.0
        self.on_trial = False
        self._share = 0.0  # of late
        self._calls = self._refused = 0  # since less was asked or the last check, or of the trial
        self._ends = inf  # when the trial should end
        self._is_quota = False
        self._due, self._gap = -inf, _AGAIN

    def saw(self, *, refused: bool) -> None:
        """A call ended that is none of a trial's."""
        # Refusals come quickly: what is answered now was begun before those of a trial's beginning.
        if refused or not self.on_trial:
            self._share += (refused - self._share) / RECENT
        if self.on_trial:
            return
        self._calls += 1
        self._refused += refused
        if self._calls >= _CHECK:
            if self._refused < self._expected - self._chance:
                self.usual = self._refused / self._calls
            self._calls = self._refused = 0

    @property
    def unusual(self) -> bool:
        """Whether more is refused than usual, beyond chance."""
        if not self.usual:
            return self._refused > 0
        return self._calls >= RECENT and self._refused > self._expected + self._chance

    def slowed(self, now: float, *, may_try: bool) -> bool:
        """Less is asked from now on; gives back whether that is for a trial, which `begin` begins."""
        self._calls = self._refused = 0
        return may_try and now >= self._due

    def begin(self, now: float) -> None:
        """A trial's first call may be made now."""
        self.on_trial, self._ends = True, now + _LONGEST

    def tried(self, now: float, *, refused: bool) -> bool | None:
        """A call of the trial ended: whether its refusals are a quota's; None as long as that isn't plain."""
        self._calls += 1
        self._refused += refused
        least, most = _TRIAL
        odds = self._odds()
        ends = self._calls >= most or now > self._ends or abs(odds) >= _SURE
        if self._calls < least or not ends:
            return None
        share = (self._share * RECENT + self._refused) / (RECENT + self._calls)  # before and in the trial
        # Where it stays open, too few are refused to matter: it is as it was found to be before.
        is_quota = share > _MOST or (odds < 0 if self._is_quota else odds <= -_SURE)
        if is_quota:
            self.usual = min(self.usual, self._refused / self._calls)
            self._due, self._gap = now + self._gap, min(2 * self._gap, _RARELY)
        else:
            self.usual = share
            self._due, self._gap = -inf, _AGAIN
        self._is_quota, self.on_trial = is_quota, False
        self._calls = self._refused = 0
        return is_quota

    def _odds(self) -> float:
        """How much likelier the trial's outcome is if as many are refused as before, than if few are; a logarithm."""
        few = max(self.usual, _FEW)
        as_before = min(max(self._share, 2 * few), 0.9)
        answered = self._calls - self._refused
        return self._refused * log(as_before / few) + answered * log((1 - as_before) / (1 - few))

    @property
    def _expected(self) -> float:
        return self.usual * self._calls

    @property
    def _chance(self) -> float:
        """How far chance takes it from what is expected, which was measured over few calls itself."""
        return _CHANCE * sqrt(self._expected * (1 - self.usual) * (1 + self._calls / (2 * RECENT)))
