"""A named index's collections: each space has one of its own, in the folder or database that the settings name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from langchain_core.embeddings import Embeddings

from turnout.errors import MissingExtraError, SettingsError, UnsupportedError
from turnout.facts.spaces import collection_name
from turnout.index.chroma import COSINE, open_client
from turnout.index.collection import cannot_embed
from turnout.index.folders import recover, remove
from turnout.index.postgres import engine_of
from turnout.langchain.reindexing.collection import Collection

if TYPE_CHECKING:
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.settings import IndexSettings


class _NoEmbeddings(Embeddings):
    """Stands in where vectors are always given.

    Args:
        collection: The collection that has it.
    """

    def __init__(self, collection: str) -> None:
        self._collection = collection

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self._refuse(texts)

    def embed_query(self, text: str) -> list[float]:
        self._refuse(text)

    def _refuse(self, _: object) -> NoReturn:
        remedy = "use turnout.langchain.TurnoutIndex, or open_collection(…, embeddings=TurnoutEmbeddings())"
        raise cannot_embed(self._collection, remedy)


def open_collection(
    index: IndexSettings,
    name: str,
    space: EmbeddingSpace,
    *,
    create: bool = False,
    embeddings: Embeddings | None = None,
) -> Collection[Any] | None:
    """The collection that a named index has for a space.

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
    opener = _OPENERS.get(index.store)
    if opener is None:
        msg = f"a {index.store} index isn't opened with LangChain; see framework in [index.{name}]"
        raise UnsupportedError(msg)
    called = collection_name(name, space)
    try:
        found: Collection[Any] | None = opener(index, called, space, create, embeddings or _NoEmbeddings(called))
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"a {index.store} index needs {error.name}: {_PACKAGES[index.store]}") from error
    return found


def drop_collection(index: IndexSettings, name: str, space: EmbeddingSpace) -> bool:
    """Remove a space's collection, for good.

    Returns:
        Whether there was one.
    """
    found = open_collection(index, name, space)
    if found is None:
        return False
    called = collection_name(name, space)
    match index.store:
        case "chroma":
            found.store.delete_collection()
        case "faiss":
            remove(_folder(index) / called)
        case _:
            _drop_schema(index, called)
    return True


def _folder(index: IndexSettings) -> Path:
    return Path(index.path or ".")


def _chroma(
    index: IndexSettings, called: str, _: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> Collection[Any] | None:
    from langchain_chroma import Chroma

    from turnout.langchain.reindexing.chroma import ChromaCollection

    client = open_client(index, called, create=create)
    if client is None:
        return None
    return ChromaCollection(Chroma(called, embeddings, client=client, collection_metadata=dict(COSINE)), called)


def _faiss(
    index: IndexSettings, called: str, space: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> Collection[Any] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community's own, on being imported
        from langchain_community.docstore.in_memory import InMemoryDocstore
        from langchain_community.vectorstores import FAISS

        from turnout.langchain.reindexing.faiss import BY_COSINE, FaissCollection, load
    from faiss import IndexFlatL2

    folder = _folder(index) / called
    if create or folder.is_dir():
        _vouched(index, folder)
    recover(folder, clean=create)
    if folder.is_dir():
        return FaissCollection(load(folder, embeddings), called, folder)
    if not create:
        return None
    made = FAISS(embeddings, IndexFlatL2(space.dimensions or 0), InMemoryDocstore(), {}, **BY_COSINE)
    return FaissCollection(made, called, folder)


def _vouched(index: IndexSettings, folder: Path) -> None:
    """Refuse a pickle that the settings don't vouch for."""
    if not index.allow_pickle:
        msg = (
            f"the documents of a faiss index are in a pickle, {folder / 'index.pkl'}, and whoever can write to that "
            f"file may have put code into it. If nobody but you can, say allow_pickle = true beside path = "
            f"{index.path!r} in the [index.…] table of turnout.toml. Chroma and pgvector need no pickle"
        )
        raise SettingsError(msg)


def _pgvector(
    index: IndexSettings, called: str, _: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> Collection[Any] | None:
    from sqlalchemy import inspect
    from sqlalchemy.schema import CreateSchema

    from turnout.langchain.reindexing.pgvector import PGVectorCollection, ThreadedPGVector

    engine = engine_of(index)
    if not inspect(engine).has_schema(called):
        if not create:
            return None
        with engine.begin() as connection:
            connection.execute(CreateSchema(called, if_not_exists=True))
    # A schema for each space: LangChain's table has one row an id, whatever its collection.
    own = engine.execution_options(schema_translate_map={None: called})
    return PGVectorCollection(ThreadedPGVector(embeddings, connection=own, collection_name=called), called)


def _drop_schema(index: IndexSettings, called: str) -> None:
    from sqlalchemy.schema import DropSchema

    with engine_of(index).begin() as connection:
        connection.execute(DropSchema(called, cascade=True))


_OPENERS = {"chroma": _chroma, "faiss": _faiss, "pgvector": _pgvector}
_PACKAGES = {
    "chroma": "pip install langchain-chroma",
    "faiss": "pip install langchain-community faiss-cpu",
    "pgvector": "pip install langchain-postgres 'psycopg[binary]'",
}
