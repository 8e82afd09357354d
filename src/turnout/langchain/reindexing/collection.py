"""A LangChain vector store as the source or the target of a reindex: what all kinds share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from langchain_core.vectorstores import VectorStore

from turnout.index.chunks import Item
from turnout.index.collection import RecordedCollection
from turnout.index.guard.records import with_record, without_record
from turnout.langchain.stores import keeper_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.documents import Document

    from turnout.index.chunks import Embedded
    from turnout.langchain.stores import SpaceKeeper

StoreT = TypeVar("StoreT", bound=VectorStore)


class Collection(RecordedCollection, Generic[StoreT]):
    """A vector store that can be listed and written with given vectors.

    Attributes:
        store: The store.
    """

    keeper: SpaceKeeper

    def __init__(self, store: StoreT, name: str | None = None) -> None:
        keeper = keeper_of(store)
        super().__init__(keeper, name or keeper.index)
        self.store = store

    @abstractmethod
    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents with these metadata, in place of those with the same ids."""

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add documents, in place of those with the same ids."""
        fitted = self.fit([chunk.item for chunk in chunks])
        chunks = [replace(chunk, item=item) for chunk, item in zip(chunks, fitted, strict=True)]
        self.put(chunks, [self._marked(item.metadata) for item in fitted])

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents; ids that aren't there are left out."""
        there = list(self.get(ids))
        if there:
            self.store.delete(there)

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest documents, nearest first."""
        found = self.store.similarity_search_by_vector([float(x) for x in vector], k=k)
        return [self._item(document.id or "", document) for document in found]

    def _marked(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if self.keeper.stamps and self._record is not None:
            return with_record(metadata, self._record)
        return dict(metadata)

    def _item(self, found: str, document: Document) -> Item:
        return Item(found, document.page_content, self._unmarked(document.metadata))

    def _unmarked(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        return without_record(metadata) if self.keeper.stamps else dict(metadata or {})
