"""Chroma: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from turnout.index.guard.chroma import CollectionRecord
from turnout.langchain.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from chromadb import Collection
    from langchain_chroma import Chroma

    from turnout.index.guard.keepers import Held, Sample
    from turnout.index.guard.records import SpaceRecord


class ChromaKeeper(SpaceKeeper):
    """LangChain's `Chroma`, embedded or on a server."""

    has_embeddings: ClassVar[bool] = False

    def __init__(self, store: Chroma) -> None:
        self.store = store
        self._record = CollectionRecord(lambda: self._opened, self._reopen)

    @property
    def index(self) -> str:
        """The collection's name."""
        return self._opened.name

    @property
    def _opened(self) -> Collection:
        # LangChain's class gives out neither its client nor its collection.
        opened: Collection = self.store._collection  # noqa: SLF001
        return opened

    def _reopen(self, collection: Collection) -> None:
        self.store._chroma_collection = collection  # noqa: SLF001

    def glance(self) -> object:
        """Which collection it is, and the record in its metadata."""
        return self._record.glance()

    def held(self) -> Held:
        """The record in the collection's metadata."""
        return self._record.held(index=self.index)

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's metadata, and leave other keys."""
        self._record.write(record)

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, from the beginning and the end of the collection."""
        return [(text or "", vector) for text, _, vector in self._record.rows(number)]
