"""Whether a deployment rests after failures: one circuit for each, shared by every thread and event loop.

A deployment rests after several failures in a row, each time for longer, and for as long as it asks for itself when it
throttles a call. When the rest has ended one call is let through; its end decides for the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from turnout import errors as e
from turnout.runtime import Cache

FAILURES = 5
"""Failures in a row after which a deployment rests; at one failure in five by chance that is one call in 3,000."""

FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds of the first rest, doubled by each probe that fails, and of the longest."""

LONGEST_ASKED = 300.0
"""Seconds that a service's `Retry-After` makes its deployment rest at most."""

_PROBE = 30.0  # seconds after which a probe that nothing was heard of is forgotten

OUTAGES = (e.RateLimitError, e.ServerError, e.ServiceConnectionError, e.ServiceTimeoutError)
"""The errors of a deployment that another may answer in the place of."""


@dataclass(frozen=True, slots=True)
class Health:
    """How one deployment is, as calls of this process found it.

    Attributes:
        backend: Name of the backend in the settings.
        deployment: Deployment name, model id or ARN.
        endpoint: The address or region that is asked.
        state: `ok`; `resting` after failures; or `probing`, while one call finds out whether the rest can end.
        failures: Failures in a row.
        rest: Seconds that it still rests.
        error: Name of the last failure's class; None if the last call was answered.
    """

    backend: str
    deployment: str
    endpoint: str
    state: Literal["ok", "resting", "probing"]
    failures: int
    rest: float
    error: str | None


class Circuit:
    """Whether one deployment may be asked."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every failure."""
        self._failures = self._rests = 0
        self._until = self._opened = self._probe = -inf
        self._error: str | None = None

    @property
    def rest(self) -> float:
        """Seconds until it may be asked; 0 if it may be now."""
        return max(self._until - self._clock(), 0.0)

    @property
    def resting(self) -> bool:
        """Whether it isn't to be asked, because it rests or is probed."""
        now = self._clock()
        return now < self._until or (self._opened > -inf and now < self._probe + _PROBE)

    def admits(self) -> bool:
        """Whether a call may be made here; after a rest the first may, and the others wait for what becomes of it."""
        if self._opened == -inf:
            return True
        with self._lock:
            if self.resting:
                return False
            self._probe = self._clock()
            return True

    def answered(self, began: float) -> None:
        """An attempt that began then was answered; one from before the rest says nothing of now."""
        if (self._failures or self._opened > -inf) and began >= self._opened:
            self.reset()

    def failed(self, error: e.ModelCallError, began: float) -> None:
        """An attempt that began then failed."""
        with self._lock:
            now = self._clock()
            if began < self._opened:  # one of many that were under way when the rest began
                return
            self._failures += 1
            self._error = error.condition
            asked = error.retry_after if isinstance(error, e.RateLimitError) else None
            if asked is not None:
                self._open(now, min(asked, LONGEST_ASKED))
            elif self._failures >= FAILURES or self._opened > -inf:
                self._open(now, min(FIRST_REST * 2.0**self._rests, LONGEST_REST))
                self._rests = min(self._rests + 1, 10)

    def _open(self, now: float, rest: float) -> None:
        self._opened, self._until, self._probe = now, now + rest, -inf

    def health(self, backend: str, endpoint: str, deployment: str) -> Health:
        """How the deployment is."""
        state: Literal["ok", "resting", "probing"] = "ok"
        if self._opened > -inf:
            state = "resting" if self._clock() < self._until else "probing"
        return Health(backend, deployment, endpoint, state, self._failures, round(self.rest, 3), self._error)


_circuits: Cache[tuple[str, str, str], Circuit] = Cache(size=1000)


def circuit_of(backend: str, endpoint: str, deployment: str) -> Circuit:
    """The process's circuit of a deployment."""
    return _circuits.get_or_make((backend, endpoint, deployment), Circuit)


def health() -> tuple[Health, ...]:
    """How each deployment is that this process has asked, as its calls found it."""
    return tuple(circuit.health(*key) for key, circuit in _circuits.kept())


def reset_health(backend: str | None = None, deployment: str | None = None) -> None:
    """Have deployments asked again at once.

    Args:
        backend: Those of this backend alone.
        deployment: This one alone.
    """
    for (its_backend, _, its_deployment), circuit in _circuits.kept():
        if backend in {None, its_backend} and deployment in {None, its_deployment}:
            circuit.reset()
