"""One measure in a process of its own: `python -m benchmarks.measure NAME URL ROWS [--quick]` writes its rows as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.contestants import Place
from benchmarks.measures import MEASURES
from benchmarks.measures.bench import Bench
from benchmarks.server import Server


def main() -> None:
    """Run one measure."""
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("name", choices=MEASURES)
    parser.add_argument("url")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--leave-out", action="append", default=[])
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # the contestants' own
    bench = Bench(Server(asked.url), Place(asked.url), asked.quick, frozenset(asked.leave_out))
    rows = import_module(f"benchmarks.measures.{asked.name}").run(bench)
    asked.rows.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")


if __name__ == "__main__":
    main()
