"""What is particular to a kind of store, and to stores that turnout doesn't know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import MetadataMode, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from pydantic import PrivateAttr

from tests.llama_index.stores.kinds import TEXTS, Chroma, Kind, Postgres, documents, filled
from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import cosine
from turnout.index.guard.records import SPACE, SpaceRecord
from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, guarded, stores
from turnout.llama_index.stores import StoreState, register
from turnout.llama_index.stores.base import NodeKeeper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llama_index.core.schema import BaseNode

QUESTION = "When does the depot open?"
ADA = "text-embedding-ada-002/1536"


pytestmark = pytest.mark.usefixtures("settings_file")


class Listed(BasePydanticVectorStore):
    """A store that turnout doesn't know: nodes in a list."""

    stores_text: bool = True
    shelf: str = "upper"
    _nodes: list[BaseNode] = PrivateAttr(default_factory=list)

    def insert_unchecked(self) -> None:
        raise NotImplementedError

    def search_by_words(self) -> None:
        raise NotImplementedError

    @property
    def client(self) -> list[BaseNode]:
        return self._nodes

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        self._nodes += nodes
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        self._nodes[:] = [node for node in self._nodes if node.ref_doc_id != ref_doc_id]

    def get_nodes(self, node_ids: list[str] | None = None, filters: Any = None) -> list[BaseNode]:
        return list(self._nodes)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        wanted = query.query_embedding or []
        ranked = sorted(self._nodes, key=lambda node: -cosine(node.get_embedding(), wanted))
        found = ranked[: query.similarity_top_k]
        return VectorStoreQueryResult(nodes=found, similarities=[1.0] * len(found), ids=[n.node_id for n in found])


def test_an_unknown_store_is_checked_in_what_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Listed()
    index = filled(guarded(store, TurnoutEmbedding()))
    found = index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].node
    assert found.get_content(MetadataMode.LLM) == f"page: 1\n\n{TEXTS[1]}"
    assert found.metadata == {"page": 1}
    assert [node.metadata for node in index.vector_store.get_nodes()] == [{"page": page} for page in range(3)]
    assert all(node.metadata[SPACE] == ADA for node in store.client)
    assert SPACE not in store.client[0].get_content(MetadataMode.EMBED)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        index.as_retriever().retrieve(QUESTION)
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        index.insert_nodes([TextNode(text="Another.")])
    assert len(store.client) == 3


async def test_an_unknown_store_without_records(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Listed()
    filled(store)
    index = VectorStoreIndex.from_vector_store(guarded(store, TurnoutEmbedding()), embed_model=TurnoutEmbedding())
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        index.as_retriever().retrieve(QUESTION)
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        await index.ainsert_nodes([TextNode(text="Another.")])
    trusted = guarded(index, adopt="trust")
    assert (await trusted.as_retriever(similarity_top_k=1).aretrieve(QUESTION))[0].get_content() == TEXTS[1]


def test_the_guard_passes_on_the_fields_of_the_store_and_no_method_that_it_does_not_know() -> None:
    store: Any = guarded(Listed(), TurnoutEmbedding(), name="docs")
    assert store.shelf == "upper"
    assert store.client == []
    for method in ("insert_unchecked", "search_by_words"):
        with pytest.raises(UnsupportedError, match=rf"Listed\.{method} .*isn't passed on.*store\.store\.{method}"):
            getattr(store, method)("anything")
        assert callable(getattr(store.store, method))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'") as caught:
        _ = store.nonsense
    assert not isinstance(caught.value, UnsupportedError)
    assert guarded(store, TurnoutEmbedding()).store is store.store


def test_the_guard_passes_on_methods_that_neither_search_nor_write() -> None:
    store: Any = guarded(SimpleVectorStore(), TurnoutEmbedding())
    [found] = store.add([TextNode(text="Another.", embedding=[0.1] * 1536)])
    assert store.get(found) == [0.1] * 1536
    with pytest.raises(UnsupportedError, match="from_persist_path"):
        store.from_persist_path("elsewhere")


def test_the_guard_has_each_method_of_a_vector_store() -> None:
    """One that LlamaIndex adds is decided about, not inherited unchecked."""
    names = {name for name in vars(BasePydanticVectorStore) if not name.startswith(("_", "model_"))}
    assert names <= set(vars(GuardedVectorStore))


class Bare(Listed):
    stores_text: bool = False


def test_a_store_with_no_place_for_a_record_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmbeddingSpaceError, match=r"Bare keeps vectors alone.*register"):
        guarded(Bare(), TurnoutEmbedding())
    monkeypatch.setattr(stores._KINDS, "_keepers", dict(stores._KINDS._keepers))
    register(Bare, NodeKeeper)
    assert isinstance(guarded(Bare(), TurnoutEmbedding()), GuardedVectorStore)
    with pytest.raises(EmbeddingSpaceError, match="embeds by itself"):
        guarded(Listed(is_embedding_query=False), TurnoutEmbedding())
    with pytest.raises(TypeError, match="not a str"):
        guarded("docs")  # type: ignore[call-overload]  # that is the mistake
    with pytest.raises(ValueError, match="not 'maybe'"):
        guarded(Listed(), adopt="maybe")  # type: ignore[call-overload]  # that is the mistake


