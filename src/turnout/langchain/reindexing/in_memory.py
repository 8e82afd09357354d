"""LangChain's `InMemoryVectorStore` in a reindex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.vectorstores import InMemoryVectorStore

from turnout.index.chunks import Item
from turnout.langchain.reindexing.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.index.chunks import Embedded


class InMemoryCollection(Collection[InMemoryVectorStore]):
    """What it has is gone with the process, unless the application dumps it."""

    def items(self) -> Iterator[Item]:
        """Every document."""
        for found in list(self.store.store):
            yield from self.get([found]).values()

    def count(self) -> int:
        """How many documents there are."""
        return len(self.store.store)

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""
        entries = {found: self.store.store[found] for found in ids if found in self.store.store}
        return {
            found: Item(found, entry["text"], self._unmarked(entry["metadata"])) for found, entry in entries.items()
        }

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        return {found: self.store.store[found]["vector"] for found in ids if found in self.store.store}

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents."""
        for chunk, metadata in zip(chunks, metadatas, strict=True):
            item = chunk.item
            entry = {"id": item.id, "vector": list(chunk.vector), "text": item.text, "metadata": metadata}
            self.store.store[item.id] = entry
