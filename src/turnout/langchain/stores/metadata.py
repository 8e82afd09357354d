"""The record in each document's metadata: for stores that keep nothing else.

`InMemoryVectorStore` can be looked through before a search. Of a store that turnout doesn't know, only what a search
finds can be looked at: it is checked before anyone gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.langchain.stores.keeper import SpaceKeeper
from turnout.space_checks import Held, Sample, spread
from turnout.space_records import PREFIX, SpaceRecord, reindex_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langchain_core.documents import Document
    from langchain_core.vectorstores import InMemoryVectorStore, VectorStore


def stamped(metadata: Mapping[str, Any] | None, record: SpaceRecord) -> dict[str, Any]:
    """A document's metadata with the record on it."""
    return {**unstamped(metadata or {}), **record.to_dict()}


def unstamped(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A document's metadata without a record."""
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


class MetadataKeeper(SpaceKeeper):
    """Any store: records are on its documents, and there is no looking through them."""

    stamps: ClassVar[bool] = True

    def __init__(self, store: VectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        """The name of the store's class."""
        return type(self.store).__name__

    def held(self) -> Held:
        """Nothing is known before a search."""
        return Held(None, None)

    def write(self, record: SpaceRecord | None) -> None:
        """Nothing: the guard writes the record on documents."""

    def found(self, documents: Sequence[Document]) -> list[SpaceRecord | None]:
        """The records on documents that a search found."""
        return [SpaceRecord.from_dict(document.metadata, index=self.index) for document in documents]


class InMemoryKeeper(MetadataKeeper):
    """LangChain's `InMemoryVectorStore`; the record goes wherever `dump` and `load` bring the documents."""

    store: InMemoryVectorStore

    def held(self) -> Held:
        """The one record that all documents have."""
        entries = list(self.store.store.values())
        if not entries:
            return Held(None, empty=True)
        records = self._records(entry["metadata"] for entry in entries)
        lengths = {len(entry["vector"]) for entry in entries}
        if len(records) > 1 or len(lengths) > 1:
            raise self._mixed(records, lengths)
        return Held(next(iter(records)), empty=False, dimensions=lengths.pop())

    def write(self, record: SpaceRecord | None) -> None:
        """Write the record on every document."""
        for entry in self.store.store.values():
            kept = unstamped(entry["metadata"])
            entry["metadata"] = stamped(kept, record) if record else kept

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, evenly over the store."""
        entries = list(self.store.store.values())
        chosen = (entries[position] for position in spread(len(entries), number))
        return [(entry["text"], entry["vector"]) for entry in chosen]

    def _records(self, found: Iterable[Mapping[str, Any]]) -> set[SpaceRecord | None]:
        read: dict[tuple[tuple[str, str], ...], SpaceRecord | None] = {}
        for metadata in found:
            kept = tuple(sorted((key, str(value)) for key, value in metadata.items() if key.startswith(PREFIX)))
            if kept not in read:
                read[kept] = SpaceRecord.from_dict(metadata, index=self.index)
        return set(read.values())

    def _mixed(self, records: set[SpaceRecord | None], lengths: set[int]) -> EmbeddingSpaceError:
        said = sorted(str(record.space) if record else "no space" for record in records)
        fix = reindex_command(self.index)
        msg = (
            f"the index {self.index!r} has documents of {', '.join(said)}, with vectors of "
            f"{', '.join(map(str, sorted(lengths)))} numbers: it was written without the guard. "
            f"Embed it anew with `{fix}`"
        )
        return EmbeddingSpaceError(msg, index=self.index, fix=fix)
