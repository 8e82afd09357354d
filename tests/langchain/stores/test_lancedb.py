"""What is particular to LanceDB: langchain-community's class, and turnout's own for named indexes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from tests.langchain.stores import kinds
from tests.langchain.stores.test_guard import ADA, QUESTION, TEXTS, TITAN, switch
from turnout.errors import CollectionGoneError, EmbeddingSpaceError, UnsupportedError
from turnout.langchain import TurnoutEmbeddings, upstream
from turnout.langchain.guard import guarded
from turnout.langchain.reindexing import collection_of
from turnout.langchain.stores.lance_table import LanceVectorStore

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community's own, on being imported
    from langchain_community.vectorstores import LanceDB

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("settings_file")


def community(folder: Path, **options: Any) -> LanceDB:
    return LanceDB(uri=str(folder), embedding=TurnoutEmbeddings(), table_name="documents", mode="append", **options)


def test_a_table_that_the_first_texts_make_gets_their_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(community(tmp_path))
    store.add_texts(TEXTS, [{"page": page} for page in range(3)], ids=[kinds.A, kinds.B, kinds.C])
    store.add_texts(["Tickets are free."], [{"page": 4}])
    again = guarded(community(tmp_path))
    found = again.similarity_search(QUESTION, k=1)[0]
    assert (found.page_content, found.metadata) == (TEXTS[1], {"page": 1})
    switch(monkeypatch, "bedrock")
    for one in (store, again, guarded(community(tmp_path))):
        with pytest.raises(EmbeddingSpaceError, match=f"'documents' has vectors of {ADA}, but .* {TITAN}"):
            one.similarity_search(QUESTION)
        with pytest.raises(EmbeddingSpaceError, match=f"'documents' has vectors of {ADA}, but .* {TITAN}"):
            one.add_texts(["Another."])
    assert community(tmp_path).get_table().count_rows() == 4


async def test_asynchronously_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(community(tmp_path))
    await store.aadd_texts(TEXTS)
    assert (await store.asimilarity_search(QUESTION, k=1))[0].page_content == TEXTS[1]
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        await guarded(community(tmp_path)).asimilarity_search(QUESTION)


def test_a_table_without_a_record_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    community(tmp_path, vector_key="embedding", text_key="content").add_texts(TEXTS)
    named: dict[str, Any] = {"vector_key": "embedding", "text_key": "content"}
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        guarded(community(tmp_path, **named)).similarity_search(QUESTION)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"not of {TITAN}.*3 texts"):
        guarded(community(tmp_path, **named), adopt="verify").similarity_search(QUESTION)
    switch(monkeypatch, "azure")
    assert guarded(community(tmp_path, **named), adopt="verify").similarity_search(QUESTION, k=1)
    assert guarded(community(tmp_path, **named)).similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


def test_a_table_that_is_emptied_has_no_space_and_one_that_is_dropped_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = guarded(community(tmp_path))
    store.add_texts(TEXTS, ids=[kinds.A, kinds.B, kinds.C])
    store.delete([kinds.A, kinds.B, kinds.C])
    switch(monkeypatch, "bedrock")
    store.add_texts(TEXTS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    store.store._connection.drop_table("documents")  # type: ignore[attr-defined]  # LanceDB has it
    with pytest.raises(CollectionGoneError, match="'documents' isn't there any more"):
        store.similarity_search(QUESTION)


def test_a_store_that_replaces_everything_with_each_text_is_refused(tmp_path: Path) -> None:
    store = LanceDB(uri=str(tmp_path), embedding=TurnoutEmbeddings(), table_name="documents")
    assert store.mode == "overwrite"
    with pytest.raises(EmbeddingSpaceError, match=r"'documents' has mode='overwrite'.*mode='append'"):
        guarded(store)


def test_a_store_that_cannot_be_listed_is_not_moved(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="a LanceDB can't be listed"):
        collection_of(guarded(community(tmp_path)))


def test_what_turnout_reaches_of_the_store(tmp_path: Path) -> None:
    """It fails here when upstream moves it."""
    embeddings = DeterministicFakeEmbedding(size=3)
    store = LanceDB(uri=str(tmp_path), embedding=embeddings, table_name="notes", vector_key="v", text_key="t")
    assert upstream.lancedb_names(store) == ("notes", "v", "t", str(tmp_path))
    assert store.get_table() is None
    store.add_texts(["Keys."])
    assert {"v", "t"} <= set(store.get_table().schema.names)


# --- turnout's own


@pytest.fixture
def store(tmp_path: Path) -> LanceVectorStore:
    made = kinds.lancedb(tmp_path).make(TurnoutEmbeddings(), 1536)
    assert isinstance(made, LanceVectorStore)
    metadatas: list[dict[str, Any]] = [
        {"page": 1, "who": 'it\'s "Ann"', "tags": ["a"], "odd key.[0]": True},
        {"page": 2.5, "who": None},
        {"page": "three", "who": {"name": "Ann"}},
    ]
    made.add_texts(TEXTS, metadatas, ids=["a", "b", "it's c"])
    return made


def test_metadata_of_any_shape_come_back_and_are_searched_by(store: LanceVectorStore) -> None:
    wanted: list[tuple[dict[str, Any] | str, set[str]]] = [
        ({}, {"a", "b", "it's c"}),
        ({"page": 1}, {"a"}),
        ({"page": 2.5}, {"b"}),
        ({"page": "three"}, {"it's c"}),
        ({"page": "1"}, set()),
        ({"who": 'it\'s "Ann"'}, {"a"}),
        ({"who": {"name": "Ann"}}, {"it's c"}),
        ({"odd key.[0]": True, "page": 1}, {"a"}),
        ({"nothing": 1}, set()),
        ("json_get_string(metadata, 'page') = 'three'", {"it's c"}),
    ]
    for said, found in wanted:
        assert {one.id for one in store.similarity_search(QUESTION, k=9, filter=said)} == found, said
        assert {one.id for one in store.max_marginal_relevance_search(QUESTION, k=9, filter=said)} == found, said
    assert store.get_by_ids(["it's c", "nowhere"])[0].metadata == {"page": "three", "who": {"name": "Ann"}}
    scored = store.similarity_search_with_relevance_scores(QUESTION, k=3)
    assert scored[0][0].id == "b"
    assert all(0 <= score <= 1 for _, score in scored)
    store.delete(["it's c"])
    assert {one.id for one in store.similarity_search(QUESTION, k=9)} == {"a", "b"}
    store.delete()
    assert store.similarity_search(QUESTION) == store.max_marginal_relevance_search(QUESTION) == []


def test_a_store_is_made_of_a_table(store: LanceVectorStore) -> None:
    assert collection_of(guarded(store)).count() == 3
    with pytest.raises(UnsupportedError, match="made of a table"):
        LanceVectorStore.from_texts(TEXTS, TurnoutEmbeddings())
    store.lance.drop()
    with pytest.raises(CollectionGoneError):
        guarded(store).similarity_search(QUESTION)


def test_many_small_changes_leave_few_files(store: LanceVectorStore) -> None:
    embedded = TurnoutEmbeddings().embed_documents(["Lamps are lit."])

    class Known(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embedded

    quick = LanceVectorStore(store.lance, Known(size=3))
    for number in range(150):
        quick.add_texts(["Lamps are lit."], ids=[f"lamp-{number}"])
    assert store.lance.latest().stats()["fragment_stats"]["num_fragments"] < 70
    assert len(store.similarity_search(QUESTION, k=999)) == 153
