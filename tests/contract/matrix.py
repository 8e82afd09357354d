"""The matrix: every application on every column, with turnout and with the frameworks' own classes.

`python -m tests.contract.matrix` runs everything, each table in a process with an emulator of its own, prints the tables
and writes docs/matrix.md and its digest in README.md.
`--framework langchain`, `--column azure` and `--application rag_with_sources` (each may be repeated) run a part and
write nothing; `--turnout-only` leaves the frameworks' own classes out.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from botocore.loaders import JSONFileLoader

from tests.contract.apps.report import Cell, Table, digest, page
from tests.contract.apps.running import attempt, begin_relay, chosen, run_application
from tests.contract.apps.settings import EVERY, settings_text
from turnout_emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tests.contract.apps.application import Framework, Models, Relay
    from tests.contract.apps.settings import Column

FRAMEWORKS = ("langchain", "llama_index")
"""Each has its applications in `apps/{name}_apps.py`, which gives a `FRAMEWORK`."""

README = Path(__file__).resolve().parents[2] / "README.md"
_BEGINS, _ENDS = "<!-- matrix: made by make matrix -->", "<!-- /matrix -->"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "matrix.md"
_CLEARED = ("TURNOUT_", "AZURE_", "AWS_", "OPENAI_", "ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_", "HTTP", "ALL_PROXY")


def frameworks(names: Iterable[str]) -> list[Framework]:
    """The frameworks whose applications exist."""
    modules = [f"tests.contract.apps.{name}_apps" for name in names]
    found: list[Framework] = []
    for module in modules:
        framework = getattr(import_module(module), "FRAMEWORK", None) if find_spec(module) is not None else None
        if framework is None:
            _say(f"{module} has no FRAMEWORK: it is left out")
        else:
            found.append(framework)
    return found


class Bench:
    """Runs cells against one emulator.

    Args:
        emulator: The running emulator.
        settings: The settings file with every column.
        columns: The columns to run.
        applications: Names of the rows to run; empty for all.
    """

    def __init__(self, emulator: Emulator, settings: Path, columns: list[Column], applications: list[str]) -> None:
        self._emulator = emulator
        self._settings = settings
        self._columns = columns
        self._wanted = applications

    def table(self, title: str, framework: Framework, models: Callable[[Column], Models], *, own: bool) -> Table:
        """Every application of a framework on every column, with one set of classes."""
        table = Table(title, [column.title for column in self._columns])
        for application in framework.applications.rows.values():
            if self._wanted and application.name not in self._wanted:
                continue
            started = time.monotonic()
            cells = []
            for column in self._columns:
                with chosen(column, self._settings):
                    outcome = run_application(application, column, models(column), self._emulator)
                cells.append(Cell.of(outcome, own=own))
            table.rows[application.title] = cells
            gc.collect()
            _say(f"{title}: {application.title} ({time.monotonic() - started:.1f} s)")
        for relay in framework.applications.relays.values():
            if self._wanted and relay.name not in self._wanted:
                continue
            table.rows[f"{relay.title} from every other"] = self._relay(relay, models)
            _say(f"{title}: {relay.title}")
        return table

    def _relay(self, relay: Relay, models: Callable[[Column], Models]) -> list[Cell]:
        """For each column, what became of the conversations that were begun on all the others."""
        begun: dict[str, Any] = {}
        failed: dict[str, list[tuple[str, BaseException]]] = {column.name: [] for column in self._columns}
        for column in self._columns:
            with chosen(column, self._settings):
                outcome = attempt(partial(self._begin, relay, column, models(column), begun))
            if outcome.error is not None:
                failed[column.name].append((f"{column.title}, at its beginning", outcome.error))
        for column in self._columns:
            for origin in self._columns:
                if origin is column or origin.name not in begun:
                    continue
                self._emulator.clear()
                with chosen(column, self._settings):
                    made = models(column)
                    outcome = attempt(partial(relay.go_on, made.chat, made.embeddings, begun[origin.name]))
                if outcome.error is not None:
                    failed[column.name].append((origin.title, outcome.error))
        return [Cell.of_relay(failed[column.name], len(begun) - (column.name in begun)) for column in self._columns]

    def _begin(self, relay: Relay, column: Column, models: Models, begun: dict[str, Any]) -> None:
        begun[column.name] = begin_relay(relay, column, models, self._emulator)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress, beside the tables on stdout


def _clean_environment() -> None:
    for name in list(os.environ):
        if name.upper().startswith(_CLEARED):
            del os.environ[name]
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1,localhost"}


@dataclass(frozen=True, slots=True)
class Part:
    """A table to make, in a process of its own.

    Attributes:
        framework: The framework's name.
        own: Whether it is run with the framework's own classes.
        columns: The columns' names.
        applications: Names of the rows to run; empty for all.
    """

    framework: str
    own: bool
    columns: tuple[str, ...]
    applications: tuple[str, ...]

    def make(self) -> Table | None:
        """Run it, against an emulator of its own; None if the framework's applications don't exist."""
        _clean_environment()
        # Collected between applications alone: httpx's pool, which the frameworks' own classes use, waits for itself if
        # a forgotten stream is collected while the pool is being looked at.
        gc.disable()
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")  # what belongs to a cell is recorded there
        found = frameworks([self.framework])
        if not found:
            return None
        framework, columns = found[0], [EVERY[name] for name in self.columns]
        read = cache(JSONFileLoader.load_file)  # the own classes read botocore's models, of megabytes, in every cell
        with (
            tempfile.TemporaryDirectory() as folder,
            Emulator() as emulator,
            mock.patch.object(JSONFileLoader, "load_file", lambda _, path: read(_LOADER, path)),
        ):
            settings = Path(folder) / "turnout.toml"
            settings.write_text(settings_text(emulator), encoding="utf-8")
            bench = Bench(emulator, settings, columns, list(self.applications))
            if not self.own:
                models: Callable[[Column], Models] = lambda _: framework.turnout  # noqa: E731
                return bench.table(f"{framework.title} with turnout", framework, models, own=False)
            models = lambda column: framework.own(column, emulator)  # noqa: E731
            table = bench.table(f"{framework.title} with its own classes", framework, models, own=True)
            table.classes = [framework.own_class(column) for column in columns]
            return table


_LOADER = JSONFileLoader()


def _made(parts: list[Part]) -> list[Table | None]:
    """The tables, as many at once as there are processors: the longest, of the own classes, first."""
    if len(parts) == 1:
        return [parts[0].make()]
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        making = {part: pool.submit(part.make) for part in sorted(parts, key=lambda part: not part.own)}
        return [making[part].result() for part in parts]


def main(arguments: list[str] | None = None) -> int:
    """Run the matrix; 1 if a cell of turnout's failed."""
    parser = argparse.ArgumentParser(prog="matrix", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--framework", action="append", choices=FRAMEWORKS, default=[])
    parser.add_argument("--column", action="append", choices=list(EVERY), default=[])
    parser.add_argument("--application", action="append", default=[])
    parser.add_argument("--turnout-only", action="store_true")
    asked = parser.parse_args(arguments)
    incomplete = bool(asked.framework or asked.column or asked.application or asked.turnout_only)
    if not asked.turnout_only and find_spec("llama_index.embeddings.azure_openai") is None:
        parser.error("the frameworks' own classes aren't all installed: pip install -e '.[dev,bench]'")
    columns, applications = tuple(asked.column or EVERY), tuple(asked.application)
    kinds = (False,) if asked.turnout_only else (False, True)
    names = asked.framework or FRAMEWORKS
    made = iter(_made([Part(name, own, columns, applications) for name in names for own in kinds]))
    pairs = [(next(made), None if asked.turnout_only else next(made)) for _ in names]
    tables = [(ours, theirs) for ours, theirs in pairs if ours is not None]
    text = page(tables)
    print(text)  # noqa: T201 - this is what it is for
    if not incomplete:
        PAGE.write_text(text, encoding="utf-8")
        before, marked, rest = README.read_text(encoding="utf-8").partition(_BEGINS)
        after = rest.partition(_ENDS)[2]
        README.write_text(f"{before}{marked}\n{digest(tables)}{_ENDS}{after}", encoding="utf-8")
        _say(f"written to {PAGE} and {README}")
    return int(any(cell.failed for ours, _ in tables for cells in ours.rows.values() for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
