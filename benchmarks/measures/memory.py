"""Memory with many calls in flight, each contestant in a process of its own.

`python -m benchmarks.measures.memory URL CLOUD CONTESTANT CALLS` prints megabytes idle and at most.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from typing import TYPE_CHECKING, cast

import psutil

from benchmarks.contestants import Cloud, Contestant, Names, Place, contestants
from benchmarks.measures.bench import CLOUDS
from benchmarks.results import Row

if TYPE_CHECKING:
    from benchmarks.measures.bench import Bench


_SIX_AT_A_TIME = ("Bedrock", Names.LANGCHAIN)
"""Never has more in flight than its thread pool has threads, and would take minutes."""


def run(bench: Bench) -> list[Row]:
    """Measure."""
    calls = 200 if bench.quick else 1000
    bench.server.set(delay=1.0)
    rows = []
    ours = (Names.OURS_LANGCHAIN, Names.OURS_LLAMA_INDEX)
    for cloud in CLOUDS:
        for who in ours[:1] if bench.quick else (Names.RAW, Names.LANGCHAIN, *ours, Names.LITELLM):
            if who in bench.leave_out or (cloud, who) == _SIX_AT_A_TIME:
                continue
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", __name__, bench.place.url, cloud, who, str(calls)],
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
                env=os.environ,
            )
            row = Row("in_flight_memory", cloud, who)
            rows.append(row)
            if done.returncode:
                row.note = "failed"
                print(done.stderr[-2000:], file=sys.stderr)
                continue
            idle, most = map(float, done.stdout.split()[-2:])
            row.figures = {"mb": [most - idle], "idle_mb": [idle]}
            print(f"in_flight_memory {cloud} {who}: {most - idle:.1f} MB over {idle:.0f}", file=sys.stderr, flush=True)
    return rows


async def _measure(one: Contestant, calls: int) -> tuple[float, float]:
    process = psutil.Process()
    await one.achat()
    gc.collect()
    idle = most = process.memory_info().rss

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one.achat() for _ in range(calls)))
    watching.cancel()
    await one.aclose()
    return idle / 1e6, most / 1e6


def _main(url: str, cloud: str, who: str, calls: str) -> None:
    (one,) = (one for one in contestants(Place(url), cast("Cloud", cloud)) if one.name == who)
    print(*asyncio.run(_measure(one, int(calls))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
