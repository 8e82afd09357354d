"""`InMemoryVectorStore`: the record is in each document's metadata, and goes wherever `dump` and `load` bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.vectorstores import InMemoryVectorStore

from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import first_record_entries, state_of_documents
from turnout.index.guard.records import with_record
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import ListedCollection, MetadataKeeper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.index.guard.keepers import Sample, StoreState
    from turnout.index.guard.records import SpaceRecord


class _InMemoryKeeper(MetadataKeeper):
    """Looks through the store before a search: all documents have one record."""

    store: InMemoryVectorStore

    def state(self) -> StoreState:
        entries = list(self.store.store.values())
        return state_of_documents(((entry["metadata"], len(entry["vector"])) for entry in entries), index=self.index)

    def version(self) -> object:
        return first_record_entries(self.store.store, lambda id_: self.store.store[id_]["metadata"])

    def write(self, record: SpaceRecord | None) -> None:
        for entry in self.store.store.values():
            entry["metadata"] = with_record(entry["metadata"], record)

    def release(self) -> None:
        """Nothing: the record is on the documents."""

    @property
    def samples(self) -> bool:
        return True

    def sample(self, number: int) -> list[Sample]:
        entries = list(self.store.store.values())
        sampled = (entries[position] for position in spread(len(entries), number))
        return [(entry["text"], entry["vector"]) for entry in sampled]


class _InMemoryCollection(ListedCollection[InMemoryVectorStore]):
    """What it has is gone with the process, unless the application dumps it."""

    def ids(self) -> list[str]:
        return list(self.store.store)

    def count(self) -> int:
        return len(self.store.store)

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        entries = {id_: self.store.store[id_] for id_ in ids if id_ in self.store.store}
        return {id_: self._chunk(id_, entry["text"], entry["metadata"]) for id_, entry in entries.items()}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        return {id_: self.store.store[id_]["vector"] for id_ in ids if id_ in self.store.store}

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        for chunk, metadata in zip(chunks, metadatas, strict=True):
            entry = {"id": chunk.id, "vector": list(chunk.vector), "text": chunk.text, "metadata": metadata}
            self.store.store[chunk.id] = entry


KIND = StoreKind(_InMemoryKeeper, collection=_InMemoryCollection)
