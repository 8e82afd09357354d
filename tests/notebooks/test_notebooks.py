"""The notebooks run from top to bottom with nothing set, and are stored with the outputs of such a run."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from . import execute

pytestmark = pytest.mark.slow

ANSWER = "Meals on a journey are paid back up to 45 euros a day. (expenses.md)"


@cache
def _executed(name: str) -> Any:
    return execute.executed(name)


def _outputs(notebook: Any) -> dict[str, str]:
    """What each code cell printed, by the cell's id."""
    return {
        cell.id: "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


@pytest.mark.parametrize("name", execute.NAMES)
def test_a_notebook_answers_on_azure_and_after_the_switch_on_bedrock(name: str) -> None:
    printed = _outputs(_executed(name))
    assert printed["ask"].startswith(ANSWER)
    assert printed["routes"].split()[1:3] == ["azure", "gpt-5-prod"]
    assert printed["switch"].split()[1:3] == ["bedrock", "us.anthropic.claude-sonnet-4-6"]
    assert printed["again"].startswith(ANSWER)
    assert "us.anthropic.claude-sonnet-4-6 on bedrock" in printed["again"]
    assert "gpt-5-prod on azure" in printed["ask"] + printed.get("who", "")
    assert "thirty days" in printed["stream"]
    assert "days_left {'employee': 'Imke'}" in printed["tools"]
    assert printed["tools"].rstrip().endswith("12")
    assert printed["structured"] == "city='Bergen' days=3\n"


@pytest.mark.parametrize("name", execute.NAMES)
def test_one_setting_is_all_that_is_changed_for_the_switch(name: str) -> None:
    sources = {cell.id: cell.source for cell in execute.stored(name).cells}
    assert sources["switch"].splitlines() == ['os.environ["TURNOUT_BACKEND"] = "bedrock"', "show_routes()"]


@pytest.mark.parametrize("name", execute.NAMES)
def test_the_stored_outputs_are_those_of_a_run(name: str) -> None:
    stored = execute.stored(name)
    assert _outputs(stored) == _outputs(_executed(name)), "run: python tests/notebooks/execute.py"
    assert all(cell.execution_count for cell in stored.cells if cell.cell_type == "code")
    kinds = {output.output_type for cell in stored.cells if cell.cell_type == "code" for output in cell.outputs}
    assert kinds == {"stream"}
    errors = [output for cell in stored.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    assert errors == []


@pytest.mark.parametrize("name", execute.NAMES)
def test_nothing_of_a_machine_is_stored(name: str) -> None:
    text = (execute.NOTEBOOKS / name).read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["metadata"] == execute.METADATA
    assert all(cell["metadata"] == {} for cell in document["cells"])
    assert not re.search(r"/(?:home|root|tmp|work|Users|var)/|127\.0\.0\.1|turnout-emulator|127\.0|:\d{4,5}\b", text)
