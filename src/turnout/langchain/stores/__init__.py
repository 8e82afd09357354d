"""LangChain's vector stores: where each keeps the record of its space, and how it is listed and collection."""

from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.index.guard.keepers import StoreState
from turnout.index.store_kinds import StoreKind, StoreKinds
from turnout.langchain.stores.base import CannotEmbed, MetadataKeeper, SpaceKeeper, VectorStoreCollection
from turnout.settings import IndexSettings

__all__ = ["SpaceKeeper", "StoreState", "VectorStoreCollection", "keeper_of", "open_collection", "register"]

_KINDS: StoreKinds[SpaceKeeper] = StoreKinds(
    "LangChain",
    __name__,
    modules={
        "langchain_core.vectorstores.in_memory.InMemoryVectorStore": "in_memory",
        "langchain_chroma.vectorstores.Chroma": "chroma",
        "langchain_community.vectorstores.faiss.FAISS": "faiss",
        "langchain_postgres.vectorstores.PGVector": "pgvector",
        "chroma": "chroma",
        "faiss": "faiss",
        "pgvector": "pgvector",
    },
    installs={
        "chroma": "pip install langchain-chroma",
        "faiss": "pip install langchain-community faiss-cpu",
        "pgvector": "pip install langchain-postgres 'psycopg[binary]'",
    },
)
register = _KINDS.register


def keeper_of(store: VectorStore) -> SpaceKeeper:
    """The keeper of a store: that of its nearest class, or else records on documents."""
    return _KINDS.keeper(store) or MetadataKeeper(store)


def kind_of(store: VectorStore) -> StoreKind[SpaceKeeper] | None:
    """The kind of a store; None of one that turnout has no module for."""
    return _KINDS.kind(store)


def open_collection(
    index: IndexSettings,
    name: str,
    space: EmbeddingSpace,
    *,
    create: bool = False,
    embeddings: Embeddings | None = None,
) -> VectorStoreCollection[Any] | None:
    """The collection that a named index has for a space: in the folder or database that its settings name.

    Args:
        index: The index's settings.
        name: Its name.
        space: The space.
        create: Whether to make the collection if there is none; it has no record yet.
        embeddings: What its store embeds with; left out, it can't embed.

    Returns:
        The collection, whose `store` is LangChain's; None if there is none.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: The store isn't LangChain's.
    """
    embeddings = embeddings or CannotEmbed(collection_name(name, space))
    collection: VectorStoreCollection[Any] | None = _KINDS.open(index, name, space, create, embeddings)
    return collection
