"""A named index's collections: one for each embedding space, in the folder or database that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import MissingExtraError, UnsupportedError
from turnout.facts.spaces import collection_name
from turnout.index.files import recover_folder, remove_folder
from turnout.llama_index.reindexing.persisted import PersistedIndex

if TYPE_CHECKING:
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.llama_index.reindexing.collection import AnyCollection
    from turnout.settings import IndexSettings

_PACKAGES = {
    "chroma": "pip install llama-index-vector-stores-chroma",
    "pgvector": "pip install llama-index-vector-stores-postgres 'psycopg[binary]'",
}


def open_collection(
    index: IndexSettings, name: str, space: EmbeddingSpace, *, create: bool = False
) -> AnyCollection | None:
    """The collection that a named index has for a space.

    Args:
        index: The index's settings.
        name: Its name.
        space: The space.
        create: Whether to make the collection if there is none; it has no record yet.

    Raises:
        MissingExtraError: The store's package isn't installed.
        UnsupportedError: LlamaIndex's integration doesn't open such a store.
    """
    called = collection_name(name, space)
    try:
        match index.store:
            case "simple":
                return _open_persisted(index, called, create=create)
            case "chroma":
                from turnout.llama_index.reindexing.chroma import open_chroma

                return open_chroma(index, called, create=create)
            case "pgvector":
                from turnout.llama_index.reindexing.postgres import open_postgres

                return open_postgres(index, called, space, create=create)
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
    if open_collection(index, name, space) is None:
        return False
    called = collection_name(name, space)
    match index.store:
        case "chroma":
            from turnout.llama_index.reindexing.chroma import drop_chroma

            drop_chroma(index, called)
        case "pgvector":
            from turnout.llama_index.reindexing.postgres import drop_postgres

            drop_postgres(index, called)
        case _:
            remove_folder(_folder(index, called))
    return True


def _folder(index: IndexSettings, called: str) -> Path:
    return Path(index.path or ".") / called


def _open_persisted(index: IndexSettings, called: str, *, create: bool) -> PersistedIndex | None:
    folder = _folder(index, called)
    recover_folder(folder, clean=create)
    if not create and not folder.is_dir():
        return None
    return PersistedIndex(folder, called)
