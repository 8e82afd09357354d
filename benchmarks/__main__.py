"""Run every measure, side by side, and write the table: `python -m benchmarks`, or `make bench`.

It writes benchmarks/results.json, docs/performance.svg and the table in docs/performance.md; `--quick` and `--only`
do less and only print.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants import Names, Place
from benchmarks.measures import MEASURES
from benchmarks.page import insert, page
from benchmarks.plot import plot
from benchmarks.results import Results, Row, machine
from benchmarks.server import Server, running

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
_SHOWN = f"![How long each takes, on a logarithmic scale]({PICTURE.name})"
_CLEARED = ("TURNOUT_", "AZURE_", "AWS_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "LITELLM_", "HTTP", "ALL_PROXY")


def main() -> int:
    """Run; 0 even if a target isn't met: that is in the table."""
    parser = argparse.ArgumentParser(prog="bench", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything, without LiteLLM; writes nothing")
    parser.add_argument("--only", action="append", choices=MEASURES, default=[], help="this measure; may be repeated")
    parser.add_argument("--leave-out", action="append", default=[], help="a contestant, like 'LiteLLM'")
    parser.add_argument("--results", type=Path, help="write the results here as well")
    parser.add_argument(
        "--update", action="store_true", help="with --only: put what is measured in the place of what was"
    )
    parser.add_argument("--render", action="store_true", help="measure nothing; write the page from results.json")
    asked = parser.parse_args()
    if asked.render:
        results = Results.read(RESULTS)
    else:
        results = _measure(asked.only or list(MEASURES), quick=asked.quick, leave_out=asked.leave_out)
        print(page(results))
    if asked.results is not None:
        results.write(asked.results)
    if asked.update:
        before, again = Results.read(RESULTS), {row.measure for row in results.rows}
        results.rows = [row for row in before.rows if row.measure not in again] + results.rows
    if not asked.quick and (asked.update or not asked.only):
        results.write(RESULTS)
        plot(results, PICTURE)
        insert(PAGE, f"{_SHOWN}\n\n{page(results)}")
        print(f"written to {RESULTS.name}, {PICTURE.name} and {PAGE.name}", file=sys.stderr)
    return 0


def _measure(names: list[str], *, quick: bool, leave_out: list[str]) -> Results:
    left_out = set(leave_out)
    if quick or find_spec("litellm") is None:
        left_out.add(Names.LITELLM)
    results = Results(machine(), quick, [])
    with tempfile.TemporaryDirectory() as folder, running() as server:
        settings = Path(folder) / "turnout.toml"
        settings.write_text(Place(server.url).settings(), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(_CLEARED)}
        environment |= {
            "TURNOUT_CONFIG": str(settings),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or its import fetches one from the network
        }
        for name in names:
            started = time.monotonic()
            rows = Path(folder) / f"{name}.json"
            results.rows += _run(name, server, rows, environment, quick=quick, leave_out=left_out)
            print(f"--- {name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return results


def _run(
    name: str, server: Server, rows: Path, environment: dict[str, str], *, quick: bool, leave_out: set[str]
) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.measure", name, server.url, str(rows)]
    command += ["--quick"] if quick else []
    command += [part for contestant in sorted(leave_out) for part in ("--leave-out", contestant)]
    subprocess.run(command, check=True, env=environment, cwd=ROOT, timeout=1200)
    return [Row(**row) for row in json.loads(rows.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    sys.exit(main())
