"""A full disk, and memory."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from tests.index import worker
from tests.index.conftest import settings_text
from tests.index.support import sent, some
from turnout.errors import DiskFullError
from turnout.index.files import is_disk_full
from turnout.index.migration.named import NamedIndex

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

INDEX = '\n[index.docs]\nstore = "{store}"\npath = "./index"\nallow_pickle = true\n'
MIB = 1024 * 1024


@pytest.fixture(params=["chroma", "faiss"])
def index_file(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(fresh_emulator, INDEX.format(store=request.param)), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    return path


def crammed(config: str, number: int, room: int, answer: Connection) -> None:
    """A reindex in a process whose files may not grow beyond a size."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        worker.moved(config, some(number), {})
    except DiskFullError as error:
        answer.send(str(error))


def test_a_full_disk_loses_nothing_and_the_next_run_goes_on(
    processes: ForkServerContext, index_file: Path, emulator: Emulator
) -> None:
    number, texts = 300, {found: text for found, (text, _) in some(300).texts.items()}
    here, there = processes.Pipe()
    process = processes.Process(target=crammed, args=(str(index_file), number, MIB // 3, there))
    process.start()
    assert here.poll(60)
    assert "Make room and give the same command again" in here.recv()
    process.join(30)
    index = NamedIndex("docs", index_file)
    space = index.space("bedrock")
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(index.checkpoint(space))) as base:
        had = [row[0] for row in base.execute("SELECT id FROM chunk")]
    emulator.clear()
    assert worker.moved(str(index_file), some(number), {})
    assert not {texts[found] for found in had} & sent(emulator).keys()
    collection = index.open_collection(space)
    assert collection is not None
    assert collection.count() == number


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(28, "No space left on device"), True),
        (OSError(13, "Permission denied"), False),
        (RuntimeError("Database error: (code: 13) database or disk is full"), True),
        (ValueError("a dimension is wrong"), False),
    ],
)
def test_what_says_that_there_is_no_room(error: Exception, full: bool) -> None:
    wrapped = RuntimeError("in a store")
    wrapped.__cause__ = error
    assert is_disk_full(error) == is_disk_full(wrapped) == full


def test_memory_does_not_grow_with_the_size(
    processes: ForkServerContext, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(fresh_emulator, INDEX.format(store="chroma")), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    peaks = []
    for number in (1_000, 4_000):
        here, there = processes.Pipe()
        process = processes.Process(target=worker.peak, args=(str(path), number, str(tmp_path / f"{number}.db"), there))
        process.start()
        assert here.poll(120)
        written, used = here.recv()
        process.join(30)
        assert written == number
        peaks.append(used)
        fresh_emulator.clear()
    # What is between the two is 3,000 times 20 KB.
    assert peaks[1] - peaks[0] < 8 * MIB
