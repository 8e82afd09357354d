"""LlamaIndex's vector stores: where each keeps the record of its embedding space, and how a named index opens it."""

from __future__ import annotations

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.keepers import StoreState
from turnout.index.store_kinds import StoreKinds
from turnout.llama_index.stores.base import NodeCollection, NodeKeeper, SpaceKeeper
from turnout.settings import IndexSettings

__all__ = ["SpaceKeeper", "StoreState", "keeper_of", "open_collection", "register"]

_KINDS: StoreKinds[SpaceKeeper] = StoreKinds(
    "LlamaIndex",
    __name__,
    modules={
        "llama_index.core.vector_stores.simple.SimpleVectorStore": "simple",
        "llama_index.vector_stores.chroma.base.ChromaVectorStore": "chroma",
        "llama_index.vector_stores.postgres.base.PGVectorStore": "postgres",
        "simple": "simple",
        "chroma": "chroma",
        "pgvector": "postgres",
    },
    installs={
        "chroma": "pip install llama-index-vector-stores-chroma",
        "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
    },
)
register = _KINDS.register


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes.

    Raises:
        EmbeddingSpaceError: The store keeps nothing that a record could be on.
    """
    keeper = _KINDS.keeper(store)
    if keeper is not None:
        return keeper
    if store.stores_text:
        return NodeKeeper(store)
    fix = "say where its record is: turnout.llama_index.stores.register(…)"
    msg = f"a {type(store).__name__} keeps vectors alone, and no record of their embedding space: {fix}"
    raise EmbeddingSpaceError(msg, index=type(store).__name__, fix=fix)


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> NodeCollection | None:
    """The collection that a named index has for a space, in the folder or database that the settings name.

    None if there is none and it isn't to be made; a new one has no record yet.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: LlamaIndex's integration doesn't open such a store.
    """
    collection: NodeCollection | None = _KINDS.open(index, name, space, create)
    return collection
