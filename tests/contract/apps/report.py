"""What came of the cells, as Markdown."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract.apps.limits import GOES_ON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.apps.running import Outcome

_APPLICATIONS = str(Path(__file__).parent)
RUNS, TOLD = "✓", "—"
_LONGEST = 240  # characters of an error in a footnote
# What differs from run to run.
_CHANGING = (
    (re.compile(r"https?://(127\.0\.0\.1|localhost):\d+"), "http://…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"\b(req|call|chatcmpl|resp|msg|rs|fc|tooluse|toolu|lc_run-)_?-?-?[0-9A-Za-z-]{12,}"), r"\1_…"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r", 'request_id': '[^']*'"), ""),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        mark: `✓` if the application runs, `—` if it is told that the model can't, or the short name of the failure.
        note: What the footnote says; empty for none.
    """

    mark: str
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is a failure."""
        return self.mark not in {RUNS, TOLD}

    @classmethod
    def of(cls, outcome: Outcome, *, own: bool) -> Cell:
        """The cell for an outcome.

        What the model can't do excuses only itself: the application has to be told, and where it can go on without, it
        must get all else that it asks for. A framework's own class may tell it in any words.
        """
        error, known = outcome.error, outcome.limit
        if known is None:
            return cls(RUNS) if error is None else cls(*_failure(error))
        if known.promised == "error after" and error is None:  # the model did as it was told
            return cls(RUNS, "" if own else f"{known.reason}: turnout tells it to, and raises an error if it doesn't")
        refused = error is not None and not isinstance(error, AssertionError)
        if known.promised in GOES_ON:
            told = outcome.is_told if known.promised == "all else" or not own else bool(outcome.warned)
            if not outcome.goes_on:
                assert error is not None
                return cls(*_failure(error))
        else:
            told = refused if own else outcome.is_told
        if told:
            return cls(TOLD, known.reason)
        words = "" if error is None else f": {_words(error)}"
        return cls("silent", f"{known.reason}, and the application isn't told{words}")

    @classmethod
    def of_relay(cls, failed: Sequence[tuple[str, BaseException]], attempts: int) -> Cell:
        """The cell for conversations that came from other columns.

        Args:
            failed: Where they came from, and what was raised.
            attempts: How many came.
        """
        if not failed:
            return cls(RUNS)
        reasons: dict[str, list[str]] = {}
        for origin, error in failed:
            reasons.setdefault(_words(error), []).append(origin)
        note = "; ".join(f"from {', '.join(origins)}: {words}" for words, origins in reasons.items())
        return cls(f"{len(failed)} of {max(attempts, len(failed))}", note)


@dataclass(slots=True)
class Table:
    """A table.

    Attributes:
        title: What it shows.
        columns: The columns' names.
        rows: The cells of each row.
        classes: The class behind each column, if they differ.
    """

    title: str
    columns: list[str]
    rows: dict[str, list[Cell]] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """The table and its footnotes."""
        notes: dict[str, int] = {}
        lines = [
            f"| application | {' | '.join(self.columns)} |",
            f"|---|{'---|' * len(self.columns)}",
        ]
        if self.classes:
            lines.append(f"| | {' | '.join(f'`{name}`' for name in self.classes)} |")
        for name, cells in self.rows.items():
            shown = [
                f"{cell.mark} [{notes.setdefault(cell.note, len(notes) + 1)}]" if cell.note else cell.mark
                for cell in cells
            ]
            lines.append(f"| {name} | {' | '.join(shown)} |")
        numbered = [f"{number}. {_escaped(note)}" for note, number in notes.items()]
        return "\n".join([*lines, "", *numbered, ""])

    def counts(self, column: int) -> tuple[int, int]:
        """In how many rows of a column the application runs, and in how many it is told that the model can't."""
        marks = [row[column].mark for row in self.rows.values()]
        return marks.count(RUNS), marks.count(TOLD)

    def summary(self) -> str:
        """How many cells there are of each kind."""
        counts = [self.counts(column) for column in range(len(self.columns))]
        every = len(self.rows) * len(self.columns)
        run, told = (sum(count[kind] for count in counts) for kind in (0, 1))
        return f"{run} of {every} run, {told} are told that the model can't, {every - run - told} fail"


def digest(tables: Sequence[tuple[Table, Table | None]]) -> str:
    """One line for each table: on each backend, how many applications run, and how many are told that the model can't."""
    columns = tables[0][0].columns
    lines = [f"| run + told that the model can't | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for table in (table for pair in tables for table in pair if table is not None):
        counts = [table.counts(column) for column in range(len(columns))]
        cells = [f"{run} + {told}" if told else str(run) for run, told in counts]
        lines.append(f"| {table.title}, of {len(table.rows)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def page(tables: Sequence[tuple[Table, Table | None]]) -> str:
    """The page of documentation: turnout's table and the frameworks' own, one after the other."""
    parts = [
        "# The same applications on every backend\n",
        (
            "Small applications, each written once against its framework's own interfaces, run unchanged on every wire that "
            "turnout speaks and, on Converse, on every family of models; and on models with rules of their own, such as a "
            "GPT that is served by Responses alone or a Claude that can't but think. With turnout, only `TURNOUT_BACKEND` changes from "
            "column to column. The same applications then run with the framework's own classes, built for each service as "
            "their documentation says. Everything runs against the [emulator](emulator.md), which checks requests as the "
            "services do and holds no language model.\n"
        ),
        (
            "✓ it runs. — the application is told, by a warning or a typed error, that the model can't do what it asks for, "
            "for the reason in the note; told by a warning, it gets all else that it asks for. What a model can't do is written "
            "down from its vendor's documentation in `tests/contract/cannot.toml`, with the sources. Anything else is a "
            "failure, with what was raised in the note: *wrong* is an answer that is not what the application was promised, "
            "and *silent* is an application that isn't told. The rows about a conversation that moves say how many of the "
            "conversations begun on the other columns failed.\n"
        ),
        "In short, how many applications run, and how many more are told that the model can't:\n",
        digest(tables),
        "`make matrix` makes this page.\n",
    ]
    for pair in tables:
        for table in pair:
            if table is not None:
                parts += [f"## {table.title}\n", f"{table.summary()}.\n", table.markdown()]
    return "\n".join(parts)


def _failure(error: BaseException) -> tuple[str, str]:
    mark = "wrong" if isinstance(error, AssertionError) else type(error).__name__
    return mark, _words(error)


def _words(error: BaseException) -> str:
    """An error in one line that is the same in every run."""
    said = str(error).strip()
    if isinstance(error, AssertionError):
        place = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_APPLICATIONS)
        ]
        line = (place[-1].line or "").strip() if place else ""
        said = said or line
        head = "wrong"
    else:
        head = type(error).__name__
    said = " ".join(said.split())
    for pattern, instead in _CHANGING:
        said = pattern.sub(instead, said)
    return f"{head}: {said[:_LONGEST]}{'…' if len(said) > _LONGEST else ''}"


def _escaped(text: str) -> str:
    return re.sub(r"([|<>*_`])", r"\\\1", text)
