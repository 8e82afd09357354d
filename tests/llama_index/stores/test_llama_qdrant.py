"""What is particular to LlamaIndex's `QdrantVectorStore`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import ExactMatchFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

from tests.index.named_support import IDS, METADATAS, QUESTION, TEXTS, settings, use
from tests.llama_index.stores.kinds import filled
from turnout.errors import CollectionGoneError, EmbeddingSpaceError
from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, TurnoutIndex, guarded
from turnout.llama_index.stores import upstream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.qdrant_server import QdrantServer
    from turnout_emulator import Emulator

ADA, TITAN = "text-embedding-ada-002/1536", "amazon.titan-embed-text-v1/1536"
ID = "00000000-0000-4000-8000-000000000001"


def opened(server: QdrantServer, *, sync: bool = True, asynchronous: bool = True) -> QdrantVectorStore:
    client = QdrantClient(server.url, check_compatibility=False) if sync else None
    aclient = AsyncQdrantClient(server.url, check_compatibility=False) if asynchronous else None
    return QdrantVectorStore("documents", client, aclient)


@pytest.mark.usefixtures("settings_file")
def test_a_collection_that_the_store_has_yet_to_make_gets_its_record_first(
    qdrant: QdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = guarded(opened(qdrant), TurnoutEmbedding())
    index = filled(store)
    assert index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content() == TEXTS[1]
    order = [asked for asked in qdrant.asked if asked in {"PUT ", "PATCH ", "PUT points"}]
    assert order == ["PUT ", "PUT ", "PATCH ", "PUT points"]  # the first is of the lock
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        guarded(opened(qdrant), TurnoutEmbedding())
    store.clear()
    assert filled(store).as_retriever().retrieve(QUESTION)


@pytest.mark.usefixtures("settings_file")
def test_a_collection_that_was_deleted_is_not_taken_for_one_to_make(qdrant: QdrantServer) -> None:
    store = guarded(opened(qdrant), TurnoutEmbedding())
    filled(store)
    qdrant.engine.delete_collection("documents")
    with pytest.raises(CollectionGoneError):
        store.query(VectorStoreQuery(query_embedding=[0.1] * 1536))
    with pytest.raises(CollectionGoneError):
        store.add([TextNode(text="Another.", embedding=[0.1] * 1536)])
    assert not qdrant.engine.collection_exists("documents")


@pytest.mark.usefixtures("settings_file")
def test_a_store_with_an_asynchronous_client_alone(qdrant: QdrantServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def all_of_it() -> None:
        store = GuardedVectorStore(opened(qdrant, sync=False), TurnoutEmbedding())
        with pytest.raises(ValueError, match="asynchronous client alone"):
            store.check()
        await store.async_add([TextNode(id_=ID, text="Another.", embedding=[0.1] * 1536)])
        order = [asked for asked in qdrant.asked if asked in {"PUT ", "PATCH ", "DELETE ", "PUT points"}]
        assert order == ["PUT ", "PUT ", "PATCH ", "DELETE ", "PUT points"]  # the lock is there first
        query = VectorStoreQuery(query_embedding=[0.1] * 1536, similarity_top_k=1)
        assert (await store.aquery(query)).ids == [ID]
        monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            await store.aquery(query)
        await store.adelete_nodes([ID])
        await store.acheck()

    asyncio.run(all_of_it())


@pytest.fixture(params=["folder", "server"])
def named(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TurnoutIndex:
    """A named index with nodes whose ids Qdrant doesn't take."""
    lines = f'store = "qdrant"\nframework = "llama_index"\npath = "{tmp_path / "index"}"\nallow_pickle = true'
    if request.param == "server":
        lines += f'\nconnection = "{request.getfixturevalue("qdrant").url}"'
    use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
    index = TurnoutIndex("docs")
    index.insert_nodes(
        [
            TextNode(
                id_=one,
                text=text,
                metadata=dict(metadata),
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"{one}-document")},
            )
            for one, text, metadata in zip(IDS, TEXTS, METADATAS, strict=True)
        ]
    )
    if request.param == "server":  # which finds a document's nodes by an index
        assert "PUT index" in request.getfixturevalue("qdrant").asked
    return index


def test_nodes_are_searched_and_filtered_by_their_own_ids(named: TurnoutIndex) -> None:
    vector = TurnoutEmbedding().get_query_embedding(QUESTION)
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["depot"]),
        ({"node_ids": ["keys"]}, ["keys"]),
        ({"doc_ids": ["refunds-document"]}, ["refunds"]),
        ({"filters": MetadataFilters(filters=[ExactMatchFilter(key="source", value="keys.md")])}, ["keys"]),
    ]
    store = named.vector_store
    for said, found in wanted:
        query = VectorStoreQuery(query_embedding=vector, similarity_top_k=1, **said)
        for result in (store.query(query), asyncio.run(store.aquery(query))):
            assert result.ids == found
            assert [node.node_id for node in result.nodes or ()] == found
    of_depot = MetadataFilters(filters=[ExactMatchFilter(key="page", value=1)])
    assert [node.node_id for node in store.get_nodes(filters=of_depot)] == ["depot"]
    assert [node.node_id for node in asyncio.run(store.aget_nodes(filters=of_depot))] == ["depot"]
    store.delete_nodes(["keys"], of_depot)
    store.delete_nodes(["depot", "refunds"], of_depot)
    assert {node.node_id for node in store.get_nodes(list(IDS))} == set(IDS) - {"depot"}


def test_what_turnout_reaches_of_the_store(qdrant: QdrantServer) -> None:
    """Each fails here when upstream moves it."""
    store: Any = opened(qdrant)
    assert isinstance(upstream.qdrant_async_client(store), AsyncQdrantClient)
    assert upstream.qdrant_async_client(opened(qdrant, asynchronous=False)) is None
    assert not upstream.is_qdrant_collection_made(store)
    upstream.create_qdrant_collection(store, 7)
    assert upstream.is_qdrant_collection_made(store)
    assert qdrant.engine.get_collection("documents").config.params.vectors.size == 7  # type: ignore[union-attr]
    store.clear()
    asyncio.run(upstream.create_qdrant_collection(opened(qdrant, sync=False), 8, asynchronous=True))
    assert qdrant.engine.get_collection("documents").config.params.vectors.size == 8  # type: ignore[union-attr]
