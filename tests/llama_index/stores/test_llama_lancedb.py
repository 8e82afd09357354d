"""What is particular to LanceDB: LlamaIndex's own class, and turnout's for named indexes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.lancedb import LanceDBVectorStore

from tests.llama_index.stores.kinds import TEXTS, Lance, filled
from turnout.errors import CollectionGoneError, EmbeddingSpaceError, UnsupportedError
from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, guarded
from turnout.llama_index.stores import upstream

if TYPE_CHECKING:
    from pathlib import Path

    from llama_index.core.vector_stores.types import BasePydanticVectorStore

pytestmark = [
    pytest.mark.usefixtures("settings_file"),
    pytest.mark.filterwarnings(
        r"ignore:table_names\(\) is deprecated:DeprecationWarning"
    ),  # LlamaIndex's class uses it
]
QUESTION = "When does the depot open?"
ADA, TITAN = "text-embedding-ada-002/1536", "amazon.titan-embed-text-v1/1536"


def opened(folder: Path) -> LanceDBVectorStore:
    return LanceDBVectorStore(uri=str(folder), table_name="documents")


def test_a_table_that_the_first_nodes_make_gets_their_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(opened(tmp_path), TurnoutEmbedding())
    index = filled(store)
    assert index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content() == TEXTS[1]
    again = guarded(opened(tmp_path), TurnoutEmbedding())
    vector = TurnoutEmbedding().get_query_embedding(QUESTION)
    assert again.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=1)).ids
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(
        EmbeddingSpaceError, match=f"'documents' has vectors of {ADA}, but the settings embed .* {TITAN}"
    ):
        guarded(opened(tmp_path), TurnoutEmbedding())
    for one in (store, again):
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
            one.add([TextNode(text="Another.", embedding=[0.1] * 1536)])
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
            asyncio.run(one.aquery(VectorStoreQuery(query_embedding=[0.1] * 1536)))


def test_a_table_without_a_record_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(opened(tmp_path))
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        guarded(opened(tmp_path), TurnoutEmbedding())
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"not of {TITAN}.*3 texts"):
        guarded(opened(tmp_path), TurnoutEmbedding(), adopt="verify")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    guarded(opened(tmp_path), TurnoutEmbedding(), adopt="verify")
    guarded(opened(tmp_path), TurnoutEmbedding())


def test_what_another_handle_wrote_is_seen_and_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LlamaIndex's class sees a table as it was when it was opened, and would make one in the place of a new one."""
    late = guarded(opened(tmp_path), TurnoutEmbedding())
    early = filled(guarded(opened(tmp_path), TurnoutEmbedding()))
    vector = TurnoutEmbedding().get_query_embedding(QUESTION)
    query = VectorStoreQuery(query_embedding=vector, similarity_top_k=9)
    assert len(late.query(query).ids or ()) == 3
    early.insert_nodes([TextNode(text="Tickets are free.", metadata={"page": 4})])
    assert len(late.query(query).ids or ()) == 4
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        late.add([TextNode(text="Another.", embedding=[0.1] * 1536)])
    early.vector_store.client.drop_table("documents")
    with pytest.raises(CollectionGoneError):
        late.query(query)


def test_what_turnout_reaches_of_the_store(tmp_path: Path) -> None:
    """It fails here when upstream moves it."""
    early, late = opened(tmp_path), opened(tmp_path)
    assert upstream.lancedb_table(early) == ("documents", None)
    late.add([TextNode(text="Keys.", embedding=[0.1, 0.2])])
    name, table = upstream.lancedb_table(early)
    assert (name, table.count_rows(), early.table) == ("documents", 1, table)


# --- turnout's own


@pytest.fixture
def store(tmp_path: Path) -> BasePydanticVectorStore:
    made = Lance(tmp_path).open(2)
    metadatas: list[dict[str, Any]] = [{"n": 1, "who": "Ann's"}, {"n": 2.5, "tags": ["x", "y"]}, {"who": "ben"}]
    made.add(
        [TextNode(id_=f"node-{n}", text=f"{n}.", metadata=one, embedding=[1, n]) for n, one in enumerate(metadatas)]
    )
    return made


OR, AND, NOT = FilterCondition.OR, FilterCondition.AND, FilterCondition.NOT
IS = FilterOperator
FILTERS: list[tuple[list[tuple[str, IS, Any]], FilterCondition, set[int]]] = [
    ([("n", IS.EQ, 1)], AND, {0}),
    ([("who", IS.EQ, "Ann's")], AND, {0}),
    ([("n", IS.NE, 1)], AND, {1, 2}),
    ([("n", IS.GT, 1)], AND, {1}),
    ([("n", IS.GTE, 1), ("n", IS.LT, 2)], AND, {0}),
    ([("n", IS.LTE, 1), ("who", IS.EQ, "ben")], OR, {0, 2}),
    ([("n", IS.IN, [1, 2.5, 7])], AND, {0, 1}),
    ([("who", IS.NIN, ["ben", "carl"])], AND, {0, 1}),
    ([("n", IS.EQ, 1), ("who", IS.EQ, "ben")], NOT, {1}),
    ([("who", IS.IS_EMPTY, None)], AND, {1}),
    ([("who", IS.TEXT_MATCH, "nn'")], AND, {0}),
    ([("who", IS.TEXT_MATCH_INSENSITIVE, "BEN")], AND, {2}),
]


@pytest.mark.parametrize(("said", "condition", "wanted"), FILTERS)
def test_nodes_are_filtered_by_their_metadata(
    store: BasePydanticVectorStore, said: list[tuple[str, IS, Any]], condition: FilterCondition, wanted: set[int]
) -> None:
    listed = [MetadataFilter(key=key, operator=operator, value=value) for key, operator, value in said]
    filters = MetadataFilters(filters=[MetadataFilters(filters=[*listed], condition=condition)])
    found = store.query(VectorStoreQuery([1.0, 0.0], similarity_top_k=9, filters=filters)).ids
    assert (
        set(found or ()) == {f"node-{n}" for n in wanted} == {node.node_id for node in store.get_nodes(None, filters)}
    )


def test_what_a_table_has_no_way_to_do_is_said(store: BasePydanticVectorStore) -> None:
    hybrid = VectorStoreQuery([1.0, 0.0], query_str="x", mode=VectorStoreQueryMode.HYBRID)
    with pytest.raises(UnsupportedError, match="not in mode 'hybrid'"):
        store.query(hybrid)
    any_of = MetadataFilters(filters=[MetadataFilter(key="tags", operator=IS.ANY, value=["x"])])
    with pytest.raises(UnsupportedError, match="no filter 'any' of a list"):
        store.query(VectorStoreQuery([1.0, 0.0], filters=any_of))


async def test_nodes_are_deleted_by_id_by_metadata_and_by_document(store: BasePydanticVectorStore) -> None:
    assert isinstance(guarded(store, TurnoutEmbedding(), adopt="trust", space="any/2"), GuardedVectorStore)
    await store.adelete_nodes([])
    assert len(await store.aget_nodes()) == 3
    await store.adelete_nodes(["node-0"])
    of_ben = MetadataFilters(filters=[MetadataFilter(key="who", value="ben")])
    await store.adelete_nodes(filters=of_ben)
    assert [node.node_id for node in await store.aget_nodes()] == ["node-1"]
    assert [node.node_id for node in store.get_nodes(["node-0", "node-1"])] == ["node-1"]
    await store.aclear()
    assert await store.aget_nodes() == []
