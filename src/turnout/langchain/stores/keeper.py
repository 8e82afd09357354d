"""Where a vector store keeps the record of its embedding space: one `SpaceKeeper` for each kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore

from turnout.index.class_registry import ClassRegistry
from turnout.index.guard.keepers import RecordKeeper


class SpaceKeeper(RecordKeeper[Document]):
    """Reads and writes the record of a LangChain store.

    Attributes:
        has_embeddings: Whether a store of this kind that names no embeddings has none to search by text with.
        transactional: Whether the store makes the look that was left for it in the transaction in which it searches or
            writes; otherwise its embeddings make it.
    """

    has_embeddings: ClassVar[bool] = True
    transactional: ClassVar[bool] = False

    def own(self, name: str) -> Callable[..., Any] | None:
        """What stands in for a method of the store that has to do with the record, like saving it."""
        del name
        return None

    def check_ids(self, ids: Sequence[str]) -> None:
        """Refuse ids that can't be written without harm to another index of the same store."""
        del ids

    async def acheck_ids(self, ids: Sequence[str]) -> None:
        """`check_ids` without blocking the event loop."""
        await asyncio.to_thread(self.check_ids, ids)


_KEEPERS: ClassRegistry[SpaceKeeper] = ClassRegistry(
    {
        "langchain_core.vectorstores.in_memory.InMemoryVectorStore": "turnout.langchain.stores.metadata:InMemoryKeeper",
        "langchain_chroma.vectorstores.Chroma": "turnout.langchain.stores.chroma:ChromaKeeper",
        "langchain_community.vectorstores.faiss.FAISS": "turnout.langchain.stores.faiss:FaissKeeper",
        "langchain_postgres.vectorstores.PGVector": "turnout.langchain.stores.pgvector:PGVectorKeeper",
    }
)


def register(store: type[VectorStore], keeper: Callable[[Any], SpaceKeeper]) -> None:
    """Say how stores of a class, and of its subclasses, keep their record.

    Args:
        store: The class of the stores.
        keeper: Store → its keeper; a `SpaceKeeper` class whose constructor takes the store will do.
    """
    _KEEPERS.register(store, keeper)


def keeper_of(store: VectorStore) -> SpaceKeeper:
    """The keeper of a store: the registered one of its nearest class, or else records on documents."""
    from turnout.langchain.stores.metadata import MetadataKeeper

    return (_KEEPERS.find(store) or MetadataKeeper)(store)
