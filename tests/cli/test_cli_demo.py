from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from turnout.cli import demo

from .conftest import process, turnout

if TYPE_CHECKING:
    from rich.console import RenderableType

pytestmark = pytest.mark.slow

ROWS: list[dict[str, Any]] = [
    {
        "framework": framework,
        "backend": backend,
        "deployment": deployment,
        "credential": f"{credential} (from the settings)",
        "embedding_space": space,
        "answer": "A berth costs twelve florins a night, as the guide of the harbour says (guide.md).",
        "sources": ["guide.md", "a/longer/path/to/a/report.pdf, page 12"],
        "seconds": 1.25,
    }
    for framework in ("langchain", "llama-index")
    for backend, deployment, credential, space in (
        ("azure", "gpt-5-prod", "api-key", "text-embedding-3-small/1536"),
        ("bedrock", "us.anthropic.claude-sonnet-4-6", "static-keys", "amazon.titan-embed-text-v2:0/1024"),
    )
]


def _rendered(what: RenderableType, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(what)
    return out.getvalue().splitlines()


def _columns(lines: list[str]) -> dict[str, str]:
    """The text of each column of the table, its lines joined without spaces."""
    header = next(line for line in lines if "framework" in line)
    starts = [header.index(name) for name in demo.FIELDS] + [len(header)]
    return {
        name: "".join(line[starts[i] : starts[i + 1]].strip() for line in lines) for i, name in enumerate(demo.FIELDS)
    }


def test_the_table_holds_all_eight_fields_whole_in_120_columns() -> None:
    lines = _rendered(demo.table(ROWS, 120), 120)
    assert max(map(len, lines)) <= 120
    columns = _columns(lines)
    assert columns["framework"] == "framework" + "─" * columns["framework"].count("─") + "langchain" * 2 + (
        "llama-index" * 2
    )
    assert columns["deployment"].count("us.anthropic.claude-sonnet-4-6") == 2
    assert columns["embedding space"].count("amazon.titan-embed-text-v2:0/1024") == 2
    assert columns["credential"].count("static-keys") == 2
    assert columns["sources"].count("guide.md") == 4
    assert columns["time"].count("1.2 s") == 4
    assert columns["answer"].count("twelve") == 4
    assert "…" not in "".join(lines)


def test_a_narrow_terminal_gets_a_line_for_each_field() -> None:
    lines = _rendered(demo.table(ROWS, 80), 80)
    assert max(map(len, lines)) <= 80
    for name in demo.FIELDS:
        assert sum(line.strip().startswith(f"{name}  ") for line in lines) == 4
    assert sum("us.anthropic.claude-sonnet-4-6" in line for line in lines) == 2


def test_the_demo_asks_on_both_frameworks_and_clouds(docs: Path) -> None:
    done = process(
        "demo",
        "--docs",
        str(docs),
        "--question",
        "What does a berth cost a night?",
        # None of these may decide anything, nor be sent anywhere.
        AZURE_TENANT_ID="stray",
        AZURE_CLIENT_ID="stray",
        AZURE_CLIENT_SECRET="stray",
        AWS_PROFILE="missing",
        TURNOUT_BACKEND="stray",
    )
    assert done.code == 0, done.out + done.err
    assert "no language model" in done.out
    columns = _columns(done.out.rpartition("--framework llama-index\n")[2].splitlines())
    assert columns["answer"].count("twelve florins") + columns["answer"].count("twelveflorins") == 4
    assert columns["sources"].count("guide.md") == 4
    assert columns["deployment"].count("gpt-5-prod") == 2
    assert columns["credential"].count("api-key") == 2
    assert columns["credential"].count("static-keys") == 2
    assert len(re.findall(r"\d\.\d s", columns["time"])) == 4
    assert done.err == ""


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("framework", ["langchain", "llama-index"])
@pytest.mark.parametrize("backend", demo.BACKENDS)
@pytest.mark.parametrize(
    ("question", "answer", "source"),
    [
        (demo.QUESTION, "TURNOUT_BACKEND=bedrock", "settings.md"),
        ("Which credential does Azure use first?", "service principal first", "credentials.md"),
    ],
)
def test_the_projects_own_docs_answer_the_default_question(
    framework: str, backend: str, question: str, answer: str, source: str
) -> None:
    docs = Path(__file__).parents[2] / "docs"
    options = ("--framework", framework, "--backend", backend, "--json")
    told = json.loads(turnout("ask", question, "--docs", str(docs), *options).out)
    assert answer in told["answer"]
    assert told["cited"] == [source]
    assert told["retrieved"][0]["source"] == source


def test_a_row_that_failed_is_shown_and_is_the_exit_code(tmp_path: Path) -> None:
    done = turnout("demo", "--docs", str(tmp_path / "nowhere"))
    assert done.code == 1
    assert done.out.count("error:") == 4


def test_an_empty_question_is_refused_before_anything_starts(docs: Path) -> None:
    done = turnout("demo", "--docs", str(docs), "--question", " ")
    assert (done.code, done.err) == (2, "error: the question is empty\n")


@pytest.mark.parametrize("size", [80, 120])
def test_the_width_of_the_terminal_decides(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((size, 24)))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    demo._print(ROWS)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert max(map(len, plain.splitlines())) <= size
    assert plain.count("embedding space") == (4 if size == 80 else 1)
