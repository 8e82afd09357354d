"""Where a LlamaIndex vector store keeps the record of its embedding space: one `SpaceKeeper` for each kind of store."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.space_records import SpaceRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llama_index.core.schema import BaseNode
    from llama_index.core.storage.docstore import BaseDocumentStore
    from llama_index.core.vector_stores.types import BasePydanticVectorStore

    from turnout.space_checks import Held, Sample


class SpaceKeeper(ABC):
    """Reads and writes a store's record.

    The asynchronous methods run the synchronous ones on a thread.

    Attributes:
        stamps: Whether the record is on each node, in its metadata: the guard then writes it on every insert, takes it
            off what a search finds, and checks it there.
        docstore: Where the texts are, for a store that doesn't keep them.
    """

    stamps: ClassVar[bool] = False
    docstore: BaseDocumentStore | None = None

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
        """Texts as they were embedded, with their vectors, from all over the store.

        Args:
            number: How many at most.

        Returns:
            Fewer if the store has fewer; none if it doesn't give out its vectors.
        """
        del number
        return []

    async def aheld(self) -> Held:
        """`held` without blocking the event loop."""
        return await asyncio.to_thread(self.held)

    async def awrite(self, record: SpaceRecord | None) -> None:
        """`write` without blocking the event loop."""
        await asyncio.to_thread(self.write, record)

    async def asample(self, number: int) -> list[Sample]:
        """`sample` without blocking the event loop."""
        return await asyncio.to_thread(self.sample, number)

    def found(self, documents: Sequence[BaseNode]) -> list[SpaceRecord | None]:
        """The records on nodes that a search found, where the record is on each node."""
        if not self.stamps:
            return []
        return [SpaceRecord.from_dict(node.metadata, index=self.index) for node in documents]


_KEEPERS: dict[str, str | Callable[[Any], SpaceKeeper]] = {
    "llama_index.core.vector_stores.simple.SimpleVectorStore": "turnout.llama_index.stores.simple:SimpleKeeper",
    "llama_index.vector_stores.chroma.base.ChromaVectorStore": "turnout.llama_index.stores.chroma:ChromaKeeper",
    "llama_index.vector_stores.postgres.base.PGVectorStore": "turnout.llama_index.stores.postgres:PostgresKeeper",
}


def register(store: type[BasePydanticVectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS[_name(store)] = keeper


def keeper_of(store: BasePydanticVectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on nodes.

    Raises:
        EmbeddingSpaceError: The store keeps nothing that a record could be on.
    """
    for kind in type(store).__mro__:
        found = _KEEPERS.get(_name(kind))
        if isinstance(found, str):
            module, name = found.split(":")
            found = getattr(import_module(module), name)
        if callable(found):
            made: SpaceKeeper = found(store)
            return made
    if not store.stores_text:
        fix = "say where its record is: turnout.llama_index.stores.register(…)"
        msg = f"a {type(store).__name__} keeps vectors alone, and no record of their embedding space: {fix}"
        raise EmbeddingSpaceError(msg, index=type(store).__name__, fix=fix)
    from turnout.llama_index.stores.nodes import NodeKeeper

    return NodeKeeper(store)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
