"""A reindex that is killed again and again ends like one that wasn't, and asks for no text whose vector it had.

`python -m tests.index.test_kills 20000` does it with so many chunks.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.index.conftest import settings_text
from tests.index.support import sent, some
from tests.index.worker import move
from turnout.calls.limits import FIRST_WINDOW
from turnout.index.migration.checkpoint import State
from turnout.index.migration.named import NamedIndex
from turnout.langchain.stores import open_collection
from turnout_emulator import Emulator

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

pytestmark = pytest.mark.slow

INDEXES = """
[index.docs]
store = "chroma"
path = "./killed"

[index.calm]
store = "chroma"
path = "./calm"
"""
KILLS = 10
"""As often as the module's own run kills; the suite is content with fewer."""


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return settings_text(fresh_emulator, INDEXES)


def kept(file: Path) -> dict[str, int]:
    """Id → how far it came, as the checkpoint says."""
    if not file.exists():
        return {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as base:
        try:
            return dict(base.execute("SELECT id, state FROM chunk"))
        except sqlite3.OperationalError:  # its tables are being made
            return {}


def settle(emulator: Emulator) -> None:
    """Wait until the emulator has dealt with what a killed process had sent."""
    before = -1
    give_up = time.monotonic() + 60
    while before != len(emulator.requests) or any(request.status is None for request in emulator.requests):
        assert time.monotonic() < give_up
        before = len(emulator.requests)
        time.sleep(0.1)


def kill_often(
    processes: ForkServerContext, settings_file: Path, emulator: Emulator, number: int, often: int
) -> tuple[set[int], int, int]:
    """Kill it when as much more is kept each time, then let it end.

    Returns:
        The states that chunks were in when it was killed, how often it was killed, and how many texts were answered
        whose vector wasn't kept.
    """
    texts = {found: text for found, (text, _) in some(number).texts.items()}
    index = NamedIndex("docs", settings_file)
    checkpoint = index.checkpoint(index.space("bedrock"))
    states: set[int] = set()
    had: dict[str, int] = {}
    kills = lost = 0
    while True:
        emulator.clear()
        process = processes.Process(target=move, args=(str(settings_file), number, {}))
        process.start()
        goal = max(number * (kills + 1) // (often + 1), len(had) + 1)
        give_up = time.monotonic() + 120
        while process.is_alive() and (kills == often or len(kept(checkpoint)) < goal):
            assert time.monotonic() < give_up
            time.sleep(0.002)
        process.kill()
        process.join()
        settle(emulator)
        asked = sent(emulator)
        assert not {texts[found] for found in had} & asked.keys()  # what was kept isn't asked for again
        assert max(asked.values(), default=1) == 1
        had = kept(checkpoint)
        if process.exitcode == 0:
            return states, kills, lost
        assert process.exitcode == -9
        states |= set(had.values())
        kills += 1
        lost += len(asked.keys() - {texts[found] for found in had})


def contents(settings_file: Path, name: str) -> dict[str, Any]:
    index = NamedIndex(name, settings_file)
    found = open_collection(index.settings, name, index.space("bedrock"))
    assert found is not None
    items = {item.id: (item.text, item.metadata) for item in found.chunks()}
    vectors = found.vectors(list(items))
    return {item: (*items[item], list(map(float, vectors[item]))) for item in items}


def compare(processes: ForkServerContext, settings_file: Path, emulator: Emulator, number: int, often: int) -> int:
    """Compare a run that is killed so often with one that isn't; how many answers the kills cost."""
    states, kills, lost = kill_often(processes, settings_file, emulator, number, often)
    assert kills == often
    assert states == {State.SAVED, State.WRITTEN}  # it was also killed between the two
    calm = processes.Process(target=move, args=(str(settings_file), number, {"index": "calm"}))
    calm.start()
    calm.join()
    assert calm.exitcode == 0
    assert contents(settings_file, "docs") == contents(settings_file, "calm")
    assert len(contents(settings_file, "docs")) == number
    return lost


def test_killed_again_and_again_it_ends_like_a_run_that_was_not(
    processes: ForkServerContext, settings_file: Path, emulator: Emulator
) -> None:
    lost = compare(processes, settings_file, emulator, 2400, 5)  # a write of Chroma has a thousand
    assert lost <= 5 * 2 * FIRST_WINDOW  # answers on their way: a kill costs no more than what is in flight


if __name__ == "__main__":
    os.environ["TURNOUT_BACKEND"] = "azure"
    with Emulator() as running, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "turnout.toml"
        file.write_text(settings_text(running, INDEXES), encoding="utf-8")
        began, asked_for = time.monotonic(), int(sys.argv[1])
        cost = compare(multiprocessing.get_context("forkserver"), file, running, asked_for, KILLS)
        took = time.monotonic() - began
        sys.stdout.write(f"{asked_for} chunks, killed {KILLS} times, {cost} answers lost; {took:.0f} s\n")
