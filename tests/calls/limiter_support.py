"""A limiter in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.calls.limits import Limiter, Slot


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def admitted(limiter: Limiter, tokens: float = 0) -> Slot | None:
    """A place, if there is one now."""
    try:
        return limiter.enter(tokens, within=0)
    except TimeoutError:
        return None


def simulate(
    limiter: Limiter,
    clock: Clock,
    *,
    seconds: float,
    latency: float,
    capacity: int,
    quota: float | None = None,
    share: float = 0.0,
    seed: int = 7,
) -> tuple[int, int]:
    """Ask as fast as the limiter lets one: answers and refusals.

    The service has so many workers and such a quota a second, and refuses a share of the calls at random.
    """
    rng = random.Random(seed)
    events: list[tuple[float, int, Slot, bool]] = []
    busy_until = [0.0] * capacity
    bucket, filled, count = quota or 0.0, clock.now, itertools.count()
    answers = refusals = 0
    end = clock.now + seconds
    while clock.now < end:
        while (slot := admitted(limiter)) is not None:
            if rng.random() < share:
                heapq.heappush(events, (clock.now + 0.01, next(count), slot, False))
                continue
            if quota is not None:
                bucket, filled = min(quota, bucket + (clock.now - filled) * quota), clock.now
                if bucket < 1:
                    heapq.heappush(events, (clock.now + 0.01, next(count), slot, False))
                    continue
                bucket -= 1
            worker = min(range(capacity), key=busy_until.__getitem__)
            busy_until[worker] = max(busy_until[worker], clock.now) + latency * rng.uniform(0.9, 1.1)
            heapq.heappush(events, (busy_until[worker], next(count), slot, True))
        if not events:
            clock.now += 0.05
            continue
        at, _, slot, good = heapq.heappop(events)
        clock.now = max(clock.now, at)
        if good:
            answers += 1
            limiter.leave(slot, answered=True)
        else:
            refusals += 1
            limiter.throttled(slot, 1 / (quota or 2))
    for _, _, slot, _ in events:
        limiter.leave(slot)
    return answers, refusals
