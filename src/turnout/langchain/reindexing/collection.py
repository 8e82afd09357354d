"""A LangChain vector store as the source or the target of a reindex: what all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from langchain_core.vectorstores import VectorStore

from turnout.langchain.stores import keeper_of
from turnout.reindex import Item
from turnout.space_keepers import claimed
from turnout.space_records import with_record, without_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_core.documents import Document

    from turnout.reindex import Embedded
    from turnout.space_records import SpaceRecord
    from turnout.spaces import EmbeddingSpace

StoreT = TypeVar("StoreT", bound=VectorStore)

PAGE = 256
"""Documents that are read at once."""


class Collection(ABC, Generic[StoreT]):
    """A vector store that can be listed and written with given vectors; fills `Source` and `Target`.

    Attributes:
        store: The store.
        name: What it is called in reports and errors.
        flush_every: How many documents may be written before `flush`.
    """

    flush_every: ClassVar[int] = 0

    def __init__(self, store: StoreT, name: str | None = None) -> None:
        self.store = store
        self.keeper = keeper_of(store)
        self.name = name or self.keeper.index
        self._record: SpaceRecord | None = None

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Every document, a page at a time."""

    @abstractmethod
    def count(self) -> int:
        """How many documents there are."""

    @abstractmethod
    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""

    @abstractmethod
    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""

    @abstractmethod
    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents with these metadata, in place of those with the same ids."""

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add documents, in place of those with the same ids."""
        self.put(chunks, [self._marked(chunk.item.metadata) for chunk in chunks])

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents; ids that aren't there are left out."""
        there = list(self.get(ids))
        if there:
            self.store.delete(there)

    def flush(self) -> None:
        """Nothing: every write is durable."""

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest documents, nearest first."""
        found = self.store.similarity_search_by_vector([float(x) for x in vector], k=k)
        return [self._item(document.id or "", document) for document in found]

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Write the record of a space, if the store is empty; otherwise check that it has that record.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known, or a record that isn't as
                it was written.
        """
        held = self.keeper.held()
        record = claimed(held, space, index=self.name)
        if held.record is None:
            if dry:
                return
            self.keeper.write(record)
        self._record = record

    def _marked(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        if self.keeper.stamps and self._record is not None:
            return with_record(metadata, self._record)
        return dict(metadata)

    def _item(self, found: str, document: Document) -> Item:
        return Item(found, document.page_content, self._unmarked(document.metadata))

    def _unmarked(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        return without_record(metadata) if self.keeper.stamps else dict(metadata or {})
