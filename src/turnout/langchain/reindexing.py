"""LangChain's vector stores in a reindex, as sources and as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import UnsupportedError
from turnout.langchain.guard import GuardedVectorStore
from turnout.langchain.stores import keeper_of, kind_of

if TYPE_CHECKING:
    from langchain_core.vectorstores import VectorStore

    from turnout.langchain.stores import VectorStoreCollection


def collection_of(store: VectorStore, name: str | None = None) -> VectorStoreCollection[Any]:
    """A vector store as the source or the target of `turnout.reindex.reindex`.

    Args:
        store: Chroma, FAISS, PGVector, QdrantVectorStore or InMemoryVectorStore, or one of them behind the guard.
        name: What to call it in reports and errors; left out, its collection's name.

    Raises:
        UnsupportedError: A store of another kind: LangChain has no way to list those.
    """
    store = store.store if isinstance(store, GuardedVectorStore) else store
    keeper, kind = keeper_of(store), kind_of(store)
    made: VectorStoreCollection[Any] | None = None
    if kind is not None and kind.collection is not None:
        made = kind.collection(store, keeper, name or keeper.index)
    if made is None:
        raise UnsupportedError(
            f"a {type(store).__name__} can't be listed through LangChain; reindex from the source documents, or give "
            "turnout.reindex.reindex a Source of your own"
        )
    return made
