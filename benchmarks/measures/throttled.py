"""Documents into vectors, one text a request, where the service throttles: at random, or by a quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.contestants.sdk import SDKThreads
from benchmarks.measures.bench import DELAY
from benchmarks.measures.ingest import chunks
from benchmarks.timing import Round, Stopwatch

if TYPE_CHECKING:
    from benchmarks.contestants import Contestant
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

SHARES = (0, 1, 5, 10, 30)
"""Of the requests, in percent, refused at random."""
QUOTAS = (20, 100, 500)
"""Requests a second."""
_MODEL = "Titan"


def run(bench: Bench) -> list[Row]:
    """Measure; each starts with no memory of what the service took before."""
    count = 200 if bench.quick else 2000
    everyone = [one for one in bench.everyone("Bedrock") if one.name in {Names.OURS_LANGCHAIN, Names.OURS_LLAMA_INDEX}]
    everyone.insert(0, SDKThreads(bench.place))
    cases: list[tuple[str, dict[str, float]]] = [(f"throttled_{share}", {"share": share / 100}) for share in SHARES]
    cases += [(f"quota_{quota}", {"quota": quota}) for quota in QUOTAS]
    return [row for measure, throttle in cases for row in throttled(bench, everyone, measure, count, throttle)]


def throttled(
    bench: Bench, everyone: list[Contestant], measure: str, count: int, throttle: dict[str, float], rounds: int = 1
) -> list[Row]:
    """Everyone's time, and the requests that were refused; at a quota of 20 for a tenth of the texts."""
    from turnout.calls import limits

    work = chunks(count // 10 if throttle.get("quota") == QUOTAS[0] else count)

    def timed(one: Contestant) -> dict[str, float]:
        bench.server.set(delay=DELAY)
        limits.forget()
        one.embed(_MODEL, work[:1])
        bench.server.set(delay=DELAY, **throttle)
        with Stopwatch() as watch:
            found = len(one.embed(_MODEL, work))
        if found != len(work):
            msg = f"{one.name} gave {found} vectors for {len(work)} texts"
            raise RuntimeError(msg)
        seen = bench.server.counted()
        return {**watch.figures(), "rate": len(work) / watch.wall, "in_flight": seen.peak, "refused": seen.refused}

    return Round(measure, _MODEL, rounds).run(everyone, timed)
