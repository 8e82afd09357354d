"""One call at a time to a server that answers at once: what the client itself costs."""

from __future__ import annotations

import asyncio
import statistics
from typing import TYPE_CHECKING

from benchmarks.contestants import wrapped
from benchmarks.measures.bench import CLOUDS
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

_BLOCK = 20  # calls of one contestant before it is another's turn


def run(bench: Bench) -> list[Row]:
    """Measure; each round's figure is the median of a block of calls."""
    bench.server.set()
    blocks = 4 if bench.quick else 15
    rows: list[Row] = []
    for cloud in CLOUDS:
        everyone = bench.everyone(cloud) + wrapped(bench.place, cloud)
        Round("warm-up", cloud, 1).run(everyone, _sync)
        rows += Round("one_call", cloud, blocks).run(everyone, _sync)
        rows += asyncio.run(_async(cloud, blocks, everyone))
    return rows


async def _async(cloud: str, blocks: int, everyone: list[Contestant]) -> list[Row]:
    await Round("warm-up", cloud, 1).arun(everyone, _aio)
    rows = await Round("one_call_async", cloud, blocks).arun(everyone, _aio)
    for one in everyone:
        await one.aclose()
    return rows


def _sync(one: Contestant) -> dict[str, float]:
    watches = []
    for _ in range(_BLOCK):
        with Stopwatch() as watch:
            one.chat()
        watches.append(watch)
    return _medians(watches)


async def _aio(one: Contestant) -> dict[str, float]:
    watches = []
    for _ in range(_BLOCK):
        with Stopwatch() as watch:
            await one.achat()
        watches.append(watch)
    return _medians(watches)


def _medians(watches: list[Stopwatch]) -> dict[str, float]:
    return {
        "wall": statistics.median(watch.wall for watch in watches),
        "cpu": statistics.median(watch.cpu for watch in watches),
    }
