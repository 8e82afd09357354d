"""Synchronous chats from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.measures.bench import CLOUDS, DELAY
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

_CALLS, _THREADS = 200, 64


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set(delay=DELAY)

    def work(one: Contestant) -> dict[str, float]:
        one.chat()
        with ThreadPoolExecutor(_THREADS) as pool, Stopwatch() as watch:
            list(pool.map(lambda _: one.chat(), range(_CALLS)))
        return watch.figures()

    rounds = 1 if bench.quick else 3
    return [row for cloud in CLOUDS for row in Round("threads", cloud, rounds).run(bench.everyone(cloud), work)]
