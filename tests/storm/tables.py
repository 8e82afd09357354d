"""What a storm found, as tables between the marks of a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.storm import attempts
from tests.storm.settings import EMBEDDINGS, WIRES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.storm.attempts import Given
    from tests.storm.calls import Call
    from tests.storm.resources import Held

_PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_COLUMNS = ("calls", "with a fault", "answered all the same", "one typed error", "wrong, late or lost")
OWN = ("AzureChatOpenAI", "AzureOpenAI", "ChatBedrockConverse", "BedrockConverse", "turnout")
_BECAME = ("right", "error", "wrong", "hangs", "untyped error")


@dataclass
class Tally:
    """What became of the calls of a storm, by wire."""

    rows: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    problems: list[str] = field(default_factory=list)

    def add(self, calls: list[Call], given: Given) -> None:
        """Count calls that have ended; `given` is what their requests were given."""
        for call in calls:
            row = self.rows[call.wire]
            row["calls"] += 1
            spared = not call.fault and call.group in {"", "-throttled"}
            row["with a fault"] += not spared
            problem = call.problem()
            if problem is None and (untold := attempts.problem(call, given.get(call.number, []))) is not None:
                problem = f"{call.what_it_is}: {untold}"
            if problem is not None:
                row["wrong, late or lost"] += 1
                self.problems.append(problem)
            elif call.error is not None:
                row["one typed error"] += 1
            elif not spared:
                row["answered all the same"] += 1

    def lines(self) -> list[str]:
        """As a table."""
        lines = [f"| wire | {' | '.join(_COLUMNS)} |", "|---|" + "---|" * len(_COLUMNS)]
        rows = {wire: self.rows[wire] for wire in (*WIRES, *EMBEDDINGS) if wire in self.rows}
        rows["all"] = sum(rows.values(), Counter())
        for wire, row in rows.items():
            protocol = {**WIRES, **EMBEDDINGS}.get(wire, ("", "", ""))[2]
            named = f"{wire} (`{protocol}`)" if protocol else wire
            lines.append(f"| {named} | {' | '.join(f'{row[column]:,}' for column in _COLUMNS)} |")
        return lines


def holding(before: Held, after: Held, seen: list[float]) -> list[str]:
    """What the process held before and after, and its memory after each thousand calls."""
    return [
        f"Resident memory after each thousand calls, in MB: {', '.join(f'{memory:.0f}' for memory in seen)}.",
        "",
        "| | threads | descriptors | resident memory |",
        "|---|---|---|---|",
        f"| before | {before.threads} | {before.descriptors} | {before.memory:.0f} MB |",
        f"| after | {after.threads} | {after.descriptors} | {after.memory:.0f} MB |",
    ]


def beside(found: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    """What the frameworks' own classes do with each fault, and what turnout does."""
    lines = [f"| fault | {' | '.join(OWN)} |", "|---|" + "---|" * len(OWN)]
    for fault, row in found.items():
        lines.append(f"| {fault} | {' | '.join(_cell(row.get(name, {})) for name in OWN)} |")
    sums = {name: sum((Counter(row.get(name, {})) for row in found.values()), Counter[str]()) for name in OWN}
    lines.append(f"| **all** | {' | '.join(_cell(sums[name]) for name in OWN)} |")
    return lines


def _cell(counts: Mapping[str, int]) -> str:
    said = [f"{counts[name]} {_named(name)}" for name in _BECAME if counts.get(name)]
    return ", ".join(said) or "-"


def _named(became: str) -> str:
    return f"**{became}**" if became in {"wrong", "hangs", "untyped error"} else became


def write(mark: str, lines: list[str]) -> None:
    """Put a table in its place on the page."""
    start, end = f"<!-- {mark}: made by make {mark.split(' ', maxsplit=1)[0]} -->", f"<!-- end of {mark} -->"
    text = _PAGE.read_text(encoding="utf-8")
    head, tail = text.split(start)[0], text.split(end)[1]
    _PAGE.write_text(f"{head}{start}\n" + "\n".join(lines) + f"\n{end}{tail}", encoding="utf-8")
