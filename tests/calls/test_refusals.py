"""A quota's refusals slow the calls down; those that come however little is asked don't."""

from __future__ import annotations

import random
from functools import cache

import pytest

from tests.calls.limiter_support import Clock, simulate
from turnout.calls import limits
from turnout.calls.attempts import Attempts
from turnout.calls.limits import FIRST_WINDOW, Limiter, shared
from turnout.errors import ModelCallError, RateLimitError, ServerError
from turnout.transport.deadline import RetryPolicy


def limiter(clock: Clock, *, alone: bool = True, start: int = FIRST_WINDOW) -> Limiter:
    return Limiter(start=start, most=1000, alone=alone, clock=clock)


def serve(made: Limiter, clock: Clock, *, quota: float | None = None, share: float = 0.0) -> tuple[int, int]:
    """A minute's answers and refusals."""
    return simulate(made, clock, seconds=60, latency=0.1, capacity=30, quota=quota, share=share)


def asked(share: float, *, seed: int = 7, start: int = FIRST_WINDOW, latency: float = 0.1) -> int:
    """Answers of a service that refuses a share of the calls."""
    clock = Clock()
    made = limiter(clock, start=start)
    return simulate(made, clock, seconds=60, latency=latency, capacity=30, share=share, seed=seed)[0]


@cache
def undisturbed(start: int, latency: float) -> int:
    return asked(0, start=start, latency=latency)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("start", [FIRST_WINDOW, 1000], ids=["embeddings", "chats"])
@pytest.mark.parametrize(("share", "part"), [(0.01, 0.75), (0.05, 0.7), (0.1, 0.65), (0.3, 0.45)])
def test_a_share_that_is_refused_at_any_rate_costs_little_more_than_itself(
    share: float, part: float, start: int, seed: int
) -> None:
    assert asked(share, seed=seed, start=start) > part * undisturbed(start, 0.1)


@pytest.mark.parametrize("latency", [0.02, 1.0])
def test_nor_does_it_with_quick_or_slow_answers(latency: float) -> None:
    assert asked(0.1, latency=latency) > 0.5 * undisturbed(FIRST_WINDOW, latency)


@pytest.mark.parametrize("quota", [100, 200])
def test_a_quota_is_kept_by_a_service_that_also_refuses_at_random(quota: int) -> None:
    clock = Clock()
    answers, refusals = serve(limiter(clock), clock, quota=quota, share=0.05)
    assert answers > 0.5 * quota * 60
    assert refusals < 0.3 * answers


def test_a_quota_that_comes_later_is_noticed_and_so_is_the_end_of_refusals() -> None:
    clock = Clock()
    made = limiter(clock)
    serve(made, clock, share=0.3)
    assert 0.2 < made.usually_refused < 0.45
    answers, refusals = serve(made, clock, quota=50)
    assert made.usually_refused < 0.05
    assert answers > 0.8 * 50 * 60
    assert refusals < 0.25 * answers
    answers, refusals = serve(made, clock)
    assert refusals == 0
    assert answers > 0.7 * undisturbed(FIRST_WINDOW, 0.1)


def test_what_is_usual_becomes_less_when_less_is_refused() -> None:
    clock = Clock()
    made = limiter(clock)
    serve(made, clock, share=0.3)
    assert made.usually_refused > 0.2
    serve(made, clock, share=0.02)
    assert made.usually_refused < 0.15


def test_a_service_that_refuses_nearly_everything_is_asked_less() -> None:
    clock = Clock()
    made = limiter(clock)
    simulate(made, clock, seconds=20, latency=0.1, capacity=30)
    _, refusals = simulate(made, clock, seconds=30, latency=0.1, capacity=30, share=0.98)
    assert made.usually_refused < 0.5
    assert refusals < undisturbed(FIRST_WINDOW, 0.1) / 4
    assert made.window < 5


def test_a_pause_that_is_asked_for_is_kept_until_refusals_are_usual() -> None:
    clock = Clock()
    made = limiter(clock)
    slot = made.enter(within=0)
    made.throttled(slot, 5)
    clock.now += 4.9
    with pytest.raises(TimeoutError):
        made.enter(within=0)
    clock.now += 0.2
    serve(made, clock, share=0.2)
    assert made.usually_refused
    slot = made.enter(within=0)
    made.throttled(slot, 5)
    made.leave(made.enter(within=0))


def test_processes_that_divide_a_deployment_take_every_refusal_for_the_quotas() -> None:
    limits.forget()
    limits.divide(2)
    try:
        assert not shared(("divided",), rpm=None, tpm=None, start=1000, most=1000)._alone
    finally:
        limits.divide(1)
        limits.forget()
    clock = Clock()
    made = limiter(clock, alone=False)
    serve(made, clock, share=0.2)
    assert made.usually_refused == 0


class Refusing(Limiter):
    usually_refused = 0.2


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest that each wait between attempts could have been."""
    waited: list[float] = []

    def uniform(_: float, most: float) -> float:
        waited.append(most)
        return 0.0

    monkeypatch.setattr(random, "uniform", uniform)
    return waited


def asked_again(limiter: Limiter, error: type[ModelCallError], patience: float) -> None:
    policy = RetryPolicy(max_retries=3, patience=patience)
    call = Attempts(policy, limiter, lambda error: error if isinstance(error, ModelCallError) else None)
    outcomes = [error("no"), error("no"), error("no"), None]

    def once() -> None:
        if (raised := outcomes.pop(0)) is not None:
            raise raised

    call.run(once)


@pytest.mark.parametrize(
    ("made", "error", "patience", "expected"),
    [
        (Refusing, RateLimitError, 60.0, [0.1, 0.1, 0.1]),
        (Refusing, RateLimitError, 0.0, [0.5, 1.0, 2.0]),
        (Refusing, ServerError, 60.0, [0.5, 1.0, 2.0]),
        (Limiter, RateLimitError, 60.0, [0.5, 1.0, 2.0]),
    ],
    ids=["bulk work, refused as usual", "one call", "another failure", "a quota"],
)
def test_bulk_work_waits_no_longer_each_time_for_what_is_refused_as_usual(
    waits: list[float], made: type[Limiter], error: type[ModelCallError], patience: float, expected: list[float]
) -> None:
    clock = Clock()
    monotone = made(clock=clock)
    monotone.throttled = lambda slot, pause: monotone.leave(slot)  # type: ignore[method-assign]  # nobody pauses
    asked_again(monotone, error, patience)
    assert waits == expected
