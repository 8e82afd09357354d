"""Chroma: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.schema import MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from turnout.index.guard.chroma import CollectionRecord
from turnout.llama_index.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from chromadb import Collection
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from turnout.index.guard.keepers import Held, Sample
    from turnout.index.guard.records import SpaceRecord


class ChromaKeeper(SpaceKeeper):
    """LlamaIndex's `ChromaVectorStore`, embedded or on a server."""

    def __init__(self, store: ChromaVectorStore) -> None:
        self.store = store
        self._record = CollectionRecord(lambda: self._opened, self._reopen)

    @property
    def index(self) -> str:
        """The collection's name."""
        return self._opened.name

    @property
    def _opened(self) -> Collection:
        opened: Collection = self.store.client
        return opened

    def _reopen(self, collection: Collection) -> None:
        self.store._collection = collection  # noqa: SLF001

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
        return [
            (metadata_dict_to_node(metadata or {}, text=text).get_content(MetadataMode.EMBED), vector)
            for text, metadata, vector in self._record.rows(number)
        ]
