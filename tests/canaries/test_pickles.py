"""A pickle that lies in an index's folder runs nothing."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from tests.cli.conftest import turnout
from tests.index.named_support import settings, use
from turnout.errors import SettingsError, UnsupportedError
from turnout.langchain import TurnoutIndex
from turnout.settings import IndexSettings
from turnout_emulator import Emulator

MARKER = "marker"
ALLOWED = "\nallow_pickle = true"


class Malicious:
    """What is unpickled writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.fixture
def planted(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index in the working directory whose pickle somebody has replaced."""
    monkeypatch.chdir(tmp_path)
    lines = 'store = "faiss"\npath = "index"\nsource = "docs"'
    use(settings(fresh_emulator, tmp_path, lines + ALLOWED), monkeypatch)
    TurnoutIndex("docs").add_texts(["The depot opens at seven."], ids=["depot"])
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "depot.md").write_text("The depot opens at seven.\n")
    for pickled in tmp_path.rglob("*.pkl"):
        pickled.write_bytes(pickle.dumps(Malicious(tmp_path / MARKER)))
    use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
    return tmp_path


COMMANDS = [
    ("ask", "When does it open?", "--index", "docs"),
    ("ask", "When does it open?", "--index", "docs", "--docs", "docs"),
    ("reindex", "docs", "--dry-run"),
    ("reindex", "docs", "--to", "bedrock", "--dry-run"),
    ("reindex", "docs", "--to", "bedrock", "--yes"),
    ("reindex", "docs", "--from", "itself", "--dry-run"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("allowed", [False, True])
def test_no_command_runs_it(
    planted: Path, command: tuple[str, ...], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if allowed:
        monkeypatch.setenv("TURNOUT_INDEX__DOCS__ALLOW_PICKLE", "true")
    told = turnout(*command)
    assert not (planted / MARKER).exists()
    assert told.code == 2
    assert ("no pickle of LangChain's documents" if allowed else "allow_pickle = true") in told.err
    assert "index.pkl" in told.err


def test_an_index_that_the_settings_do_not_vouch_for_is_not_begun(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings(fresh_emulator, tmp_path, 'store = "faiss"\npath = "index"'), monkeypatch)
    with pytest.raises(SettingsError, match="allow_pickle = true"):
        TurnoutIndex("docs").add_texts(["x"])
    assert not list(tmp_path.rglob("*.faiss"))


def test_metadata_of_plain_classes_are_read(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings(fresh_emulator, tmp_path, 'store = "faiss"\npath = "index"' + ALLOWED), monkeypatch)
    metadata = {"page": 1, "tags": ["a"], "when": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}
    TurnoutIndex("docs").add_documents([Document("The depot opens at seven.", metadata=metadata)], ids=["depot"])
    found = TurnoutIndex("docs").similarity_search("depot")[0]
    assert found.metadata == metadata


class _Name:
    def __reduce__(self) -> Any:
        return getattr, (Document, "__init__")


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps((1, 2)), pickle.dumps(_Name())])
def test_what_is_no_index_says_so(content: bytes, tmp_path: Path) -> None:
    from turnout.langchain.stores.faiss_documents import documents

    path = tmp_path / "index.pkl"
    path.write_bytes(content)
    with pytest.raises(UnsupportedError, match="Nothing in it was run"):
        documents(path)


def test_a_faiss_index_is_never_in_a_folder_that_nobody_named() -> None:
    with pytest.raises(ValueError, match="needs path"):
        IndexSettings.model_validate({"store": "faiss", "connection": "x", "allow_pickle": True})
