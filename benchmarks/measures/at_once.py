"""Many coroutines that chat at once, on one event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.measures.bench import CLOUDS, DELAY
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

_SLOW = (Names.LANGCHAIN, Names.LLAMA_INDEX)


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set(delay=DELAY)
    return [
        row
        for calls in ((100,) if bench.quick else (200, 1000))
        for cloud in CLOUDS
        for row in asyncio.run(
            at_once(
                bench.everyone(cloud), cloud, calls, rounds=2 if bench.quick else 3, once=_SLOW if calls > 500 else ()
            )
        )
    ]


async def at_once(
    everyone: list[Contestant], cloud: str, calls: int, rounds: int, once: Iterable[str] = ()
) -> list[Row]:
    """Rows of so many chats at once; those in `once` get one round."""

    async def work(one: Contestant) -> dict[str, float]:
        await one.achat()
        with Stopwatch() as watch:
            await asyncio.gather(*(one.achat() for _ in range(calls)))
        return watch.figures()

    try:
        return await Round(f"chats_{calls}", cloud, rounds, once).arun(everyone, work)
    finally:
        for one in everyone:
            await one.aclose()
