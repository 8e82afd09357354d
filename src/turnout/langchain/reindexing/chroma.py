"""LangChain's `Chroma` in a reindex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_chroma import Chroma

from turnout.langchain.reindexing.collection import PAGE, Collection
from turnout.reindex import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.reindex import Embedded


class ChromaCollection(Collection[Chroma]):
    """Read through LangChain's class; written through the collection under it, which takes given vectors."""

    def items(self) -> Iterator[Item]:
        """Every document, a page at a time."""
        offset = 0
        while found := self._got(limit=PAGE, offset=offset):
            yield from found.values()
            offset += len(found)

    def count(self) -> int:
        """How many documents there are."""
        return int(self._opened.count())

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""
        return self._got(ids=list(ids)) if ids else {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        if not ids:
            return {}
        found = self.store.get(ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], found["embeddings"], strict=True))

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; those with the same ids are removed first, as Chroma would keep their other metadata."""
        self.delete([chunk.item.id for chunk in chunks])
        self._opened.add(
            ids=[chunk.item.id for chunk in chunks],
            embeddings=cast("Any", [list(chunk.vector) for chunk in chunks]),
            documents=[chunk.item.text for chunk in chunks],
            metadatas=cast("Any", [metadata or None for metadata in metadatas]),  # Chroma refuses an empty one
        )

    def _got(self, **which: Any) -> dict[str, Item]:
        found = self.store.get(**which, include=["documents", "metadatas"])
        rows = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
        return {row: Item(row, text or "", self._unmarked(metadata)) for row, text, metadata in rows}

    @property
    def _opened(self) -> Any:
        return self.store._collection  # noqa: SLF001 - LangChain's class embeds whatever it is given
