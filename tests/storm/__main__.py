"""`python -m tests.storm [CALLS] [SEED]`: a storm, and the frameworks' own classes in one; writes docs/reliability.md."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import turnout
from tests.storm import credentials, tables
from tests.storm.attempts import Deployments
from tests.storm.calls import draw
from tests.storm.embedded import expect
from tests.storm.places import clear_variables, files
from tests.storm.resources import held, settled
from tests.storm.running import Models, run
from tests.storm.server import serving

_ROUND = 1_000  # calls whose answers are held at once
_GROWTH = 15.0  # MB between the middle of a storm and its end: by then the allocator has what it keeps


def main(count: int, seed: int) -> int:
    """Run it; the exit code says whether anything went wrong."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    clear_variables()
    tally, deployments, memory = tables.Tally(), Deployments(), list[float]()
    with serving() as server, tempfile.TemporaryDirectory(prefix="turnout-storm-") as folder:
        settings = files(Path(folder), server.urls)
        rounds = [draw(_ROUND, seed, first=0)]  # the first one fills what is kept for the process
        expect(rounds[0], settings)
        server.begin()
        run(rounds.pop(), Models(settings))
        before = settled()
        for first in range(_ROUND, _ROUND + count, _ROUND):
            began = time.monotonic()
            calls = draw(min(_ROUND, _ROUND + count - first), seed + first, first=first)
            server.calm()
            expect(calls, settings)
            server.begin()
            tally.problems += run(calls, Models(settings))
            tally.add(calls, server.given())
            deployments.add(calls)
            seconds = time.monotonic() - began
            del calls
            memory.append(held().memory)
            print(f"{first:,} calls, {seconds:.0f} s, {len(tally.problems)} problems", flush=True)
        tally.problems += deployments.problems(turnout.health())
        after = settled(before)
        tally.problems += credentials.problems(server, Path(folder))
    if after.threads > before.threads or after.descriptors > before.descriptors:
        tally.problems.append(f"held before: {before}; after: {after}")
    if memory[-1] > memory[len(memory) // 2] + _GROWTH:
        tally.problems.append(f"memory grew: {memory}")
    tables.write("storm", [*tally.lines(), "", *tables.holding(before, after, memory)])
    own = subprocess.run([sys.executable, "-m", "tests.storm.own"], stdout=subprocess.PIPE, text=True, check=False)
    found = json.loads(own.stdout)
    tables.write("storm beside others", tables.beside(found))
    ours = {fault: row["turnout"] for fault, row in found.items()}
    bad = ("wrong", "hangs", "untyped error")
    tally.problems += [f"{fault}: {row}" for fault, row in ours.items() if any(row.get(became) for became in bad)]
    for problem in tally.problems:
        print(f"  {problem}")
    return int(bool(tally.problems))


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(arguments + [10_000, 14][len(arguments) :])))
