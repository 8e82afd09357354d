"""`turnout ask --index`: what was embedded is kept, and the index follows the backend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.index.named_support import settings, use

from .conftest import process, turnout

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

QUESTION = "What does a berth cost a night?"
STORES = [
    "chroma/langchain",
    "faiss/langchain",
    "simple/llama_index",
    "chroma/llama_index",
    "qdrant/langchain",
    "lancedb/llama_index",
]


def embedded(emulator: Emulator) -> dict[str, int]:
    """How many texts each service embedded since this was asked last."""
    counts: dict[str, int] = {}
    for request in emulator.requests:
        if request.operation == "embeddings":
            texts = request.body.get("input", [""])
            counts[request.service] = counts.get(request.service, 0) + len(texts)
    emulator.clear()
    return counts


@pytest.fixture(params=STORES)
def index(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A settings file with an index that is filled on the way; the store and the framework vary."""
    store, framework = request.param.split("/")
    lines = f'store = "{store}"\nframework = "{framework}"\npath = "index"\nfill = "on-the-way"\nallow_pickle = true'
    path = settings(fresh_emulator, tmp_path, lines)
    use(path, monkeypatch)
    return path


def test_the_index_follows_the_backend_there_and_back(
    index: Path, docs: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--index", "docs", "--docs", str(docs), "--json")
    first = json.loads(turnout("ask", QUESTION, *options).out)
    chunks = first["read"]["chunks"]
    assert first["read"]["embedded"] == chunks > 3
    assert embedded(fresh_emulator) == {"azure": chunks + 1}
    spaces = []
    for backend, cost in (("azure", 1), ("bedrock", chunks + 1), ("azure", 1), ("bedrock", 1)):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        told = json.loads(turnout("ask", QUESTION, *options).out)
        assert "twelve florins" in told["answer"]
        assert told["sources"] == ["guide.md"]
        assert embedded(fresh_emulator) == {backend: cost}
        spaces.append(told["embedding_space"])
    assert len(set(spaces)) == 2


def test_a_changed_file_is_embedded_and_its_old_text_gone(index: Path, docs: Path, fresh_emulator: Emulator) -> None:
    options = ("--index", "docs", "--docs", str(docs), "--json")
    turnout("ask", QUESTION, *options)
    embedded(fresh_emulator)
    guide = docs / "guide.md"
    guide.write_text(guide.read_text().replace("twelve florins", "fifteen florins"), encoding="utf-8")
    told = json.loads(turnout("ask", QUESTION, *options).out)
    assert "fifteen florins" in told["answer"]
    assert told["read"]["embedded"] == told["read"]["dropped"] >= 1
    assert not any("twelve" in hit["text"] for hit in told["retrieved"])
    assert embedded(fresh_emulator) == {"azure": told["read"]["embedded"] + 1}


def test_an_index_answers_without_its_folder(index: Path, docs: Path) -> None:
    empty = turnout("ask", QUESTION, "--index", "docs")
    assert empty.code == 2
    assert "the index 'docs' has no documents" in empty.err
    turnout("ask", QUESTION, "--index", "docs", "--docs", str(docs))
    done = turnout("ask", QUESTION, "--index", "docs", "--explain")
    assert "twelve florins" in done.out
    assert "docs: 0 chunks embedded" in done.out


@pytest.mark.parametrize("index", ["chroma/langchain", "simple/llama_index"], indirect=True)
def test_another_process_finds_what_was_kept(index: Path, docs: Path, fresh_emulator: Emulator) -> None:
    turnout("ask", QUESTION, "--index", "docs", "--docs", str(docs))
    embedded(fresh_emulator)
    done = process("ask", QUESTION, "--index", "docs")
    assert "twelve florins" in done.out, done.err
    assert embedded(fresh_emulator) == {"azure": 1}


def test_reindex_fills_what_ask_refuses(
    docs: Path, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings(fresh_emulator, tmp_path, 'store = "chroma"\npath = "index"'), monkeypatch)
    turnout("ask", QUESTION, "--index", "docs", "--docs", str(docs))
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    refused = turnout("ask", QUESTION, "--index", "docs")
    assert refused.code == 2
    command = refused.err.partition("`")[2].partition("`")[0]
    assert command == "turnout reindex docs --to bedrock --from azure"
    assert turnout(*command.split()[1:], "--yes").code == 0
    embedded(fresh_emulator)
    done = turnout("ask", QUESTION, "--index", "docs", "--docs", str(docs))
    assert "twelve florins" in done.out
    assert embedded(fresh_emulator) == {"bedrock": 1}


def test_what_does_not_fit_together_is_said(index: Path, docs: Path) -> None:
    other = "llama-index" if "langchain" in index.read_text() else "langchain"
    done = turnout("ask", QUESTION, "--index", "docs", "--docs", str(docs), "--framework", other)
    assert done.code == 2
    assert f"leave out --framework {other}" in done.err
    unknown = turnout("ask", QUESTION, "--index", "dogs")
    assert "'dogs' is no index (did you mean 'docs'?)" in unknown.err
    assert "say where the documents are" in turnout("ask", QUESTION).err
