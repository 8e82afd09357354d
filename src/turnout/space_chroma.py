"""The record of an embedding space in the metadata of a Chroma collection, for both frameworks' classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.space_keepers import Held, gone, kept_in
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

    A collection that was deleted and made again under its name is another one for Chroma: the store is given that.

    Args:
        opened: The collection that the store has open.
        reopen: Gives the store another one.
    """

    def __init__(self, opened: Callable[[], Collection], reopen: Callable[[Collection], None]) -> None:
        self._opened = opened
        self._reopen = reopen

    def glance(self) -> object:
        """Which collection it is, and the record in its metadata.

        Raises:
            CollectionGoneError: There is none any more.
        """
        found = self._model()
        return found.id, kept_in(found.metadata)

    def fresh(self) -> Collection:
        """The collection with its metadata as they are now: an open one has them as they were.

        Raises:
            CollectionGoneError: There is none any more.
        """
        from chromadb import Collection

        opened, model = self._opened(), self._model()
        fresh = Collection(client=opened._client, model=model, embedding_function=None)  # noqa: SLF001
        if fresh.id != opened.id:
            self._reopen(fresh)
        return fresh

    def _model(self) -> Any:
        from chromadb.errors import NotFoundError

        opened = self._opened()
        server = opened._client  # noqa: SLF001  # a collection doesn't give out what it is on
        try:
            return server.get_collection(opened.name, tenant=opened.tenant, database=opened.database)
        except NotFoundError as error:
            raise gone(opened.name) from error

    def held(self, *, index: str) -> Held:
        """What the collection holds.

        Args:
            index: What to call the index in an error.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """
        collection = self.fresh()
        record = SpaceRecord.from_dict(collection.metadata or {}, index=index)
        # Not the vectors: Chroma can't read those that another process has written over.
        empty = not collection.get(limit=1, include=[])["ids"]
        model = collection._model  # noqa: SLF001  # a collection doesn't give out the length that it takes
        return Held(record, empty=empty, dimensions=None if empty else model.dimension)

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
