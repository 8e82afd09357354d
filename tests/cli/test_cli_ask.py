from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .conftest import turnout

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

FRAMEWORKS = ("langchain", "llama-index")
CASES = [
    ("What does a berth cost a night?", "twelve florins", "guide.md"),
    ("When was the lighthouse built?", "1871", "deep/notes.txt"),
    ("How many passengers did the ferry carry?", "4212", "report.pdf, page 2"),
]


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(("question", "answer", "source"), CASES)
def test_every_backend_gives_the_right_answer_with_the_right_source(
    docs: Path, backend: str, framework: str, question: str, answer: str, source: str
) -> None:
    done = turnout("ask", question, "--docs", str(docs), "--framework", framework)
    assert done.code == 0, done.err
    assert answer in done.out
    assert done.out.partition("\nSources\n")[2] == f"  {source}\n"
    assert done.err == ""


@pytest.mark.usefixtures("settings_file")
def test_the_backend_variable_alone_changes_where_requests_go(
    docs: Path, framework: str, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend in ("azure", "bedrock"):
        fresh_emulator.clear()
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        assert turnout("ask", CASES[0][0], "--docs", str(docs), "--framework", framework).code == 0
        assert {request.service for request in fresh_emulator.requests} == {backend}


@pytest.mark.usefixtures("settings_file")
def test_the_backend_option_stands_for_the_variable(docs: Path, framework: str, fresh_emulator: Emulator) -> None:
    done = turnout("ask", CASES[0][0], "--docs", str(docs), "--framework", framework, "--backend", "bedrock")
    assert done.code == 0, done.err
    assert {request.service for request in fresh_emulator.requests} == {"bedrock"}


@pytest.mark.usefixtures("settings_file")
def test_pinned_embeddings_stay_where_they_are_pinned(
    docs: Path, framework: str, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNOUT_EMBEDDING_BACKEND", "openai")
    options = ("--framework", framework, "--backend", "bedrock", "--json")
    done = turnout("ask", CASES[0][0], "--docs", str(docs), *options)
    told = json.loads(done.out)
    assert (told["chat"]["backend"], told["embedding"]["backend"]) == ("bedrock", "openai")
    assert {request.service for request in fresh_emulator.requests} == {"bedrock", "openai"}


def test_a_streamed_answer_is_the_same_answer(docs: Path, backend: str, framework: str) -> None:
    command = ("ask", CASES[0][0], "--docs", str(docs), "--framework", framework)
    whole, streamed = turnout(*command), turnout(*command, "--stream", "--explain")
    assert streamed.code == 0, streamed.err
    assert streamed.out.startswith(whole.out)
    assert "first token of the answer after" in streamed.out


def test_explain_says_where_it_went_and_what_it_took(docs: Path, backend: str, framework: str) -> None:
    done = turnout("ask", CASES[0][0], "--docs", str(docs), "--framework", framework, "--explain")
    assert done.code == 0, done.err
    expected = {
        "azure": ("gpt-5-prod", "openai-chat", "api-key", "text-embedding-3-small/1536"),
        "azure_dated": ("gpt-5-prod", "openai-chat", "api-key", "text-embedding-3-small/1536"),
        "openai": ("gpt-5", "openai-chat", "api-key", "text-embedding-3-small/1536"),
        "bedrock": (
            "us.anthropic.claude-sonnet-4-6",
            "bedrock-converse",
            "static-keys",
            "amazon.titan-embed-text-v2:0/1024",
        ),
    }[backend]
    for said in (*expected, f"backend {backend}", f"chat.default.{backend}", "http://127.0.0.1:", "3 files"):
        assert said in done.out
    for step in ("settings", "read", "load", "split", "embed", "retrieve", "answer"):
        assert f"{step} " in done.out.partition("  time ")[2]
    assert "1 of other types, 2 hidden" in done.out
    assert "guide.md: " in done.out.partition("Retrieved")[2]
    assert "first token" not in done.out


@pytest.mark.usefixtures("settings_file")
def test_json_holds_everything_and_nothing_else_is_on_stdout(docs: Path, framework: str) -> None:
    done = turnout("ask", CASES[2][0], "--docs", str(docs), "--framework", framework, "--json", "--stream")
    told = json.loads(done.out)
    assert told["framework"] == framework
    assert told["backend"] == "azure"
    assert told["sources"] == ["report.pdf, page 2"]
    assert "4212" in told["answer"]
    assert told["read"]["files"] == 3
    assert told["retrieved"][0]["source"] == "report.pdf, page 2"
    assert told["seconds"] == pytest.approx(sum(told["steps"].values()), abs=0.01)
    assert 0 < told["first_token"] <= told["steps"]["answer"]


@pytest.mark.usefixtures("settings_file")
def test_another_route_is_another_deployment(docs: Path, framework: str) -> None:
    options = ("--framework", framework, "--model", "fast", "--json")
    told = json.loads(turnout("ask", CASES[0][0], "--docs", str(docs), *options).out)
    assert told["deployment"] == "mini"


@pytest.mark.usefixtures("settings_file")
def test_top_k_bounds_what_is_retrieved(docs: Path, framework: str) -> None:
    options = ("--framework", framework, "--top-k", "1", "--json")
    told = json.loads(turnout("ask", CASES[0][0], "--docs", str(docs), *options).out)
    assert len(told["retrieved"]) == 1


@pytest.mark.usefixtures("settings_file")
def test_what_the_documents_do_not_say_is_not_made_up(docs: Path, framework: str) -> None:
    done = turnout("ask", "Who won the chess tournament in Reykjavik?", "--docs", str(docs), "--framework", framework)
    assert done.code == 0
    assert "find" in done.out
    assert "florins" not in done.out
    assert "Read for it (the answer names no source)" in done.out
    assert "\nSources" not in done.out


@pytest.mark.usefixtures("settings_file")
def test_a_skipped_file_is_a_warning_and_the_rest_goes_on(docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7")
    done = turnout("ask", CASES[0][0], "--docs", str(docs))
    assert done.code == 0
    assert "twelve florins" in done.out
    assert done.err.startswith("warning: broken.pdf: it is no PDF")


@pytest.mark.usefixtures("settings_file")
def test_many_skipped_files_are_counted_not_listed(docs: Path) -> None:
    for number in range(25):
        (docs / f"{number:02}.txt").write_bytes(b"")
    done = turnout("ask", CASES[0][0], "--docs", str(docs))
    assert len(done.err.splitlines()) == 21
    assert "5 more files were skipped" in done.err
