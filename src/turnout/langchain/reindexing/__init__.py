"""LangChain's vector stores in a reindex, as sources and as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import UnsupportedError
from turnout.index.class_registry import ClassRegistry
from turnout.langchain.reindexing.collection import Collection
from turnout.langchain.reindexing.opening import drop_collection, open_collection
from turnout.langchain.stores import GuardedVectorStore

if TYPE_CHECKING:
    from langchain_core.vectorstores import VectorStore

__all__ = ["Collection", "collection_of", "drop_collection", "open_collection"]

_COLLECTIONS: ClassRegistry[Collection[Any]] = ClassRegistry(
    {
        "langchain_core.vectorstores.in_memory.InMemoryVectorStore": f"{__name__}.in_memory:InMemoryCollection",
        "langchain_chroma.vectorstores.Chroma": f"{__name__}.chroma:ChromaCollection",
        "langchain_community.vectorstores.faiss.FAISS": f"{__name__}.faiss:FaissCollection",
        "langchain_postgres.vectorstores.PGVector": f"{__name__}.pgvector:PGVectorCollection",
    }
)


def collection_of(store: VectorStore, name: str | None = None) -> Collection[Any]:
    """A vector store as the source or the target of `turnout.reindex.reindex`.

    Args:
        store: Chroma, FAISS, PGVector or InMemoryVectorStore, or one of them behind the guard.
        name: What to call it in reports and errors; left out, its collection's name.

    Raises:
        UnsupportedError: A store of another kind: LangChain has no way to list those.
    """
    if isinstance(store, GuardedVectorStore):
        store = store.store
    found = _COLLECTIONS.find(store)
    if found is not None:
        return found(store, name)
    msg = (
        f"a {type(store).__name__} can't be listed through LangChain; reindex from the source documents, or give "
        "turnout.reindex.reindex a Source of your own"
    )
    raise UnsupportedError(msg)
