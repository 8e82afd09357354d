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
        "llama_index.vector_stores.qdrant.base.QdrantVectorStore": "qdrant",
        "llama_index.vector_stores.lancedb.base.LanceDBVectorStore": "lancedb",
        f"{__name__}.lance_table.LanceVectorStore": "lancedb",
        "simple": "simple",
        "chroma": "chroma",
        "pgvector": "postgres",
        "qdrant": "qdrant",
        "lancedb": "lancedb",
    },
    installs={
        "chroma": "pip install llama-index-vector-stores-chroma",
        "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
        "qdrant": "pip install 'turnout[llama-index-qdrant]'",
        "lancedb": "pip install 'turnout[llama-index-lancedb]'",
    },
)
register = _KINDS.register


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes."""
    keeper = _KINDS.keeper(store)
    if keeper is not None:
        return keeper
    if store.stores_text:
        return NodeKeeper(store)
    kind, fix = type(store).__name__, "say where its record is: turnout.llama_index.stores.register(…)"
    msg = f"a {kind} keeps vectors alone, and no record of their embedding space: {fix}"
    raise EmbeddingSpaceError(msg, index=kind, fix=fix)


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> NodeCollection | None:
    """The collection that a named index has for a space; a new one has no record yet. None if there is none."""
    collection: NodeCollection | None = _KINDS.open(index, name, space, create)
    return collection
