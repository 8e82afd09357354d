"""What turnout reaches of LlamaIndex's indexes and stores by private names: each fails here when upstream moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from tests.llama_index.stores.kinds import Postgres
from turnout.llama_index.stores import upstream

if TYPE_CHECKING:
    from pathlib import Path


def test_an_index_embeds_with_the_model_and_writes_the_store_that_are_reached() -> None:
    model, store = MockEmbedding(embed_dim=4), SimpleVectorStore()
    index = VectorStoreIndex([], embed_model=model)
    assert upstream.embed_model_of(index) is model
    upstream.replace_store(index, store)
    assert index.vector_store is store
    index.insert_nodes([TextNode(id_="keys", text="Keys are rotated in March.")])
    assert list(store.data.embedding_dict) == ["keys"]
    assert [found.node_id for found in index.as_retriever().retrieve("When?")] == ["keys"]


def test_a_chroma_store_uses_another_collection(tmp_path: Path) -> None:
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(str(tmp_path))
    first, second = (client.create_collection(name, embedding_function=None) for name in ("first", "second"))
    store = ChromaVectorStore(chroma_collection=first)
    upstream.replace_chroma_collection(store, second)
    assert store.client is second
    store.add([TextNode(text="Keys are rotated in March.", embedding=[0.1, 0.2])])
    assert (first.count(), second.count()) == (0, 1)


def test_a_postgres_store_s_table_rows_and_queries(database: str) -> None:
    store: Any = Postgres(database).open(2)
    rows = upstream.postgres_table(store)
    assert (rows.__table__.schema, rows.__table__.name) == ("public", "data_documents")
    row = upstream.postgres_row(store, TextNode(id_="keys", text="Keys.", embedding=[0.1, 0.2]))
    assert (row.node_id, row.text, row.embedding) == ("keys", "Keys.", [0.1, 0.2])
    store.add([TextNode(id_=one, text=f"{one}.", embedding=[0.1, 0.2]) for one in ("keys", "depot")])
    asked: list[dict[str, Any]] = []

    def one_only(node_id: str, before: object, statement: Any, table: Any, **options: Any) -> Any:
        assert before is None
        asked.append(options)
        return statement.where(table.node_id == node_id)

    upstream.customize_postgres_queries(store, one_only, "keys")
    upstream.customize_postgres_queries(store, one_only, "depot")  # it is customised already
    for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR):
        query = VectorStoreQuery(query_embedding=[0.1, 0.2], similarity_top_k=2, mode=mode)
        assert store.query(query, turnout="said").ids == ["keys"]
    assert len(asked) >= 2
    assert all(options == {"turnout": "said"} for options in asked)
