"""LangChain's `Chroma` in a reindex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_chroma import Chroma

from turnout.langchain.reindexing.collection import Collection
from turnout.reindex import Item
from turnout.reindex.chroma import ChromaReading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from turnout.reindex import Embedded


class ChromaCollection(ChromaReading, Collection[Chroma]):
    """Read and written through the collection under LangChain's class, which pages and takes given vectors."""

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; those with the same ids are removed first, as Chroma would keep their other metadata."""
        self.delete([chunk.item.id for chunk in chunks])
        self._opened.add(
            ids=[chunk.item.id for chunk in chunks],
            embeddings=cast("Any", [list(chunk.vector) for chunk in chunks]),
            documents=[chunk.item.text for chunk in chunks],
            metadatas=cast("Any", [metadata or None for metadata in metadatas]),  # Chroma refuses an empty one
        )

    def _row(self, found: str, text: str, metadata: Mapping[str, Any] | None) -> Item:
        return Item(found, text, self._unmarked(metadata))

    @property
    def _opened(self) -> Any:
        return self.store._collection  # noqa: SLF001 - LangChain's class embeds whatever it is given
