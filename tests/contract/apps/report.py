"""What came of the cells, as Markdown."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.apps.running import Outcome

_APPLICATIONS = str(Path(__file__).parent)
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
        mark: `✓`, `—` where the model itself can't, or the short name of the failure.
        note: What the footnote says; empty for none.
    """

    mark: str
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is a failure."""
        return self.mark not in {"✓", "—"}

    @classmethod
    def of(cls, outcome: Outcome, *, own: bool) -> Cell:
        """The cell for an outcome.

        A limit of the model excuses what follows from it. It excuses no class from saying so, and where the
        application can go on without what the model lacks, no class from going on.
        """
        error, known = outcome.error, outcome.limit
        if known is None:
            return cls("✓") if error is None else cls(*_failure(error))
        lacking = cls("—", known.reason)
        unmet = error is None or isinstance(error, AssertionError)
        if known.promised == "warning":
            if error is not None and not unmet:
                return cls(*_failure(error))
            told = own or any(known.said.search(warned) for warned in outcome.warned)
            return lacking if told else cls("silent", f"{known.reason}, and nothing is said of it")
        if unmet or not (own or isinstance(error, known.raises)):
            said = "" if error is None else f": {_words(error)}"
            return cls("silent", f"{known.reason}, and the application isn't told{said}")
        return lacking

    @classmethod
    def of_relay(cls, failed: Sequence[tuple[str, BaseException]], attempts: int) -> Cell:
        """The cell for conversations that came from other columns.

        Args:
            failed: Where they came from, and what was raised.
            attempts: How many came.
        """
        if not failed:
            return cls("✓")
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

    def summary(self) -> str:
        """How many cells there are of each kind."""
        cells = [cell for row in self.rows.values() for cell in row]
        failed = sum(cell.failed for cell in cells)
        lacking = sum(cell.mark == "—" for cell in cells)
        return f"{len(cells) - failed - lacking} of {len(cells)} pass, {lacking} the model or its wire can't, {failed} fail"


def digest(tables: Sequence[tuple[Table, Table | None]]) -> str:
    """The tables in short, for the README: how many applications run on each backend, and what fails."""
    columns = tables[0][0].columns
    lines = [f"| applications that run | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for pair in tables:
        for table in pair:
            if table is None:
                continue
            counts = [
                f"{sum(not row[index].failed for row in table.rows.values())} of {len(table.rows)}"
                for index in range(len(columns))
            ]
            lines.append(f"| {table.title} | {' | '.join(counts)} |")
    lines += ["", "<details><summary>Application by application, with what fails named</summary>", ""]
    for ours, own in tables:
        lines += [f"| application | {ours.title} | {own.title if own else 'own classes'} |", "|---|---|---|"]
        for name, cells in ours.rows.items():
            theirs = _told(own.rows[name], columns) if own and name in own.rows else ""
            lines.append(f"| {name} | {_told(cells, columns)} | {theirs} |")
        lines.append("")
    return "\n".join([*lines, "</details>", ""])


def _told(cells: Sequence[Cell], columns: Sequence[str]) -> str:
    failures: dict[str, list[str]] = {}
    for cell, column in zip(cells, columns, strict=True):
        if cell.failed:
            kind = "fails" if " of " in cell.mark else cell.mark
            failures.setdefault(kind, []).append(column)
    if not failures:
        return "✓"
    passed = len(cells) - sum(map(len, failures.values()))
    named = "; ".join(f"{kind} on {', '.join(where)}" for kind, where in failures.items())
    return f"{passed} of {len(cells)}: {named}"


def page(tables: Sequence[tuple[Table, Table | None]]) -> str:
    """The page of documentation: turnout's table and the frameworks' own, one after the other."""
    parts = [
        "# The same applications on every backend\n",
        (
            "Small applications, each written once against its framework's own interfaces, run unchanged on every wire that "
            "turnout speaks and, on Converse, on every family of models. With turnout, only `TURNOUT_BACKEND` changes from "
            "column to column. The same applications then run with the framework's own classes, built for each service as "
            "their documentation says. Everything runs against the [emulator](emulator.md), which checks requests as the "
            "services do and holds no language model.\n"
        ),
        (
            "✓ it works. — the model or its wire can't, for the reason in the note, and turnout says so by a warning or a typed "
            "error. Anything else is a failure, with what was raised in the note; *wrong* is an answer that is not what the "
            "application was promised. The rows about a conversation that moves say how many of the conversations begun on "
            "the other columns failed.\n"
        ),
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
