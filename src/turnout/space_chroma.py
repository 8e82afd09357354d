"""The record of an embedding space in the metadata of a Chroma collection, for both frameworks' classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.space_keepers import Held
from turnout.space_records import SpaceRecord, with_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chromadb import Collection

    Row = tuple[str | None, dict[str, Any] | None, Sequence[float]]

_DISTANCE = "hnsw:space"  # Chroma refuses a change that has it, and goes by the collection's configuration

_ROW: Any = ["embeddings", "documents", "metadatas"]

_NOTHING = {"turnout": "no embedding space recorded"}


class CollectionRecord:
    """Reads and writes the record of a collection.

    Attributes:
        fresh: The collection with its metadata as they are now: an open one has them as they were.
    """

    def __init__(self, fresh: Callable[[], Collection]) -> None:
        self.fresh = fresh

    def held(self, *, index: str) -> Held:
        """What the collection holds.

        Args:
            index: What to call the index in an error.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """
        collection = self.fresh()
        record = SpaceRecord.from_dict(collection.metadata or {}, index=index)
        first = collection.get(limit=1, include=["embeddings"])
        vectors = _vectors(first)
        return Held(record, empty=not first["ids"], dimensions=len(vectors[0]) if vectors else None)

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's metadata, and leave other keys."""
        collection = self.fresh()
        metadata = with_record(collection.metadata, record)
        metadata.pop(_DISTANCE, None)
        # Chroma refuses metadata without any key.
        collection.modify(metadata=metadata or _NOTHING)

    def rows(self, number: int) -> list[Row]:
        """Documents with their metadata and vectors, from the beginning and the end of the collection.

        Args:
            number: How many at most.
        """
        collection = self.fresh()
        count = collection.count()
        half = (number + 1) // 2
        windows = [(0, number)] if count <= number else [(0, half), (count - (number - half), number - half)]
        rows: list[Row] = []
        for offset, limit in windows:
            if limit:
                found: Any = collection.get(
                    limit=limit, offset=offset, include=["embeddings", "documents", "metadatas"]
                )
                rows += zip(found["documents"] or [], found["metadatas"] or [], _vectors(found), strict=True)
        return rows


def _vectors(found: Any) -> list[Any]:
    vectors = found["embeddings"]
    return [] if vectors is None else list(vectors)
