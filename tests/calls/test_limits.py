"""The limiter: quotas a minute, the window of calls in flight, and who waits for what."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls.limiter_support import Clock, admitted, simulate
from turnout.calls import limits
from turnout.calls.limits import FIRST_WINDOW, Limiter, shared
from turnout.calls.pacing import Pace

if TYPE_CHECKING:
    from collections.abc import Callable


@given(st.floats(1, 10_000), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_a_pace_never_lets_more_through_than_the_quota_and_its_burst(quota: float, gaps: list[float]) -> None:
    pace, now, taken = Pace(quota), 0.0, []
    for gap in gaps:
        now += gap
        while pace.wait(now) <= 0:
            pace.take(1, now)
            taken.append(now)
            assert len(taken) <= quota * 600
    burst = max(1.0, quota / 60)
    for begin in taken[:: max(1, len(taken) // 20)]:
        within = sum(begin <= at < begin + 60 for at in taken)
        assert within <= quota + burst + 1


def test_requests_and_tokens_a_minute_are_both_kept() -> None:
    clock = Clock()
    limiter = Limiter(rpm=60, tpm=6000, clock=clock)
    assert admitted(limiter, 10)
    assert not admitted(limiter, 10)  # one a second
    clock.now += 1
    assert admitted(limiter, 500)  # five seconds' worth of tokens
    clock.now += 1
    assert not admitted(limiter, 10)
    clock.now += 4
    assert admitted(limiter, 10)


def test_tokens_that_were_not_used_are_given_back() -> None:
    clock = Clock()
    limiter = Limiter(tpm=6000, clock=clock)
    slot = admitted(limiter, 6000)
    assert slot
    clock.now += 2
    assert not admitted(limiter, 10)
    limiter.leave(slot, tokens=100, answered=True)
    assert admitted(limiter, 10)


def test_more_than_a_minutes_tokens_are_let_through_alone() -> None:
    clock = Clock()
    limiter = Limiter(tpm=60, clock=clock)
    assert admitted(limiter, 120)
    clock.now += 60
    assert not admitted(limiter, 1)
    clock.now += 61
    assert admitted(limiter, 1)


def test_nobody_asks_during_a_pause_but_who_would_not_ask_again() -> None:
    clock = Clock()
    limiter = Limiter(clock=clock)
    slot = admitted(limiter)
    assert slot
    limiter.throttled(slot, 5)
    assert not admitted(limiter)
    limiter.leave(limiter.enter(within=0, pauses=False))
    clock.now += 5.1
    assert admitted(limiter)


def test_a_burst_of_throttling_shrinks_the_window_once() -> None:
    clock = Clock()
    limiter = Limiter(start=100, most=100, clock=clock)
    slots = [admitted(limiter) for _ in range(100)]
    clock.now += 1
    for slot in slots:
        assert slot
        limiter.throttled(slot, 0)
    assert limiter.window == pytest.approx(85)
    assert limiter.in_flight == 0


def test_a_refusal_among_few_calls_leaves_room_for_others() -> None:
    limiter = Limiter(clock=Clock())
    slot = admitted(limiter)
    assert slot
    limiter.throttled(slot, 0)
    assert all(admitted(limiter) for _ in range(6))
    assert not admitted(limiter)


def test_the_window_never_grows_beyond_the_most_that_may_be_in_flight() -> None:
    clock = Clock()
    limiter = Limiter(start=10, most=10, clock=clock)
    slot = admitted(limiter)
    assert slot
    limiter.throttled(slot, 0)
    for _ in range(60):
        for slot in [admitted(limiter) for _ in range(int(limiter.window))]:
            assert slot
            limiter.leave(slot, answered=True)
        clock.now += 1
    assert limiter.window == 10


def shrunk(clock: Callable[[], float]) -> Limiter:
    """A limiter that lets one call in at once."""
    limiter = Limiter(clock=clock)
    while int(limiter.window) > 1:
        slot = admitted(limiter)
        assert slot
        limiter.throttled(slot, 0)
    return limiter


def test_a_call_that_hangs_holds_up_nobody_for_long() -> None:
    clock = Clock()
    limiter = shrunk(clock)
    assert admitted(limiter)  # and is never answered
    for _ in range(7):
        assert not admitted(limiter)
        clock.now += 1.001
        assert admitted(limiter)
    clock.now += 60
    assert not admitted(limiter)  # more at once must be earned by answers


async def test_who_waits_behind_it_is_let_in_by_then() -> None:
    limiter = shrunk(time.monotonic)
    limiter.enter()
    began = time.monotonic()
    in_thread = asyncio.to_thread(limiter.enter, within=10)
    await asyncio.gather(in_thread, limiter.aenter())
    assert 0.9 < time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("quota", "latency"), [(12, 0.01), (20, 0.2), (100, 0.2), (100, 0.02), (500, 0.2), (500, 0.02)]
)
def test_the_quota_is_used_and_little_is_refused(quota: int, latency: float) -> None:
    clock = Clock()
    limiter = Limiter(start=FIRST_WINDOW, most=1000, clock=clock)
    answers, refusals = simulate(limiter, clock, seconds=60, latency=latency, capacity=2000, quota=quota)
    assert answers > 0.8 * quota * 60
    assert refusals < 0.15 * answers


def test_the_window_grows_while_that_brings_more_answers_and_no_further() -> None:
    clock = Clock()
    limiter = Limiter(start=FIRST_WINDOW, most=1000, clock=clock)
    answers, _ = simulate(limiter, clock, seconds=20, latency=0.1, capacity=150, quota=None)
    assert answers > 0.8 * 1500 * 20
    assert 128 <= limiter.window < 400


async def test_those_who_wait_are_let_in_in_order_as_others_leave() -> None:
    limiter = Limiter(start=2, most=2)
    order: list[int] = []

    async def one(number: int) -> None:
        slot = await limiter.aenter()
        order.append(number)
        await asyncio.sleep(0.001)
        limiter.leave(slot, answered=True)

    await asyncio.gather(*(one(n) for n in range(50)))
    assert order == list(range(50))
    assert limiter.in_flight == 0


async def test_one_who_stops_waiting_does_not_hold_up_the_next() -> None:
    limiter = Limiter(start=1, most=1)
    held = await limiter.aenter()
    given_up = asyncio.create_task(limiter.aenter())
    patient = asyncio.create_task(limiter.aenter())
    await asyncio.sleep(0.01)
    given_up.cancel()
    limiter.leave(held)
    async with asyncio.timeout(2):
        limiter.leave(await patient)
    assert limiter.in_flight == 0


def test_threads_and_event_loops_share_one() -> None:
    limiter = Limiter(start=3, most=3)
    peak, done, lock = 0, 0, threading.Lock()

    def note() -> None:
        nonlocal peak, done
        with lock:
            peak, done = max(peak, limiter.in_flight), done + 1

    def thread() -> None:
        for _ in range(20):
            slot = limiter.enter(within=10)
            note()
            time.sleep(0.001)
            limiter.leave(slot)

    async def task() -> None:
        for _ in range(20):
            slot = await limiter.aenter()
            note()
            await asyncio.sleep(0.001)
            limiter.leave(slot)

    async def loop() -> None:
        await asyncio.gather(*(task() for _ in range(5)))

    threads = [threading.Thread(target=thread) for _ in range(5)]
    threads += [threading.Thread(target=asyncio.run, args=(loop(),)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert (peak, done, limiter.in_flight) == (3, 300, 0)


def test_a_deployment_has_one_and_takes_new_limits_from_new_settings() -> None:
    limits.forget()
    one = shared(("azure", "a", "d"), rpm=None, tpm=None, start=10, most=10)
    assert shared(("azure", "a", "d"), rpm=60, tpm=None, start=10, most=10) is one
    assert shared(("azure", "a", "e"), rpm=60, tpm=None, start=10, most=10) is not one
    assert admitted(one)
    assert not admitted(one)
    limits.forget()


def test_processes_that_divide_a_deployment_take_their_parts() -> None:
    limits.forget()
    limits.divide(4)
    try:
        for _ in range(2):  # as often as it is asked for
            mine = shared(("divided",), rpm=240, tpm=None, start=32, most=100)
        assert mine.window == 8
        assert not mine.counts_tokens
        begun = [admitted(mine) for _ in range(3)]
        assert begun[0]
        assert begun[1] is None  # 60 of the 240 a minute: one a second
        assert shared(("tokens",), rpm=None, tpm=400, start=1, most=1).counts_tokens
        assert shared(("small",), rpm=None, tpm=None, start=2, most=3).window == 1
        limits.divide(1)
        assert shared(("divided",), rpm=240, tpm=None, start=32, most=100).window == 32
        with pytest.raises(ValueError, match="0 processes"):
            limits.divide(0)
    finally:
        limits.divide(1)
        limits.forget()
