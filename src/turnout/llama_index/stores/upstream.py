"""What turnout reaches of LlamaIndex's indexes and stores that has no public name there.

The stores are `Any` here: the types of Chroma's and Postgres's would load their packages.
"""

from __future__ import annotations

from collections.abc import Callable
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


def postgres_row(store: Any, node: BaseNode) -> Any:
    """A node as a row of the store's table, with its vector."""
    return store._node_to_table_row(node)


def customize_postgres_queries(store: Any, customize: Callable[..., Any], *arguments: Any) -> None:
    """Customise a store's queries, once; `customize` gets `arguments`, and what the constructor took for this."""
    before = store._customize_query_fn
    if not (isinstance(before, partial) and before.func is customize):
        store._customize_query_fn = partial(customize, *arguments, before)
