"""LlamaIndex's vector stores: where each keeps the record of its embedding space, and how a named index opens it.

A store's module, and with it the store's package, is loaded when such a store is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import EmbeddingSpaceError, MissingExtraError, UnsupportedError
from turnout.facts.spaces import collection_name
from turnout.index.guard.keepers import Held
from turnout.llama_index.stores.keepers import NodeKeeper, SpaceKeeper

if TYPE_CHECKING:
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.llama_index.stores.collection import NodeCollection
    from turnout.settings import IndexSettings

__all__ = ["Held", "SpaceKeeper", "keeper_of", "register"]

_PACKAGES = {
    "chroma": "pip install llama-index-vector-stores-chroma",
    "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
}

_registered: dict[type, Callable[[Any], SpaceKeeper]] = {}


def register(store: type[BasePydanticVectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _registered[store] = keeper


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes.

    Raises:
        EmbeddingSpaceError: The store keeps nothing that a record could be on.
    """
    for kind in type(store).__mro__:
        keeper = _registered.get(kind) or _built_in(kind)
        if keeper is not None:
            return keeper(store)
    if store.stores_text:
        return NodeKeeper(store)
    fix = "say where its record is: turnout.llama_index.stores.register(…)"
    msg = f"a {type(store).__name__} keeps vectors alone, and no record of their embedding space: {fix}"
    raise EmbeddingSpaceError(msg, index=type(store).__name__, fix=fix)


def _built_in(kind: type) -> Callable[[Any], SpaceKeeper] | None:
    match f"{kind.__module__}.{kind.__qualname__}":
        case "llama_index.core.vector_stores.simple.SimpleVectorStore":
            from turnout.llama_index.stores.simple import SimpleKeeper

            return SimpleKeeper
        case "llama_index.vector_stores.chroma.base.ChromaVectorStore":
            from turnout.llama_index.stores.chroma import ChromaKeeper

            return ChromaKeeper
        case "llama_index.vector_stores.postgres.base.PGVectorStore":
            from turnout.llama_index.stores.postgres import PostgresKeeper

            return PostgresKeeper
    return None


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
    collection = collection_name(name, space)
    try:
        match index.store:
            case "simple":
                from turnout.llama_index.stores.simple import open_persisted

                return open_persisted(index, collection, create=create)
            case "chroma":
                from turnout.llama_index.stores.chroma import open_chroma

                return open_chroma(index, collection, create=create)
            case "pgvector":
                from turnout.llama_index.stores.postgres import open_postgres

                return open_postgres(index, collection, space, create=create)
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
