"""`turnout reindex`, as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Outcome
from tests.cli.conftest import turnout as typed
from tests.index.conftest import settings_text
from tests.index.support import sent
from tests.index.test_kills import kept
from turnout.index.migration.named import NamedIndex
from turnout.langchain.stores import open_collection
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

INDEX = """
[index.docs]
store = "faiss"
path = "./index"
allow_pickle = true
source = "./docs"

[index.nodes]
store = "simple"
path = "./nodes"
source = "./docs"
"""


def prepare(folder: Path, emulator: Emulator, pages: int) -> Path:
    path = folder / "turnout.toml"
    path.write_text(settings_text(emulator, INDEX), encoding="utf-8")
    (folder / "docs").mkdir()
    for n in range(pages):
        (folder / "docs" / f"track-{n:03}.md").write_text(
            f"# Track {n}\n\nTrack {n} leads to depot {n * 7919 % 10007}.\n"
        )
    return path


@pytest.fixture
def config(fresh_emulator: Emulator, tmp_path: Path) -> Path:
    return prepare(tmp_path, fresh_emulator, 12)


def environment(config: Path, backend: str) -> dict[str, str]:
    return {**os.environ, "TURNOUT_CONFIG": str(config), "TURNOUT_BACKEND": backend}


def turnout(config: Path, *arguments: str, backend: str = "azure") -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TURNOUT_CONFIG", str(config))
        patch.setenv("TURNOUT_BACKEND", backend)
        return typed("reindex", *arguments)


def test_from_documents_to_one_cloud_and_on_to_another(config: Path, emulator: Emulator) -> None:
    planned = turnout(config, "docs", "--dry-run")
    assert planned.code == 0
    assert "12 chunks: 12 to embed; about" in planned.out
    assert not emulator.requests
    assert not (config.parent / "index").exists()

    assert turnout(config, "docs").code == 0
    (config.parent / "docs" / "track-003.md").write_text("# Track 3\n\nTrack 3 is closed.\n")
    (config.parent / "docs" / "track-004.md").unlink()
    (config.parent / "docs" / "broken.pdf").write_text("no PDF")
    emulator.clear()
    again = turnout(config, "docs", "--sample", "0")
    assert list(sent(emulator)) == ["# Track 3\n\nTrack 3 is closed."]
    assert "1 embedded, 10 unchanged, 2 deleted" in again.out
    assert "broken.pdf" in again.err

    moved = turnout(config, "docs", "--to", "bedrock", "--json")
    report = json.loads(moved.out)
    assert (moved.code, report["embedded"], report["complete"]) == (0, 11, True)
    assert report["check"]["recall"] > 0.5
    assert report["estimate"]["cost"] > 0

    refused = turnout(config, "docs", "--drop", "azure", backend="bedrock")
    assert (refused.code, "say --yes" in refused.err) == (2, True)
    dropped = turnout(config, "docs", "--drop", "azure", "--yes", backend="bedrock")
    assert (dropped.code, dropped.out) == (0, "removed the collection of text-embedding-3-small/64\n")
    assert [path.name.split("_")[1] for path in (config.parent / "index").iterdir() if path.is_dir()] == ["amazon"]


def test_an_index_of_llama_index_from_documents(config: Path, emulator: Emulator) -> None:
    done = turnout(config, "nodes", "--json")
    assert (done.code, json.loads(done.out)["embedded"]) == (0, 12)
    emulator.clear()
    again = turnout(config, "nodes", "--json", "--sample", "0")
    assert json.loads(again.out)["unchanged"] == 12
    assert not sent(emulator)


def test_what_was_skipped_is_in_the_summary_and_in_the_exit_code(config: Path, emulator: Emulator) -> None:
    emulator.queue(Failure.invalid_request("no such words"), service="bedrock", operation="embeddings")
    done = turnout(config, "docs", "--to", "bedrock", "--sample", "0")
    assert done.code == 1
    assert "11 embedded, 1 skipped" in done.out
    assert "no such words" in done.out
    assert turnout(config, "docs", "--to", "bedrock", "--sample", "0", "--from", "source").code == 1
    accepted = turnout(config, "docs", "--to", "bedrock", "--sample", "0", "--from", "source", "--accept-skipped")
    assert (accepted.code, "1 skipped" in accepted.out) == (0, True)
    again = turnout(config, "docs", "--to", "bedrock", "--sample", "0", "--retry-skipped", "--from", "source")
    assert (again.code, "1 embedded, 11 unchanged" in again.out) == (0, True)


def test_mistakes_are_the_users_to_fix(config: Path) -> None:
    unknown = turnout(config, "dcos")
    assert (unknown.code, unknown.err) == (
        2,
        "error: 'dcos' is no index (did you mean 'docs'?). Indexes are the [index.…] tables\n",
    )
    nowhere = turnout(config, "docs", "--to", "azur")
    assert (nowhere.code, "did you mean 'azure'" in nowhere.err) == (2, True)


def test_sigterm_waits_for_what_is_in_flight_and_keeps_it(tmp_path: Path) -> None:
    with Emulator(delay=0.2) as slow:
        config = prepare(tmp_path, slow, 400)
        index = NamedIndex("docs", config)
        checkpoint = index.checkpoint(index.space("bedrock"))
        process = subprocess.Popen(
            [sys.executable, "-m", "turnout.cli", "reindex", "docs", "--to", "bedrock", "--sample", "0"],
            env=environment(config, "azure"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        give_up = time.monotonic() + 60
        while not kept(checkpoint):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "stopping: what is in flight is kept" in err
        assert "stopped; give the same command again to go on from here" in out
        first = sent(slow)
        assert 0 < len(first) < 400
        assert len(kept(checkpoint)) == len(first)
        slow.clear()
        assert turnout(config, "docs", "--to", "bedrock", "--sample", "0").code == 0
        assert not first.keys() & sent(slow).keys()
    found = open_collection(index.settings, "docs", index.space("bedrock"))
    assert found is not None
    assert found.count() == 400
