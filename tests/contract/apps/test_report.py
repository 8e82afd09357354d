"""What the matrix makes of an outcome, so that no failure is shown as a pass and no limit as a failure."""

from __future__ import annotations

import re
import warnings
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract import matrix
from tests.contract.apps.limits import PROMISES, Limit, UnmetError, limit, table
from tests.contract.apps.report import Cell, Table, page
from tests.contract.apps.running import Outcome, chosen, run_application
from tests.contract.apps.settings import COLUMNS, EVERY, Column, settings_text
from tests.contract.forms import Person
from turnout.conversation.answer_formats import answer_format
from turnout.conversation.fitting import fit
from turnout.conversation.parameters import fit_parameters
from turnout.conversation.request import Request
from turnout.errors import UnsupportedError
from turnout.routing import Route, resolve
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.apps.application import Need
    from turnout_emulator import Emulator

WARNS = Limit("seed", "it has no such thing", "warning", re.compile("left out"))
RAISES = Limit("images", "it can't", "error", re.compile("no images"))
AFTER = Limit("forced tools", "it can't", "error after", re.compile("forced"))


@pytest.mark.parametrize(
    ("outcome", "own", "mark"),
    [
        (Outcome(), False, "✓"),
        (Outcome(error=AssertionError("no usage")), False, "wrong"),
        (Outcome(error=UnmetError("seed", "not repeated")), False, "wrong"),
        (Outcome(error=TypeError("seed")), True, "TypeError"),
        (Outcome(warned=["it is left out"], limit=WARNS), False, "—"),
        (Outcome(error=UnmetError("seed", ""), warned=["it is left out"], limit=WARNS), False, "—"),
        (Outcome(error=UnmetError("images", ""), warned=["it is left out"], limit=WARNS), False, "wrong"),
        (Outcome(error=AssertionError(), warned=["it is left out"], limit=WARNS), False, "wrong"),
        (Outcome(error=TypeError("seed"), warned=["it is left out"], limit=WARNS), False, "TypeError"),
        (Outcome(warned=["something else"], limit=WARNS), False, "silent"),
        (Outcome(warned=["something else"], limit=WARNS), True, "—"),
        (Outcome(limit=WARNS), False, "silent"),
        (Outcome(limit=WARNS), True, "silent"),
        (Outcome(error=TypeError("seed"), limit=WARNS), True, "TypeError"),
        (Outcome(error=UnsupportedError("no images"), limit=RAISES), False, "—"),
        (Outcome(error=ValueError("no images"), limit=RAISES), False, "silent"),
        (Outcome(error=ValueError("no images"), limit=RAISES), True, "—"),
        (Outcome(limit=RAISES), False, "silent"),
        (Outcome(error=AssertionError("nothing seen"), limit=RAISES), True, "silent"),
        (Outcome(limit=AFTER), False, "✓"),
        (Outcome(error=UnsupportedError("it can't be forced"), limit=AFTER), False, "—"),
    ],
)
def test_mark(outcome: Outcome, own: bool, mark: str) -> None:
    cell = Cell.of(outcome, own=own)
    assert cell.mark == mark
    assert cell.failed == (mark not in {"✓", "—"})
    assert bool(cell.note) == (mark != "✓" or outcome.limit is AFTER)


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
    assert "1 of 4 run, 1 are told that the model can't, 2 fail" in text


def refused(route: Route) -> set[str]:
    """What turnout says that the route can't do, by its own facts."""
    asked = {
        "temperature": "sampling",
        "stop": "stop sequences",
        "seed": "seed",
        "parallel_tool_calls": "one tool at a time",
    }
    values = {"temperature": 0.2, "stop": ["x"], "seed": 7, "parallel_tool_calls": False}
    left = fit_parameters(route, values, "drop")
    found = {name for parameter, name in asked.items() if parameter not in left}
    if not route.facts.images:
        found.add("images")
    if route.wire == "bedrock-converse" and not {"any", "tool"} & set(route.facts.tool_choice):
        found.add("forced tools")
    if route.wire == "bedrock-converse" and not route.facts.tool_streams:
        found.add("objects in pieces")
    return found | {need for need, asked in BESIDE.items() if left_out(route, need, asked)}


THINKS: dict[str, Any] = {"reasoning_effort": "high"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "Tell the time.",
        "parameters": {"type": "object", "properties": {}},
    },
}
BESIDE: dict[Need, Request] = {
    "reasoning": Request(parameters=THINKS),
    "reasoning beside sampling": Request(parameters={**THINKS, "temperature": 0.2}),
    "reasoning beside tools": Request(parameters=THINKS, tools=[TOOL]),
    "strict": Request(form=answer_format(Person), strict=True),
    "top k": Request(extra={"top_k": 5}),
    "user": Request(extra={"user": "ada"}),
}


def left_out(route: Route, need: Need, asked: Request) -> bool:
    """Whether turnout says that it leaves out some of a request."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(asked, route)
    return any(re.search(PROMISES[need][1], str(one.message)) for one in caught)


@pytest.mark.parametrize("column", EVERY.values(), ids=EVERY)
def test_turnout_says_what_the_vendors_say_that_a_model_cannot(
    column: Column, emulator: Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(emulator), encoding="utf-8")
    documented = {need for need in PROMISES if limit(column, [need])}
    assert refused(resolve(backend=column.name, settings=load_settings(path))) == documented


def test_the_table_names_columns_that_exist_and_its_sources() -> None:
    for entry in table():
        assert set(entry["columns"]) <= set(EVERY)
        assert entry["feature"] in PROMISES
        assert entry["by"] in {"vendor", "turnout"}
        assert entry["source"].startswith("https://")
        assert date.fromisoformat(entry["seen"]).year >= 2026


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
