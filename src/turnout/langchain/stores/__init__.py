"""LangChain's vector stores: where each keeps the record of its space, and how it is listed, opened and dropped."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.index.guard.keepers import StoreState
from turnout.langchain.stores.base import CannotEmbed, MetadataKeeper, SpaceKeeper, StoreKind, VectorStoreCollection
from turnout.settings import IndexSettings

__all__ = [
    "SpaceKeeper",
    "StoreState",
    "VectorStoreCollection",
    "collection_of",
    "drop_collection",
    "keeper_of",
    "open_collection",
    "register",
]

_MODULES = {  # of this package, imported when a store of the class, or an index that is kept in one, is first met
    "langchain_core.vectorstores.in_memory.InMemoryVectorStore": "in_memory",
    "langchain_chroma.vectorstores.Chroma": "chroma",
    "langchain_community.vectorstores.faiss.FAISS": "faiss",
    "langchain_postgres.vectorstores.PGVector": "pgvector",
}
_PACKAGES = {
    "chroma": "pip install langchain-chroma",
    "faiss": "pip install langchain-community faiss-cpu",
    "pgvector": "pip install langchain-postgres 'psycopg[binary]'",
}
_KEEPERS: dict[type, Callable[[Any], SpaceKeeper]] = {}


def register(store: type[VectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS[store] = keeper


def keeper_of(store: VectorStore) -> SpaceKeeper:
    """The keeper of a store: that of its nearest class, or else records on documents."""
    for cls in type(store).__mro__:
        if cls in _KEEPERS:
            return _KEEPERS[cls](store)
        if _full_name(cls) in _MODULES:
            return _kind(_MODULES[_full_name(cls)]).keeper(store)
    return MetadataKeeper(store)


def collection_of(store: VectorStore, name: str | None = None) -> VectorStoreCollection[Any]:
    """A vector store as a collection.

    Args:
        store: Chroma, FAISS, PGVector or InMemoryVectorStore.
        name: What to call it in reports and errors; left out, its collection's name.

    Raises:
        UnsupportedError: A store of another kind: LangChain has no way to list those.
    """
    keeper = keeper_of(store)
    for cls in type(store).__mro__:
        if _full_name(cls) in _MODULES:
            return _kind(_MODULES[_full_name(cls)]).collection(store, keeper, name or keeper.index)
    msg = (
        f"a {type(store).__name__} can't be listed through LangChain; reindex from the source documents, or give "
        "turnout.reindex.reindex a Source of your own"
    )
    raise UnsupportedError(msg)


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
    if index.store not in _PACKAGES:
        msg = f"a {index.store} index isn't opened with LangChain; see framework in [index.{name}]"
        raise UnsupportedError(msg)
    collection = collection_name(name, space)
    try:
        opener = _kind(index.store).open
        assert opener is not None
        return opener(index, collection, space, create, embeddings or CannotEmbed(collection))
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"a {index.store} index needs {error.name}: {_PACKAGES[index.store]}") from error


def drop_collection(index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
    """Remove a space's collection, for good.

    Returns:
        Whether there was one.
    """
    found = open_collection(index, name, space)
    if found is not None:
        found.drop()
    return found is not None


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _kind(module: str) -> StoreKind:
    kind: StoreKind = import_module(f"{__name__}.{module}").KIND
    return kind
