"""LlamaIndex's vector stores: where each keeps the record of its embedding space, and how a named index opens it.

A store's module, and with it the store's package, is loaded when such a store is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import EmbeddingSpaceError, MissingExtraError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace, collection_name
from turnout.index.guard.keepers import StoreState
from turnout.llama_index.stores.base import NodeCollection, NodeKeeper, SpaceKeeper, StoreKind
from turnout.settings import IndexSettings

__all__ = ["SpaceKeeper", "StoreState", "drop_collection", "keeper_of", "open_collection", "register"]

_MODULES = {  # of this package: by a store's class, and by the name of a kind of store in the settings
    "llama_index.core.vector_stores.simple.SimpleVectorStore": "simple",
    "llama_index.vector_stores.chroma.base.ChromaVectorStore": "chroma",
    "llama_index.vector_stores.postgres.base.PGVectorStore": "postgres",
    "simple": "simple",
    "chroma": "chroma",
    "pgvector": "postgres",
}
_PACKAGES = {
    "chroma": "pip install llama-index-vector-stores-chroma",
    "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
}
_KEEPERS: dict[type, Callable[[Any], SpaceKeeper]] = {}


def register(store: type[BasePydanticVectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS[store] = keeper


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes.

    Raises:
        EmbeddingSpaceError: The store keeps nothing that a record could be on.
    """
    for cls in type(store).__mro__:
        if cls in _KEEPERS:
            return _KEEPERS[cls](store)
        kind = _kind(f"{cls.__module__}.{cls.__qualname__}")
        if kind is not None:
            return kind.keeper(store)
    if store.stores_text:
        return NodeKeeper(store)
    fix = "say where its record is: turnout.llama_index.stores.register(…)"
    msg = f"a {type(store).__name__} keeps vectors alone, and no record of their embedding space: {fix}"
    raise EmbeddingSpaceError(msg, index=type(store).__name__, fix=fix)


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> NodeCollection | None:
    """The collection that a named index has for a space, in the folder or database that the settings name.

    Args:
        index: The index's settings.
        name: Its name.
        space: The space.
        create: Whether to make the collection if there is none; it has no record yet.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: LlamaIndex's integration doesn't open such a store.
    """
    try:
        kind = _kind(index.store)
        if kind is not None:
            return kind.open(index, collection_name(name, space), space, create)
    except ModuleNotFoundError as error:
        fix = _PACKAGES.get(index.store, f"pip install {error.name}")
        raise MissingExtraError(f"a {index.store} index needs {error.name}: {fix}") from error
    msg = f"a {index.store} index isn't opened with LlamaIndex; see framework in [index.{name}]"
    raise UnsupportedError(msg)


def drop_collection(index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
    """Remove a space's collection, for good.

    Returns:
        Whether there was one.
    """
    collection = open_collection(index, name, space)
    if collection is not None:
        collection.drop()
    return collection is not None


def _kind(name: str) -> StoreKind | None:
    if name not in _MODULES:
        return None
    kind: StoreKind = import_module(f"{__name__}.{_MODULES[name]}").KIND
    return kind
