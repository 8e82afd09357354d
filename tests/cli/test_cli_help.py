"""The help texts in docs/cli.md are those that the command prints.

`python tests/cli/test_cli_help.py` writes them there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = ("turnout", "turnout ask", "turnout routes", "turnout reindex", "turnout emulator", "turnout demo")
_BLOCK = re.compile(r"<!-- help: (?P<command>[a-z ]+) -->\n(?P<body>.*?)<!-- end -->", re.DOTALL)


def _help(command: str) -> str:
    arguments = [*command.split()[1:], "--help"]
    done = subprocess.run(
        [sys.executable, "-m", "turnout.cli", *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return f"```\n$ {command} --help\n{done.stdout.strip()}\n```\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_shows_the_help_as_it_is(command: str) -> None:
    shown = {match["command"]: match["body"] for match in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))}
    assert shown[command] == _help(command), f"run: python {Path(__file__).name}"


def test_every_command_is_on_the_page() -> None:
    listed = re.findall(r"^  (\w+)  ", _help("turnout").partition("Commands:")[2], re.MULTILINE)
    assert {f"turnout {name}" for name in listed} == set(COMMANDS) - {"turnout"}


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    text = _BLOCK.sub(lambda match: f"<!-- help: {match['command']} -->\n{_help(match['command'])}<!-- end -->", text)
    PAGE.write_text(text, encoding="utf-8")
