"""The command as the shell runs it: start, signals, pipes, and what it imports."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from turnout import __version__
from turnout_emulator import Answer

from .conftest import process, turnout, without_progress

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

# A run in the background may have been started with Ctrl-C ignored, which its children inherit.
_HEEDING = (
    "import os, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'turnout.cli', *sys.argv[1:]])"
)
_MODULES = (
    *("langchain_core", "llama_index.core", "turnout.langchain", "turnout.llama_index"),
    *("openai", "botocore", "azure.identity", "pydantic", "aiohttp", "rich"),
)

LLAMA_INDEX = "from llama_index.core import MockEmbedding, VectorStoreIndex as V; V([], embed_model=MockEmbedding(1))"


def _imported(code: str, first: str = "import sys") -> set[str]:
    """Which of the modules a program imports, besides those that come with what is imported first."""
    program = (
        f"{first}\nimport json, sys\nbefore = set(sys.modules)\n{code}\n"
        f"print(json.dumps([m for m in {_MODULES!r} if m in sys.modules and m not in before]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_imports_no_framework_and_no_sdk() -> None:
    assert _imported("import turnout.cli, turnout.cli.app") == set()


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize(
    ("framework", "own", "others"),
    [
        ("langchain", "import langchain_core", {"llama_index.core", "turnout.llama_index"}),
        ("llama-index", LLAMA_INDEX, {"langchain_core", "turnout.langchain"}),
    ],
)
def test_only_the_chosen_framework_and_cloud_are_imported(
    docs: Path, framework: str, own: str, others: set[str]
) -> None:
    arguments = ["ask", "What does a berth cost?", "--docs", str(docs), "--framework", framework]
    code = f"from turnout.cli.app import app\ntry:\n  app({arguments!r})\nexcept SystemExit as e:\n  assert not e.code"
    assert _imported(code, own) & {*others, "botocore"} == set()  # LlamaIndex itself loads LangChain, where it can


def test_the_version_is_shown() -> None:
    assert process("--version").out == f"turnout {__version__}\n"


def test_no_arguments_show_the_help() -> None:
    done = process()
    assert (done.code, done.err) == (0, "")
    assert done.out == process("--help").out


@pytest.mark.usefixtures("settings_file")
def test_an_answer_that_the_terminal_cannot_show_is_no_failure(docs: Path) -> None:
    (docs / "accents.txt").write_text("The café on the pier is called Blåskjell ✓.\n", encoding="utf-8")
    done = process("ask", "What is the café on the pier called?", "--docs", str(docs), PYTHONIOENCODING="ascii")
    assert done.code == 0, done.err
    assert "Bl?skjell" in done.out


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["written at the end", "written at once"])
def test_a_closed_pipe_is_quiet(unbuffered: str) -> None:
    script = f"{sys.executable} -m turnout.cli routes | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.stderr == ""
    assert done.returncode in {0, 1}


@pytest.mark.usefixtures("settings_file")
def test_a_long_ingest_shows_progress_on_stderr_alone(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.md").write_text(f"Ship {number} carries {number * 3} barrels.\n", encoding="utf-8")
    quick = (
        "import turnout.cli.steps as steps; steps._LONG = 0.0\n"
        f"from turnout.cli.app import app\napp(['ask', 'What does ship 7 carry?', '--docs', {str(folder)!r}, '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", quick], capture_output=True, text=True, timeout=120, check=True)
    assert "21 barrels" in json.loads(done.stdout)["answer"]
    for said in ("reading: 40 files", "splitting: 40 of 40 texts", "embedding: 40 of 40 chunks"):
        assert said in done.stderr


@pytest.mark.usefixtures("settings_file")
def test_ctrl_c_ends_a_question_quietly(docs: Path, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer("late", delay=30), operation="chat")
    command = [sys.executable, "-c", _HEEDING, "ask", "What?", "--docs", str(docs)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while fresh_emulator.pending and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    finally:
        running.kill()
        running.communicate()
    assert (running.returncode, out, without_progress(err)) == (130, "", "")


def _emulator(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _HEEDING, "emulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _read_until(running: subprocess.Popen[str], last: str) -> str:
    assert running.stdout is not None
    text = ""
    while last not in text:
        line = running.stdout.readline()
        assert line, f"ended early: {running.stderr.read() if running.stderr else ''}"
        text += line
    return text


def test_the_emulator_prints_settings_and_variables_that_work_and_stops_on_ctrl_c(
    docs: Path, tmp_path: Path, elsewhere: Path
) -> None:
    running = _emulator("--port", "0")
    try:
        text = _read_until(running, "OPENAI_API_KEY=") + _read_until(running, "AZURE_OPENAI_EMBEDDING_DEPLOYMENT=")
        file, _, exports = text.partition("# Or set these")
        (tmp_path / "pasted.toml").write_text(file, encoding="utf-8")
        assert tomllib.loads(file)["backend"] == "azure"
        variables = dict(re.findall(r"^export (\w+)=(.*)$", exports, re.MULTILINE))
        question = ("ask", "What does a berth cost a night?", "--docs", str(docs))
        for backend in ("azure", "bedrock", "openai"):
            for given in ({"TURNOUT_CONFIG": str(tmp_path / "pasted.toml")}, variables):
                with pytest.MonkeyPatch.context() as patch:
                    for name, value in (given | {"TURNOUT_BACKEND": backend}).items():
                        patch.setenv(name, value)
                    done = turnout(*question)
                assert done.code == 0, done.err
                assert "twelve florins" in done.out
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert running.stderr is not None
        assert running.stderr.read() == ""
    finally:
        running.kill()
        running.communicate()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = _emulator("--port", str(port))
        try:
            out, err = running.communicate(timeout=30)
        finally:
            running.kill()
            running.wait()
    assert running.returncode == 2
    assert out == ""
    assert err.startswith("error: ")
    assert f"127.0.0.1:{port}" in err
    assert "--port" in err
