"""What the process makes once for each key."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from turnout import runtime
from turnout.runtime.cache import Cache, caches


@pytest.fixture
def closed() -> list[str]:
    return []


@pytest.fixture
def cache(closed: list[str]) -> Cache[str, str]:
    return Cache(size=2, close=closed.append)


@pytest.fixture(autouse=True)
def _no_cache_of_a_test_stays() -> object:
    before = len(caches)
    yield
    del caches[before:]


def test_a_value_is_made_once_by_whichever_thread(cache: Cache[str, str]) -> None:
    made, barrier = [], threading.Barrier(8)

    def make() -> str:
        made.append(1)
        return "value"

    def ask(_: int) -> str:
        barrier.wait()
        return cache.get_or_make("key", make)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {"value"}
    assert len(made) == 1
    assert cache.get("key") == "value"


def test_one_that_is_slow_to_be_made_holds_up_no_other(cache: Cache[str, str]) -> None:
    begun, end = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        end.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(cache.get_or_make, "slow", slow)
        begun.wait(10)
        assert cache.get_or_make("quick", lambda: "quick") == "quick"
        end.set()
        assert waiting.result(10) == "slow"


def test_the_oldest_goes_first(cache: Cache[str, str]) -> None:
    for key in "abc":
        cache.get_or_make(key, key.upper)
    assert [cache.get(key) for key in "abc"] == [None, "B", "C"]


def test_what_failed_is_made_again(cache: Cache[str, str]) -> None:
    def fail() -> str:
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        cache.get_or_make("key", fail)
    assert cache.get_or_make("key", lambda: "value") == "value"


def test_closing_closes_all_and_the_next_call_makes_anew(cache: Cache[str, str], closed: list[str]) -> None:
    cache.get_or_make("key", lambda: "first")
    runtime.close()
    assert closed == ["first"]
    assert cache.get_or_make("key", lambda: "second") == "second"


def test_what_is_made_while_all_is_closed_is_closed_with_the_next(cache: Cache[str, str], closed: list[str]) -> None:
    """It isn't kept, for it may be made of something that was closed."""

    def make() -> str:
        runtime.close()
        return "made of what is closed"

    assert cache.get_or_make("key", make) == "made of what is closed"
    assert cache.get("key") is None
    assert closed == []
    runtime.close()
    runtime.close()
    assert closed == ["made of what is closed"]


def test_what_has_to_be_closed_is_never_dropped(closed: list[str]) -> None:
    cache: Cache[int, str] = Cache(size=None, close=closed.append)
    for number in range(1000):
        cache.get_or_make(number, lambda: "value")
    assert cache.get(0) == "value"
    runtime.close()
    assert len(closed) == 1000
