"""Where a LlamaIndex vector store keeps the record of its embedding space: one `SpaceKeeper` for each kind of store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import EmbeddingSpaceError
from turnout.index.guard.keepers import RecordKeeper
from turnout.llama_index.stores.class_registry import ClassRegistry


class SpaceKeeper(RecordKeeper[BaseNode]):
    """Reads and writes the record of a LlamaIndex store.

    Attributes:
        docstore: Where the texts are, for a store that doesn't keep them.
        in_query: Whether `expecting` makes the store look at the record in the query that searches.
    """

    docstore: BaseDocumentStore | None = None
    in_query: ClassVar[bool] = False

    def expecting(self, mark: object) -> AbstractContextManager[None]:
        """Have searches find nothing while the block runs, unless a glance at the record would show this."""
        raise NotImplementedError

    def check_persisting(self, path: str, fs: AbstractFileSystem | None) -> None:
        """Refuse to persist the store over one of another space.

        Raises:
            EmbeddingSpaceError: There is such a one.
        """


_KEEPERS: ClassRegistry[SpaceKeeper] = ClassRegistry(
    {
        "llama_index.core.vector_stores.simple.SimpleVectorStore": "turnout.llama_index.stores.simple:SimpleKeeper",
        "llama_index.vector_stores.chroma.base.ChromaVectorStore": "turnout.llama_index.stores.chroma:ChromaKeeper",
        "llama_index.vector_stores.postgres.base.PGVectorStore": "turnout.llama_index.stores.postgres:PostgresKeeper",
    }
)


def register(store: type[BasePydanticVectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS.register(store, keeper)


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes.

    Raises:
        EmbeddingSpaceError: The store keeps nothing that a record could be on.
    """
    from turnout.llama_index.stores.nodes import NodeKeeper

    keeper = _KEEPERS.find(store)
    if keeper is None and not store.stores_text:
        fix = "say where its record is: turnout.llama_index.stores.register(…)"
        msg = f"a {type(store).__name__} keeps vectors alone, and no record of their embedding space: {fix}"
        raise EmbeddingSpaceError(msg, index=type(store).__name__, fix=fix)
    return (keeper or NodeKeeper)(store)
