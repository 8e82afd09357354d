"""LangChain's `Chroma` in a reindex."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_chroma import Chroma

from turnout.index.chroma import ChromaReading, check_metadata
from turnout.index.chunks import Item
from turnout.index.fitting import check_strings
from turnout.langchain.reindexing.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.index.chunks import Embedded


class ChromaCollection(ChromaReading, Collection[Chroma]):
    """Read and written through the collection under LangChain's class, which pages and takes given vectors."""

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """Documents without keys whose value is None, which LangChain's class leaves out too."""
        for item in items:
            check_strings(item, item.metadata, self.name)
            check_metadata(item, item.metadata, self.name)
        return [
            replace(item, metadata={key: value for key, value in item.metadata.items() if value is not None})
            for item in items
        ]

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents, in place of those with the same ids."""
        self.replace(chunks, [chunk.item.text for chunk in chunks], metadatas)

    def _row(self, found: str, text: str, metadata: Mapping[str, Any] | None) -> Item:
        return Item(found, text, self._unmarked(metadata))

    @property
    def _opened(self) -> Any:
        return self.store._collection  # noqa: SLF001 - LangChain's class embeds whatever it is given
