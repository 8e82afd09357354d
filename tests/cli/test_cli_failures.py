"""Every mistake ends in one message on stderr and an exit code: 2 for the user's, 1 for the service's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from turnout.cli import frameworks, pipeline
from turnout_emulator import Answer, Cut, Failure

from .conftest import Outcome, turnout

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

SECRETS = ("turnout-emulator-azure-key", "turnout-emulator-aws-secret-key", "sk-turnout-emulator")
QUESTION = "What does a berth cost a night?"


def _failed(done: Outcome, code: int, *said: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err.startswith("error: ")
    for text in said:
        assert re.search(text, done.err), done.err
    assert "Traceback" not in done.err
    assert not any(secret in done.err for secret in SECRETS)


@pytest.mark.usefixtures("settings_file")
def test_a_missing_folder(tmp_path: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(tmp_path / "nowhere")), 2, "there is no folder", "nowhere")


@pytest.mark.usefixtures("settings_file")
def test_an_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    _failed(turnout("ask", QUESTION, "--docs", str(folder)), 2, "nothing to read")


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question(docs: Path, question: str) -> None:
    _failed(turnout("ask", question, "--docs", str(docs)), 2, "the question is empty")


@pytest.mark.usefixtures("settings_file")
def test_an_unknown_framework(docs: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(docs), "--framework", "haystack"), 2, "haystack", "llama-index")


@pytest.mark.usefixtures("settings_file")
def test_an_unknown_backend_suggests_the_nearest(docs: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(docs), "--backend", "bedrok"), 2, "did you mean 'bedrock'")


@pytest.mark.usefixtures("settings_file")
def test_an_unknown_route_suggests_the_nearest(docs: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(docs), "--model", "fats"), 2, "did you mean 'fast'")


@pytest.mark.usefixtures("elsewhere")
def test_no_settings_at_all(docs: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(docs)), 2, "No settings found", r"\[backends.azure\]")


@pytest.mark.usefixtures("elsewhere")
def test_a_settings_file_that_is_not_there(docs: Path, tmp_path: Path) -> None:
    _failed(turnout("ask", QUESTION, "--docs", str(docs), "--config", str(tmp_path / "no.toml")), 2, "there is no file")


@pytest.mark.usefixtures("elsewhere")
def test_a_missing_credential(docs: Path, tmp_path: Path, emulator: Emulator) -> None:
    config = tmp_path / "bare.toml"
    lines = emulator.settings_toml().replace('backend = "azure"', 'backend = "bedrock"', 1).splitlines()
    config.write_text("\n".join(line for line in lines if "key" not in line), encoding="utf-8")
    done = turnout("ask", QUESTION, "--docs", str(docs), "--config", str(config))
    _failed(done, 2, "No AWS credential", "AWS_ACCESS_KEY_ID")


@pytest.mark.usefixtures("elsewhere")
def test_a_refused_credential_is_the_services_word(docs: Path, tmp_path: Path, emulator: Emulator) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(emulator.settings_toml().replace(SECRETS[0], "not-the-key"), encoding="utf-8")
    done = turnout("ask", QUESTION, "--docs", str(docs), "--config", str(config))
    _failed(done, 1, "refused the credential", "api-key")
    assert "not-the-key" not in done.err


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("framework", ["langchain", "llama-index"])
def test_a_missing_deployment_is_named(docs: Path, tmp_path: Path, emulator: Emulator, framework: str) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(emulator.settings_toml().replace("gpt-5-prod", "gpt-5-gone"), encoding="utf-8")
    done = turnout("ask", QUESTION, "--docs", str(docs), "--config", str(config), "--framework", framework)
    _failed(done, 1, "gpt-5-gone", "chat.default.azure")


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("framework", ["langchain", "llama-index"])
def test_a_service_that_fails(docs: Path, fresh_emulator: Emulator, framework: str) -> None:
    fresh_emulator.queue(*[Failure("server_error", status=500, message="The moon is full.")] * 12, operation="chat")
    try:
        done = turnout("ask", QUESTION, "--docs", str(docs), "--framework", framework)
    finally:
        fresh_emulator.clear()
    _failed(done, 1, "The moon is full")


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("framework", ["langchain", "llama-index"])
def test_a_framework_that_is_not_installed(docs: Path, monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    monkeypatch.setattr(frameworks, "find_spec", lambda _: None)
    done = turnout("ask", QUESTION, "--docs", str(docs), "--framework", framework)
    _failed(done, 2, rf"pip install 'turnout\[{framework}\]'")
    _failed(turnout("ask", QUESTION, "--docs", str(docs)), 2, "no framework is installed")


def test_an_unknown_option_and_command() -> None:
    _failed(turnout("ask", QUESTION, "--doc", "x"), 2, "--doc", "turnout ask --help")
    _failed(turnout("aks"), 2, "aks", "turnout --help")
    _failed(turnout("--verson"), 2, "--verson", "turnout --help")
    _failed(turnout("ask"), 2, "[Mm]issing")


@pytest.mark.usefixtures("settings_file")
def test_what_nobody_foresaw_has_no_traceback_unless_asked_for(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(pipeline, "relevant", broken)
    _failed(turnout("ask", QUESTION, "--docs", str(docs)), 1, "unexpected ZeroDivisionError: by nought", "--debug")
    assert "Traceback" in turnout("--debug", "ask", QUESTION, "--docs", str(docs)).err


@pytest.mark.usefixtures("settings_file")
def test_an_interruption_is_quiet(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "relevant", interrupted)
    done = turnout("ask", QUESTION, "--docs", str(docs))
    assert (done.code, done.out, done.err) == (130, "", "")


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("framework", ["langchain", "llama-index"])
def test_an_answer_that_is_cut_off_ends_its_line_before_the_error(
    docs: Path, fresh_emulator: Emulator, framework: str
) -> None:
    fresh_emulator.queue(Cut(after_chunks=4, answer=Answer("Twelve florins and some more words")), operation="chat")
    done = turnout("ask", QUESTION, "--docs", str(docs), "--framework", framework, "--stream")
    assert done.code == 1
    assert done.out.startswith("Twelve")
    assert done.out.endswith("\n")
    assert "Sources" not in done.out
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
