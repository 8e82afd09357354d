"""Documents into vectors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.contestants.raw import RawAzure, RawBedrock
from benchmarks.measures.bench import DELAY
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Cloud, Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

CHARACTERS = 800
_OURS = (Names.OURS_LANGCHAIN, Names.OURS_LLAMA_INDEX)
_ONE_AT_A_TIME = (Names.SDK, Names.LANGCHAIN, Names.LLAMA_INDEX, Names.LITELLM)
_CLOUD: dict[str, Cloud] = {"Azure": "Azure", "Titan": "Bedrock", "Cohere": "Bedrock"}
_PART = 10  # a tenth of the work, where the rest would take as long again, ten times


def chunks(count: int) -> list[str]:
    """Different texts of equal length."""
    return [f"{index:06d} " + "depot " * ((CHARACTERS - 7) // 6) for index in range(count)]


@dataclass(frozen=True, slots=True)
class _Job:
    """One model's ingest.

    Attributes:
        model: `Azure`, `Titan` or `Cohere`.
        count: Chunks.
        slow_sync: Who does a part of them, synchronously.
        slow_async: Likewise asynchronously.
        who: Who takes part; empty for everyone.
    """

    model: str
    count: int
    slow_sync: tuple[str, ...] = ()
    slow_async: tuple[str, ...] = ()
    who: tuple[str, ...] = ()


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set(delay=DELAY)
    llama = (Names.LLAMA_INDEX,)
    few = 200 if bench.quick else 2000
    jobs = [
        _Job("Titan", few, slow_sync=_ONE_AT_A_TIME, slow_async=_ONE_AT_A_TIME),
        _Job("Cohere", few, slow_sync=llama, slow_async=llama),
        _Job("Azure", few, slow_sync=llama),
    ]
    if not bench.quick:
        many = 20_000
        jobs += [
            _Job("Azure", many, who=(Names.RAW, Names.LANGCHAIN, *_OURS)),
            _Job("Cohere", many, who=(Names.RAW, Names.LANGCHAIN, *_OURS), slow_sync=(Names.LANGCHAIN,)),
            _Job("Titan", many, who=(Names.RAW, *_OURS)),
        ]
    return [row for job in jobs for row in _run(bench, job)]


def _run(bench: Bench, job: _Job) -> list[Row]:
    texts = chunks(job.count)
    everyone = [one for one in bench.everyone(_CLOUD[job.model]) if not job.who or one.name in job.who]
    # Two rounds at most, and the last is ours: the raw client then runs with as many in flight.
    rounds = 1 if bench.quick or job.count > 10_000 else 2
    peaks: list[int] = []

    def measured(one: Contestant, watch: Stopwatch, vectors: int, work: list[str]) -> dict[str, float]:
        if vectors != len(work):
            msg = f"{one.name} gave {vectors} vectors for {len(work)} texts"
            raise RuntimeError(msg)
        peak = bench.server.counted().peak
        if one.name in _OURS:
            peaks.append(peak)
        scale = len(texts) / len(work)
        return {**{name: value * scale for name, value in watch.figures().items()}, "in_flight": float(peak)}

    def part(one: Contestant, slow: tuple[str, ...]) -> list[str]:
        return texts[: len(texts) // _PART] if one.name in slow else texts

    def sync(one: Contestant) -> dict[str, float]:
        work = part(one, job.slow_sync)
        one.embed(job.model, texts[-1:])
        bench.server.counted()
        with Stopwatch() as watch:
            found = len(one.embed(job.model, work))
        return measured(one, watch, found, work)

    async def aio(one: Contestant) -> dict[str, float]:
        work = part(one, job.slow_async)
        await one.aembed(job.model, texts[-1:])
        bench.server.counted()
        with Stopwatch() as watch:
            found = len(await one.aembed(job.model, work))
        return measured(one, watch, found, work)

    def notes(slow: tuple[str, ...]) -> dict[str, str]:
        return dict.fromkeys(slow, f"{job.count // _PART:,} chunks, times {_PART}")

    async def asynchronous() -> list[Row]:
        others = [one for one in everyone if one.name != Names.RAW]
        name = f"ingest_{job.count}_async"
        rows = await Round(name, job.model, rounds, job.slow_async, notes(job.slow_async)).arun(others, aio)
        raw = RawBedrock(bench.place) if _CLOUD[job.model] == "Bedrock" else RawAzure(bench.place)
        for in_flight in dict.fromkeys((50, max(peaks, default=50))):
            raw.in_flight = in_flight
            raw.name = f"{Names.RAW}, {'50' if in_flight == 50 else 'as many'} in flight"
            rows += await Round(name, job.model, rounds).arun([raw], aio)
            await raw.aclose()
        return rows

    name = f"ingest_{job.count}"
    rows = Round(name, job.model, rounds, job.slow_sync, notes(job.slow_sync)).run(everyone, sync)
    return rows + asyncio.run(asynchronous())
