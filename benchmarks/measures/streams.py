"""Many streams at once: when all have ended, and when the slowest had its first token."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.canned import WORDS
from benchmarks.contestants import Names
from benchmarks.measures.bench import CLOUDS, DELAY
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

GAP = 0.005
"""Seconds between the pieces of a stream."""
_TEXT = "".join(WORDS)


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set(delay=DELAY, gap=GAP)
    many, rounds, alone = (20, 1, 1) if bench.quick else (100, 3, 5)
    return [
        row
        for cloud in CLOUDS
        for row in asyncio.run(streams(bench.everyone(cloud), cloud, many, rounds=rounds, alone=alone))
    ]


async def streams(everyone: list[Contestant], cloud: str, many: int, *, rounds: int, alone: int) -> list[Row]:
    """Rows of one stream on its own, and of many at once; a slow contestant gets one round of those.

    Args:
        everyone: The contestants.
        cloud: Their cloud.
        many: Streams at once.
        rounds: Rounds of those.
        alone: Rounds of one stream on its own.
    """

    async def on_its_own(one: Contestant) -> dict[str, float]:
        return {"first": await _first(one, time.perf_counter())}

    async def together(one: Contestant) -> dict[str, float]:
        started = time.perf_counter()
        with Stopwatch() as watch:
            firsts = await asyncio.gather(*(_first(one, started) for _ in range(many)))
        return {**watch.figures(), "first": max(firsts)}

    try:
        await Round("warm-up", cloud, 1).arun(everyone, on_its_own)
        rows = await Round("stream_alone", cloud, alone).arun(everyone, on_its_own)
        once = () if cloud == "Azure" else (Names.LLAMA_INDEX,)
        return rows + await Round(f"streams_{many}", cloud, rounds, once).arun(everyone, together)
    finally:
        for one in everyone:
            await one.aclose()


async def _first(one: Contestant, started: float) -> float:
    """Reads a stream to its end; the seconds until its first text came."""
    first: float | None = None
    parts: list[str] = []
    async for text in one.astream():
        if text and first is None:
            first = time.perf_counter() - started
        parts.append(text)
    if "".join(parts) != _TEXT:
        msg = f"{one.name} gave another text than was sent"
        raise RuntimeError(msg)
    assert first is not None
    return first
