"""`python -m tests.soak [MINUTES]`: steady load with faults in it; memory and descriptors have to stay where they are.

It writes what it saw into docs/reliability.md.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import mean

from tests.storm import tables
from tests.storm.calls import draw
from tests.storm.embedded import expect
from tests.storm.places import clear_variables, files
from tests.storm.resources import Held, held
from tests.storm.running import Models, run
from tests.storm.server import serving

_ROUND = 250  # calls between two looks
_RATE = 40  # calls a second, or as many as the machine makes
_GROWTH = 8.0  # MB between the second third and the last
_MORE = 10  # descriptors, of connections that are kept


def main(minutes: float) -> int:
    """Run it; the exit code says whether anything grew or went wrong."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    clear_variables()
    problems: list[str] = []
    seen: list[Held] = []
    with serving() as server, tempfile.TemporaryDirectory(prefix="turnout-soak-") as folder:
        settings = files(Path(folder), server.urls)
        models = Models(settings)
        drawn = [call for call in draw(_ROUND, 14, groups={"": 1.0}) if not call.slow]
        expect(drawn, settings)
        began = time.monotonic()
        while time.monotonic() < began + 60 * minutes:
            at = time.monotonic()
            server.begin()  # which forgets whom it has met
            for call in drawn:
                call.got, call.error, call.metadata = None, None, {}
            problems += run(drawn, models)
            problems += [problem for call in drawn if (problem := call.problem()) is not None]
            time.sleep(max(at + len(drawn) / _RATE - time.monotonic(), 0))
            seen.append(held())
            print(f"{time.monotonic() - began:.0f} s: {seen[-1]}, {len(problems)} problems", flush=True)
        seconds = time.monotonic() - began
    lines, grew = _judged(seen, seconds, len(drawn))
    tables.write("soak", lines)
    for problem in (problems := problems + grew):
        print(f"  {problem}")
    return int(bool(problems))


def _judged(seen: list[Held], seconds: float, calls: int) -> tuple[list[str], list[str]]:
    """A table of what was held, in thirds, and what grew."""
    third = max(len(seen) // 3, 1)
    thirds = [seen[:third], seen[third : 2 * third], seen[2 * third :]]
    lines = [
        f"{seconds / 60:.0f} minutes, {len(seen) * calls:,} calls, {len(seen) * calls / seconds:.0f} a second.",
        "",
        "| | threads | descriptors | resident memory |",
        "|---|---|---|---|",
    ]
    for name, part in zip(("first third", "second third", "last third"), thirds, strict=True):
        cells = (max(one.threads for one in part), max(one.descriptors for one in part))
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {mean(one.memory for one in part):.0f} MB |")
    grew = []
    middle, last = thirds[1], thirds[2]
    if mean(one.memory for one in last) > mean(one.memory for one in middle) + _GROWTH:
        grew.append("memory grew")
    if max(one.descriptors for one in last) > max(one.descriptors for one in middle) + _MORE:
        grew.append("descriptors grew")
    if max(one.threads for one in last) > max(one.threads for one in middle):
        grew.append("threads grew")
    return lines, grew


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30))
