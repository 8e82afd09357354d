"""Where a vector store keeps the record of its embedding space: one `SpaceKeeper` for each kind of store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.runnables.config import run_in_executor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.documents import Document
    from langchain_core.vectorstores import VectorStore

    from turnout.space_checks import Held, Sample
    from turnout.space_records import SpaceRecord


class SpaceKeeper(ABC):
    """Reads and writes a store's record.

    The asynchronous methods run the synchronous ones on a thread; a store with asynchronous I/O of its own overrides
    them.

    Attributes:
        stamps: Whether the record is on each document, in its metadata: the guard then writes it on every insert, takes
            it off what a search finds, and checks it there.
        has_embeddings: Whether a store of this kind that names no embeddings has none to search by text with.
    """

    stamps: ClassVar[bool] = False
    has_embeddings: ClassVar[bool] = True

    @property
    @abstractmethod
    def index(self) -> str:
        """What the index is called in an error, unless the application names it."""

    @abstractmethod
    def held(self) -> Held:
        """What the store holds, read anew.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """

    @abstractmethod
    def write(self, record: SpaceRecord | None) -> None:
        """Keep a record, or forget it if it is None."""

    def sample(self, number: int) -> list[Sample]:
        """Texts with their vectors, from all over the store.

        Args:
            number: How many at most.

        Returns:
            Fewer if the store has fewer; none if it doesn't give out its vectors.
        """
        del number
        return []

    def own(self, name: str) -> Callable[..., Any] | None:
        """What stands in for a method of the store that has to do with the record, like saving it."""
        del name
        return None

    def check_ids(self, ids: Sequence[str]) -> None:
        """Refuse ids that can't be written without harm to another index of the same store."""
        del ids

    async def aheld(self) -> Held:
        """`held` without blocking the event loop."""
        return await run_in_executor(None, self.held)

    async def awrite(self, record: SpaceRecord | None) -> None:
        """`write` without blocking the event loop."""
        await run_in_executor(None, self.write, record)

    async def asample(self, number: int) -> list[Sample]:
        """`sample` without blocking the event loop."""
        return await run_in_executor(None, self.sample, number)

    async def acheck_ids(self, ids: Sequence[str]) -> None:
        """`check_ids` without blocking the event loop."""
        await run_in_executor(None, self.check_ids, ids)

    def found(self, documents: Sequence[Document]) -> list[SpaceRecord | None]:
        """The records on documents that a search found, where the record is on each document."""
        del documents
        return []


_KEEPERS: dict[str, str | Callable[[Any], SpaceKeeper]] = {
    "langchain_core.vectorstores.in_memory.InMemoryVectorStore": "turnout.langchain.stores.metadata:InMemoryKeeper",
    "langchain_chroma.vectorstores.Chroma": "turnout.langchain.stores.chroma:ChromaKeeper",
    "langchain_community.vectorstores.faiss.FAISS": "turnout.langchain.stores.faiss:FaissKeeper",
    "langchain_postgres.vectorstores.PGVector": "turnout.langchain.stores.pgvector:PGVectorKeeper",
}


def register(store: type[VectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS[_name(store)] = keeper


def keeper_of(store: VectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on documents."""
    for kind in type(store).__mro__:
        found = _KEEPERS.get(_name(kind))
        if isinstance(found, str):
            module, name = found.split(":")
            found = getattr(import_module(module), name)
        if callable(found):
            made: SpaceKeeper = found(store)
            return made
    from turnout.langchain.stores.metadata import MetadataKeeper

    return MetadataKeeper(store)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
