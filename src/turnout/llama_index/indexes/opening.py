"""A named index's collections in a database: one for each embedding space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.spaces import collection_name

if TYPE_CHECKING:
    from turnout.llama_index.indexes.collection import AnyCollection
    from turnout.settings import IndexSettings
    from turnout.spaces import EmbeddingSpace

_PACKAGES = {
    "chroma": "pip install llama-index-vector-stores-chroma",
    "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
}


def open_stored(index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool) -> AnyCollection | None:
    """The collection that a named index has for a space in Chroma or PostgreSQL, or None.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: It is another kind of store.
    """
    called = collection_name(name, space)
    try:
        if index.store == "chroma":
            from turnout.llama_index.indexes.chroma import open_chroma

            return open_chroma(index, called, create=create)
        if index.store == "pgvector":
            from turnout.llama_index.indexes.postgres import open_postgres

            return open_postgres(index, called, space, create=create)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"a {index.store} index needs {error.name}: {_PACKAGES[index.store]}") from error
    msg = f"a {index.store} index isn't opened with LlamaIndex; see framework in [index.{name}]"
    raise UnsupportedError(msg)


def drop_stored(index: IndexSettings, name: str, space: EmbeddingSpace) -> None:
    """Remove it, for good."""
    called = collection_name(name, space)
    if index.store == "chroma":
        from turnout.llama_index.indexes.chroma import drop_chroma

        drop_chroma(index, called)
    else:
        from turnout.llama_index.indexes.postgres import drop_postgres

        drop_postgres(index, called)
