"""What turnout reaches of LlamaIndex's indexes and stores that has no public name there.

The stores are `Any` here: their types would load the stores' packages.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore

# ruff: noqa: SLF001 - that is what this module is for


def embed_model_of(index: VectorStoreIndex) -> BaseEmbedding:
    """What an index embeds with."""
    return index._embed_model


def replace_store(index: VectorStoreIndex, store: BasePydanticVectorStore) -> None:
    """Have an index search and write another store."""
    index._vector_store = store


def replace_chroma_collection(store: Any, collection: Any) -> None:
    """Have a store use another collection."""
    store._collection = collection


def postgres_table(store: Any) -> Any:
    """The mapped class of a store's table."""
    return store._table_class


def postgres_url(store: Any) -> Any:
    """Where a store's database is, as SQLAlchemy's URL."""
    from sqlalchemy import make_url

    engine = store._engine or store._async_engine
    return engine.url if engine is not None else make_url(store.connection_string)


def postgres_row(store: Any, node: BaseNode) -> Any:
    """A node as a row of the store's table, with its vector."""
    return store._node_to_table_row(node)


def customize_postgres_queries(store: Any, customize: Callable[..., Any], *arguments: Any) -> None:
    """Customise a store's queries, once; `customize` gets `arguments`, and what the constructor took for this."""
    before = store._customize_query_fn
    if not (isinstance(before, partial) and before.func is customize):
        store._customize_query_fn = partial(customize, *arguments, before)


def qdrant_async_client(store: Any) -> Any:
    """A store's asynchronous client; None if it has none."""
    return store._aclient


def is_qdrant_collection_made(store: Any) -> bool:
    """Whether a store has seen its collection, or made it."""
    made: bool = store._collection_initialized
    return made


def create_qdrant_collection(store: Any, dimensions: int, *, asynchronous: bool = False) -> Any:
    """Make a store's collection as it does with its first nodes; a coroutine with its asynchronous client."""
    create = store._acreate_collection if asynchronous else store._create_collection
    return create(collection_name=store.collection_name, vector_size=dimensions)


def lancedb_table(store: Any) -> tuple[str, Any]:
    """The name of a store's table, and the table; None if it is still to be made.

    One that another process has made meanwhile is given to the store, which would put its own in the place of that.
    """
    name: str = store._table_name
    if store._table is None:
        with suppress(ValueError):  # there is none
            store._table = store.client.open_table(name)
    return name, store._table
