"""Losses at the edges of a move: a model that was replaced, chunks that go while they are read, vectors in the middle."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import chromadb
import numpy as np
import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from tests.index.named_support import IDS, TEXTS, requests
from turnout.errors import EmbeddingSpaceError, PermissionDeniedError, ReindexLockedError
from turnout.index.locks import reindex_lock
from turnout.index.migration.named import NamedIndex
from turnout.langchain import TurnoutEmbeddings, TurnoutIndex, guarded
from turnout.langchain.reindexing import collection_of
from turnout_emulator import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout_emulator import Emulator, Received

CHROMA = 'store = "chroma"\npath = "{folder}/index"\nsource = "{folder}/source"'


@pytest.fixture
def index(config: Callable[[str], None], tmp_path: Path) -> TurnoutIndex:
    """An index in a Chroma folder, with source documents that aren't all that it has."""
    (tmp_path / "source").mkdir()
    config(CHROMA.format(folder=tmp_path))
    made = TurnoutIndex("docs")
    made.add_texts(TEXTS, ids=IDS)
    return made


def test_another_model_is_filled_from_the_collection_of_the_one_before(index: TurnoutIndex, tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    text = path.read_text()
    path.write_text(text.replace('model = "text-embedding-ada-002"', 'model = "text-embedding-3-small"'))
    listed = {(status.backends, status.documents, status.lacking) for status in index.status()}
    assert ((), 3, 0) in listed
    assert (("azure",), 0, 3) in listed
    report = NamedIndex("docs").reindex(sample=0)
    assert (report.complete, report.embedded, report.forgotten) == (True, 3, 0)
    assert {document.id for document in index.similarity_search("depot", k=5)} == set(IDS)


def test_what_source_documents_do_not_have_is_counted_as_forgotten(index: TurnoutIndex, tmp_path: Path) -> None:
    from turnout.cli.frameworks import Documents

    (tmp_path / "source" / "lamps.md").write_text("Lamps are lit at dusk.")
    report = NamedIndex("docs").reindex("bedrock", origin="source", documents=Documents, sample=0)
    assert report.forgotten == len(IDS)


def test_a_collection_is_not_dropped_while_it_is_filled(index: TurnoutIndex) -> None:
    named = NamedIndex("docs")
    named.reindex("bedrock", sample=0)
    space = named.space("bedrock")
    with reindex_lock(named.lock(space), "docs"), pytest.raises(ReindexLockedError):
        named.drop("bedrock")
    named.drop("bedrock")
    assert [status.exists for status in index.status()] == [True, False, False]


def test_a_fill_keeps_what_was_answered_before_it_failed(
    index: TurnoutIndex, monkeypatch: pytest.MonkeyPatch, fresh_emulator: Emulator
) -> None:
    index.add_texts([f"Track {number} leads to a depot." for number in range(60)])
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    requests(fresh_emulator)
    answered: list[object] = []

    def refuse_the_rest(request: Received) -> Failure | None:
        answered.append(request)
        return Failure.permission() if len(answered) > 40 else None

    fresh_emulator.rule(refuse_the_rest)
    with pytest.raises(PermissionDeniedError):
        index.index.fill()
    kept = next(status.documents for status in index.status() if "bedrock" in status.backends)
    assert kept >= 30
    fresh_emulator.clear()
    requests(fresh_emulator)
    index.index.fill()
    assert len(requests(fresh_emulator)) == 63 - kept


def test_chunks_that_go_while_they_are_read_hide_no_others(tmp_path: Path) -> None:
    store = Chroma("documents", client=chromadb.PersistentClient(str(tmp_path)))
    ids = [f"{number:04}" for number in range(700)]
    store._collection.add(ids=ids, embeddings=np.ones((700, 2), np.float32), documents=ids)
    chunks = collection_of(store, "documents").chunks()
    first = [chunk.id for chunk in islice(chunks, 256)]
    store.delete(first[:200])
    assert {*first, *(chunk.id for chunk in chunks)} == set(ids)


@pytest.mark.usefixtures("config")
def test_vectors_in_the_middle_are_compared_too(tmp_path: Path) -> None:
    texts = [f"Track {number}." for number in range(120)]
    made = Chroma("documents", TurnoutEmbeddings(), client=chromadb.PersistentClient(str(tmp_path)))
    made.add_texts(texts[:10], ids=texts[:10])
    foreign = Chroma("documents", TurnoutEmbeddings(backend="bedrock"), client=chromadb.PersistentClient(str(tmp_path)))
    foreign.add_texts(texts[10:110], ids=texts[10:110])
    made.add_texts(texts[110:], ids=texts[110:])
    with pytest.raises(EmbeddingSpaceError, match="are not of text-embedding-ada-002/1536"):
        guarded(made, adopt="verify").similarity_search("Track 1.")


class Foreign(VectorStore):
    """A store of which LangChain knows no more than its methods."""

    def __init__(self) -> None:
        self._inner = InMemoryVectorStore(TurnoutEmbeddings())
        self._inner.add_texts(TEXTS)

    @property
    def embeddings(self) -> Any:
        return self._inner.embeddings

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def similarity_search(self, query: str, k: int = 4, **_: Any) -> list[Document]:
        return self._inner.similarity_search(query, k)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("adopt", ["refuse", "verify"])
def test_no_comparison_is_recommended_that_cannot_be_made(adopt: Any) -> None:
    with pytest.raises(EmbeddingSpaceError, match="gives out no texts with their vectors") as refused:
        guarded(Foreign(), adopt=adopt).similarity_search("depot")
    assert refused.value.fix == "adopt='trust', or turnout.reindex.reindex(…)"


@pytest.mark.usefixtures("config")
def test_a_delete_of_a_store_in_memory_looks_at_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(InMemoryVectorStore(TurnoutEmbeddings()))
    store.add_texts(TEXTS, ids=IDS)
    keeper = type(store.check.keeper)
    whole, looks = keeper.state, []

    def state(self: Any) -> Any:
        looks.append(self)
        return whole(self)

    monkeypatch.setattr(keeper, "state", state)
    store.delete([IDS[0]])
    assert not looks
    assert {document.id for document in store.similarity_search("depot")} == {*IDS[1:]}
    store.delete(IDS[1:])
    assert store.similarity_search("depot") == []
