"""Chroma: the record is in the collection's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from turnout.langchain.stores.keeper import Held, Sample, SpaceKeeper
from turnout.space_records import PREFIX, SpaceRecord

if TYPE_CHECKING:
    from chromadb import Collection
    from langchain_chroma import Chroma

_DISTANCE = "hnsw:space"  # Chroma refuses a change that has it, and goes by the collection's configuration

_NOTHING = {"turnout": "no embedding space recorded"}


class ChromaKeeper(SpaceKeeper):
    """LangChain's `Chroma`, embedded or on a server."""

    has_embeddings: ClassVar[bool] = False

    def __init__(self, store: Chroma) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The collection's name."""
        return self._opened.name

    @property
    def _opened(self) -> Collection:
        # LangChain's class gives out neither its client nor its collection.
        opened: Collection = self.store._collection  # noqa: SLF001
        return opened

    def _fresh(self) -> Collection:
        """The collection with its metadata as they are now: an open one has them as they were."""
        fresh: Collection = self.store._client.get_collection(self._opened.name)  # noqa: SLF001
        return fresh

    def held(self) -> Held:
        """The record in the collection's metadata."""
        collection = self._fresh()
        record = SpaceRecord.from_dict(collection.metadata or {}, index=self.index)
        first = collection.get(limit=1, include=["embeddings"])
        return Held(record, empty=not first["ids"], dimensions=_lengths(first))

    def write(self, record: SpaceRecord | None) -> None:
        """Change the collection's metadata, and leave other keys."""
        collection = self._fresh()
        kept = {
            key: value
            for key, value in (collection.metadata or {}).items()
            if key != _DISTANCE and not key.startswith(PREFIX)
        }
        # Chroma refuses metadata without any key.
        collection.modify(metadata={**kept, **(record.to_dict() if record else {})} or _NOTHING)

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, from the beginning and the end of the collection."""
        collection = self._fresh()
        count = collection.count()
        half = (number + 1) // 2
        windows = [(0, number)] if count <= number else [(0, half), (count - (number - half), number - half)]
        samples: list[Sample] = []
        for offset, limit in windows:
            if limit:
                found = collection.get(limit=limit, offset=offset, include=["embeddings", "documents"])
                samples += zip(found["documents"] or [], _vectors(found), strict=True)
        return samples


def _vectors(found: Any) -> list[Any]:
    vectors = found["embeddings"]
    return [] if vectors is None else list(vectors)


def _lengths(found: Any) -> int | None:
    vectors = _vectors(found)
    return len(vectors[0]) if vectors else None
