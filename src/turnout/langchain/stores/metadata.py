"""The record in each document's metadata: for stores that keep nothing else.

`InMemoryVectorStore` can be looked through before a search. Of a store that turnout doesn't know, only what a search
finds can be looked at: it is checked before anyone gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.documents import Document

from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import StampKeeper, held_in, kept_in_one
from turnout.index.guard.records import with_record
from turnout.langchain.stores.keeper import SpaceKeeper

if TYPE_CHECKING:
    from langchain_core.vectorstores import InMemoryVectorStore

    from turnout.index.guard.keepers import Held, Sample
    from turnout.index.guard.records import SpaceRecord


class MetadataKeeper(StampKeeper[Document], SpaceKeeper):
    """Any store: records are on its documents, and there is no looking through them."""


class InMemoryKeeper(MetadataKeeper):
    """LangChain's `InMemoryVectorStore`; the record goes wherever `dump` and `load` bring the documents."""

    store: InMemoryVectorStore

    def held(self) -> Held:
        """The one record that all documents have."""
        entries = list(self.store.store.values())
        return held_in(((entry["metadata"], len(entry["vector"])) for entry in entries), index=self.index)

    def glance(self) -> object:
        """The record of one document: all have the same."""
        entries = self.store.store
        return kept_in_one(entries, lambda found: entries[found]["metadata"])

    def write(self, record: SpaceRecord | None) -> None:
        """Write the record on every document."""
        for entry in self.store.store.values():
            entry["metadata"] = with_record(entry["metadata"], record)

    def sample(self, number: int) -> list[Sample]:
        """Texts and vectors, evenly over the store."""
        entries = list(self.store.store.values())
        chosen = (entries[position] for position in spread(len(entries), number))
        return [(entry["text"], entry["vector"]) for entry in chosen]