def test_another_embedding_model_names_its_space() -> None:
    model = MockEmbedding(embed_dim=8)
    with pytest.raises(EmbeddingSpaceError, match="MockEmbedding doesn't say its embedding space"):
        guarded(SimpleVectorStore(), model)
    store = guarded(SimpleVectorStore(), model, space="mock/8")
    context = StorageContext.from_defaults(vector_store=store)
    VectorStoreIndex.from_documents(documents(), storage_context=context, embed_model=model)
    with pytest.raises(EmbeddingSpaceError, match=f"mock/8, but the settings embed with {ADA}"):
        guarded(context, TurnoutEmbedding())
    with pytest.raises(EmbeddingSpaceError, match="mock/8, but the settings embed with mock/16"):
        guarded(context, model, space="mock/16")


def test_an_index_is_guarded_in_place_and_knows_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(SimpleVectorStore())
    assert guarded(index, adopt="verify") is index
    assert index.vector_store is index.storage_context.vector_store
    retriever = index.as_retriever()
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        retriever.retrieve(QUESTION)


def test_a_check_that_passed_costs_no_second_look(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(kind.open(), TurnoutEmbedding())
    index = filled(store)
    looked: list[object] = []
    mine = store._check.keeper
    state = mine.state

    def look() -> StoreState:
        looked.append(store)
        return state()

    monkeypatch.setattr(mine, "state", look)
    for _ in range(3):
        index.as_retriever().retrieve(QUESTION)
    assert not looked
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        index.as_retriever().retrieve(QUESTION)
    assert looked


async def test_a_failed_first_insert_leaves_no_record(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(kind.open(), TurnoutEmbedding())

    def fail(*args: Any, **kwargs: Any) -> list[str]:
        message = "disk full"
        raise OSError(message)

    async def afail(*args: Any, **kwargs: Any) -> list[str]:
        return fail()

    nodes = [TextNode(text="Another.", embedding=[0.1] * 1536)]
    with monkeypatch.context() as patch:
        patch.setattr(type(store.store), "add", fail)
        patch.setattr(type(store.store), "async_add", afail)
        with pytest.raises(OSError, match="disk full"):
            store.add(nodes)
        with pytest.raises(OSError, match="disk full"):
            await store.async_add(nodes)
    assert store._check.keeper.state().record is None
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    filled(store)


def test_nodes_that_were_added_without_the_guard_are_found_in_a_simple_store(tmp_path: Path) -> None:
    store = SimpleVectorStore()
    index = filled(guarded(store, TurnoutEmbedding()))
    store.add([TextNode(text="Another.", embedding=[0.1] * 1536)])
    with pytest.raises(EmbeddingSpaceError, match=f"nodes of no space, {ADA}"):
        guarded(index)


def test_a_simple_store_without_metadata_is_adopted_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SimpleVectorStore()
    index = filled(store)
    store.data.metadata_dict.clear()
    guarded(index, adopt="verify").insert_nodes([TextNode(text="Another.")])
    assert guarded(index) is index
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        guarded(store, TurnoutEmbedding())


def test_a_table_keeps_its_own_comment(database: str) -> None:
    kind = Postgres(database)
    index = filled(kind.open())
    said = "100% of the {docs}, it's :said\n{not: a record}"
    kind.comment(lambda _: said)
    assert guarded(index, adopt="trust") is index
    assert kind.comment().startswith(said + "\n{")
    index.vector_store.clear()
    assert kind.comment() == said


@pytest.mark.parametrize("mode", ["default", "mmr", "hybrid", "sparse", "text_search"])
async def test_each_way_to_search_a_table_looks_at_the_record(database: str, mode: str) -> None:
    from llama_index.vector_stores.postgres import PGVectorStore

    kind = Postgres(database)
    asked: list[dict[str, Any]] = []

    def customize(statement: Any, table: Any, **options: Any) -> Any:
        asked.append(options)
        return statement

    store = PGVectorStore(
        table_name="Documents",
        embed_dim=1536,
        hybrid_search=True,
        engine=kind.engine,
        async_engine=kind.async_engine,
        customize_query_fn=cast("Any", customize),
        initialization_fail_on_error=True,
    )
    guard = guarded(store, TurnoutEmbedding())
    filled(guard)
    vector = TurnoutEmbedding().get_query_embedding(QUESTION)
    query = VectorStoreQuery(vector, query_str="depot", similarity_top_k=2, mode=VectorStoreQueryMode(mode))
    for _ in range(2):
        assert guard.query(query).ids
        assert (await guard.aquery(query)).ids
    assert asked
    assert not any(asked)  # the application's own function sees no argument of turnout's
    stores.keeper_of(kind.open()).write(SpaceRecord(EmbeddingSpace.parse("amazon.titan-embed-text-v1/1536")))
    with pytest.raises(EmbeddingSpaceError, match=f"titan-embed-text-v1/1536, but the settings embed with {ADA}"):
        guard.query(query)
    with pytest.raises(EmbeddingSpaceError, match="titan"):
        await guard.aquery(query)


def test_a_role_that_owns_no_table_searches_but_adopts_nothing(database: str) -> None:
    kind = Postgres(database)
    index = filled(kind.open())
    with kind.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP ROLE IF EXISTS turnout_reader"))
        connection.execute(sqlalchemy.text("CREATE ROLE turnout_reader"))
        connection.execute(sqlalchemy.text("GRANT SELECT, INSERT, UPDATE, DELETE ON data_documents TO turnout_reader"))

    def become(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE turnout_reader")
        connection.commit()

    try:
        sqlalchemy.event.listen(kind.engine, "connect", become)
        with pytest.raises(EmbeddingSpaceError, match=r"may not keep the record of 'documents'.*as the owner"):
            guarded(index, adopt="trust")
        sqlalchemy.event.remove(kind.engine, "connect", become)
        guarded(index, adopt="verify")
        sqlalchemy.event.listen(kind.engine, "connect", become)
        assert guarded(index).as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content() == TEXTS[1]
    finally:
        sqlalchemy.event.remove(kind.engine, "connect", become)
        with kind.engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE data_documents; DROP ROLE turnout_reader"))


def test_a_chroma_collection_keeps_its_metadata_and_its_distance(tmp_path: Path) -> None:
    kind = Chroma(tmp_path / "chroma")
    index = filled(guarded(kind.open(), TurnoutEmbedding()))
    store: Any = kind.open()
    assert store.client.metadata["team"] == "rail"
    assert store.client.configuration["hnsw"]["space"] == "cosine"
    assert SpaceRecord.from_dict(store.client.metadata, index="docs") == SpaceRecord(EmbeddingSpace.parse(ADA))
    index.vector_store.clear()
    assert SPACE not in kind.open().client.metadata


def test_a_chroma_record_that_another_one_wrote_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(str(tmp_path / "chroma"))
    opened = [client.get_or_create_collection("documents", embedding_function=None) for _ in range(2)]
    early, late = (guarded(ChromaVectorStore(chroma_collection=one), TurnoutEmbedding()) for one in opened)
    filled(late)
    assert early.query(VectorStoreQuery(query_embedding=[0.1] * 1536, similarity_top_k=1)).ids
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        early.check()
