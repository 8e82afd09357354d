"""A second chat model: what making it costs, when the first has been made and has answered."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

from benchmarks.measures.bench import CLOUDS
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set()
    rows: list[Row] = []
    rounds = 3 if bench.quick else 15
    for cloud in CLOUDS:
        everyone = bench.everyone(cloud)
        rows += Round("construct", cloud, rounds).run(everyone, construction_time)
        rows += Round("construct_and_ask", cloud, rounds).run(everyone, construction_and_answer_time)
        rows += Round("construct_memory", cloud, 1).run(everyone, _memory)
    return rows


def construction_time(one: Contestant) -> dict[str, float]:
    """Making a second one while the first is alive."""
    first = one.construct()
    one.chat()
    with Stopwatch() as watch:
        second = one.construct()
    del first, second
    return watch.figures()


def construction_and_answer_time(one: Contestant) -> dict[str, float]:
    """Some classes make their client when they are first asked."""
    one.chat()
    with Stopwatch() as watch:
        one.fresh_chat()
    return watch.figures()


def _memory(one: Contestant) -> dict[str, float]:
    kept = [one.construct()]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept += [one.construct() for _ in range(4)]
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return {"mb": (after - before) / 4 / 1e6}
