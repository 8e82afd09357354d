"""LangChain's vector stores in a reindex, as sources and as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.langchain import stores
from turnout.langchain.guard import GuardedVectorStore

if TYPE_CHECKING:
    from langchain_core.vectorstores import VectorStore

    from turnout.langchain.stores import VectorStoreCollection


def collection_of(store: VectorStore, name: str | None = None) -> VectorStoreCollection[Any]:
    """A vector store as the source or the target of `turnout.reindex.reindex`.

    Args:
        store: Chroma, FAISS, PGVector or InMemoryVectorStore, or one of them behind the guard.
        name: What to call it in reports and errors; left out, its collection's name.

    Raises:
        UnsupportedError: A store of another kind: LangChain has no way to list those.
    """
    return stores.collection_of(store.store if isinstance(store, GuardedVectorStore) else store, name)
