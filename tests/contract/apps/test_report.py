"""What the matrix makes of an outcome, so that no failure is shown as a pass and no limit as a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.contract import matrix
from tests.contract.apps.limits import Limit
from tests.contract.apps.report import Cell, Table, page
from tests.contract.apps.running import Outcome, chosen, run_application
from tests.contract.apps.settings import COLUMNS, settings_text
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

WARNS = Limit("it has no such thing", "warning", re.compile("left out"))
RAISES = Limit("it can't", "error", re.compile("no images"))


@pytest.mark.parametrize(
    ("outcome", "own", "mark"),
    [
        (Outcome(), False, "✓"),
        (Outcome(error=AssertionError("no usage")), False, "wrong"),
        (Outcome(error=TypeError("seed")), True, "TypeError"),
        (Outcome(warned=["it is left out"], limit=WARNS), False, "—"),
        (Outcome(error=AssertionError(), warned=["it is left out"], limit=WARNS), False, "—"),
        (Outcome(error=TypeError("seed"), warned=["it is left out"], limit=WARNS), False, "TypeError"),
        (Outcome(limit=WARNS), False, "silent"),
        (Outcome(limit=WARNS), True, "—"),
        (Outcome(error=TypeError("seed"), limit=WARNS), True, "TypeError"),
        (Outcome(error=UnsupportedError("no images"), limit=RAISES), False, "—"),
        (Outcome(error=ValueError("no images"), limit=RAISES), False, "silent"),
        (Outcome(error=ValueError("no images"), limit=RAISES), True, "—"),
        (Outcome(limit=RAISES), False, "silent"),
        (Outcome(error=AssertionError("nothing seen"), limit=RAISES), True, "silent"),
    ],
)
def test_mark(outcome: Outcome, own: bool, mark: str) -> None:
    cell = Cell.of(outcome, own=own)
    assert cell.mark == mark
    assert cell.failed == (mark not in {"✓", "—"})
    assert bool(cell.note) == (mark != "✓")


def test_a_note_is_the_same_in_every_run() -> None:
    error = ValueError(
        "http://127.0.0.1:4242/x refused 123e4567-e89b-12d3-a456-426614174000\nfor call_0123456789abcdef"
    )
    assert Cell.of(Outcome(error=error), own=True).note == "ValueError: http://…/x refused … for call_…"


def test_conversations_that_failed_are_counted_and_named() -> None:
    same = ValueError("bad id")
    cell = Cell.of_relay([("Azure v1", same), ("OpenAI", same)], 11)
    assert (cell.mark, cell.note) == ("2 of 11", "from Azure v1, OpenAI: ValueError: bad id")
    assert Cell.of_relay([], 11) == Cell("✓")


def test_footnotes_are_numbered_once() -> None:
    table = Table(
        "T", ["A", "B"], {"one": [Cell("✓"), Cell("wrong", "x")], "two": [Cell("wrong", "x"), Cell("—", "y")]}
    )
    text = page([(table, None)])
    assert "| one | ✓ | wrong [1] |" in text
    assert "| two | wrong [1] | — [2] |" in text
    assert "\n1. x\n2. y\n" in text
    assert "1 of 4 pass, 1 the model or its wire can't, 2 fail" in text


def test_a_frameworks_own_class_runs_the_same_application(emulator: Emulator, tmp_path: Path) -> None:
    (framework,) = matrix.frameworks(["langchain"])
    path, column = tmp_path / "turnout.toml", COLUMNS["bedrock_claude"]
    path.write_text(settings_text(emulator), encoding="utf-8")
    with chosen(column, path):
        models = framework.own(column, emulator)
        rag = run_application(framework.applications.rows["rag_with_sources"], column, models, emulator)
        seed = run_application(framework.applications.rows["repeatable"], column, models, emulator)
    assert Cell.of(rag, own=True) == Cell("✓")
    assert Cell.of(seed, own=True).mark == "TypeError"
