"""A service whose answers take a while, and the process that servers are forked from."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.warm import WarmProcess, warm_process
from turnout_emulator import Answer, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Received


@pytest.fixture(scope="package")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    """A process that has imported both frameworks' integrations, and nothing of turnout."""
    with warm_process(("langchain", "llama_index"), tmp_path_factory.mktemp("servers")) as made:
        yield made


def _echo(received: Received) -> Answer | None:
    """A question has a number, which is what the answer has, too."""
    if received.operation != "chat":
        return None
    found = re.search(r"number \d+", json.dumps(received.body))
    return Answer(found[0] if found else "one two three four five six")


@pytest.fixture(scope="package")
def slow() -> Iterator[Emulator]:
    with Emulator(delay=0.03) as running:
        running.rule(_echo)
        yield running


@pytest.fixture(autouse=True)
def settings(slow: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(slow.settings_toml(), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
