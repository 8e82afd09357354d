"""What is particular to LangChain's `QdrantVectorStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import QdrantClient, models

from tests.langchain.stores import kinds
from tests.langchain.stores.test_guard import ADA, QUESTION, TEXTS, TITAN, switch
from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.langchain import TurnoutEmbeddings
from turnout.langchain.guard import guarded
from turnout.langchain.reindexing import collection_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("settings_file")


def test_a_collection_keeps_its_other_metadata(tmp_path: Path) -> None:
    store = guarded(kinds.qdrant(tmp_path).make(TurnoutEmbeddings(), 1536))
    store.add_texts(TEXTS, ids=[kinds.A, kinds.B, kinds.C])
    kept = store.client.get_collection("documents").config.metadata
    assert (kept["team"], kept["turnout_space"]) == ("rail", ADA)
    store.delete([kinds.A, kinds.B, kinds.C])
    assert store.client.get_collection("documents").config.metadata == {"team": "rail"}


def test_the_vector_that_the_store_searches_is_the_one_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = QdrantClient(path=str(tmp_path))
    cosine = models.Distance.COSINE
    vectors = {
        "text": models.VectorParams(size=1536, distance=cosine),
        "other": models.VectorParams(size=3, distance=cosine),
    }
    client.create_collection("documents", vectors)
    plain = QdrantVectorStore(client, "documents", TurnoutEmbeddings(), vector_name="text")
    plain.add_texts(TEXTS)
    store = guarded(plain, adopt="verify")
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    collection = collection_of(store)
    [first, *_] = ids = [chunk.id for chunk in collection.chunks()]
    assert (len(ids), len(collection.vectors([first])[first])) == (3, 1536)
    assert len(collection.search(TurnoutEmbeddings().embed_query(QUESTION), 2)) == 2
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        store.similarity_search(QUESTION)


def test_sparse_vectors_are_not_moved(tmp_path: Path) -> None:
    client = QdrantClient(path=str(tmp_path))
    client.create_collection("documents", sparse_vectors_config={"langchain-sparse": models.SparseVectorParams()})
    options: dict[str, Any] = {"retrieval_mode": RetrievalMode.SPARSE, "validate_embeddings": False}
    store = QdrantVectorStore(client, "documents", DeterministicFakeEmbedding(size=3), **options)
    with pytest.raises(UnsupportedError, match="sparse vectors"):
        collection_of(store)


def test_langchain_makes_documents_of_points_in_one_place() -> None:
    """A named index makes them otherwise; if this moves, its documents lose their ids."""
    client = QdrantClient(":memory:")
    client.create_collection("documents", models.VectorParams(size=3, distance=models.Distance.COSINE))
    embeddings = DeterministicFakeEmbedding(size=3)

    class Marked(QdrantVectorStore):
        @classmethod
        def _document_from_point(cls, scored_point: Any, collection_name: str, *keys: str) -> Any:
            document = super()._document_from_point(scored_point, collection_name, *keys)
            document.metadata["marked"] = (scored_point.id, *keys)
            return document

    store = Marked(client, "documents", embeddings)
    store.add_texts(["Keys."], ids=[kinds.A])
    vector = embeddings.embed_query("Keys.")
    for found in (
        store.similarity_search("Keys."),
        [one for one, _ in store.similarity_search_with_score("Keys.")],
        store.similarity_search_by_vector(vector),
        store.max_marginal_relevance_search_by_vector(vector),
        store.get_by_ids([kinds.A]),
    ):
        assert found[0].metadata["marked"] == (kinds.A, "page_content", "metadata")
