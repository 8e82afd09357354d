"""`SimpleVectorStore`: the record is in each node's metadata there, and goes wherever the store is persisted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import MetadataMode

from turnout.index.guard.checks import spread
from turnout.index.guard.keepers import first_record_entries, state_of_documents
from turnout.index.guard.records import SpaceRecord, with_record, would_replace
from turnout.llama_index.stores.nodes import NodeKeeper

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
    from llama_index.core.vector_stores.simple import SimpleVectorStore

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.guard.keepers import Sample, StoreState


def _persisted(path: str, fs: AbstractFileSystem | None) -> SpaceRecord | None:
    """The record of a store that was persisted; None if there is none that can be read."""
    try:
        if fs is not None:
            with fs.open(path, "rb") as file:
                kept = json.load(file)
        else:
            with Path(path).open("rb") as file:
                kept = json.load(file)
        metadata: dict[str, Any] = next(iter(kept["metadata_dict"].values()), {})
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return SpaceRecord.from_dict(metadata, index=path)


class SimpleKeeper(NodeKeeper):
    """LlamaIndex's `SimpleVectorStore`."""

    store: SimpleVectorStore

    def __init__(self, store: SimpleVectorStore) -> None:
        super().__init__(store)
        self._earlier: set[tuple[EmbeddingSpace, str]] = set()  # of what this store was, and may have been persisted as

    def state(self) -> StoreState:
        """The one record that all nodes have."""
        held = self._held()
        if held.record is not None:
            self._earlier.add((held.record.space, held.record.made))
        return held

    def _held(self) -> StoreState:
        vectors, kept = self.store.data.embedding_dict, self.store.data.metadata_dict or {}
        entries = ((kept.get(node_id) or {}, len(vector)) for node_id, vector in vectors.items())
        return state_of_documents(entries, index=self.index, what="nodes")

    def version(self) -> object:
        """The record of one node: all have the same."""
        kept = self.store.data.metadata_dict or {}
        return first_record_entries(self.store.data.embedding_dict, kept.get)

    def write(self, record: SpaceRecord | None) -> None:
        """Write the record on every node."""
        kept = self.store.data.metadata_dict or {}  # one from before LlamaIndex kept metadata may have None
        for node_id in self.store.data.embedding_dict:
            kept[node_id] = with_record(kept.get(node_id), record)
        self.store.data.metadata_dict = kept

    def check_persisting(self, path: str, fs: AbstractFileSystem | None) -> None:
        """Refuse to persist the store over one of another space, which another process may have put there."""
        mine = self.state().record
        there = _persisted(path, fs) if mine is not None else None
        if mine is None or there is None or (there.space, there.made) in self._earlier:
            return
        if not there.space.fits(mine.space):
            raise would_replace(path, there.space, mine.space)

    def sample(self, number: int) -> list[Sample]:
        """Texts of the docstore and their vectors, evenly over the store; none without a docstore."""
        if self.docstore is None:
            return []
        vectors = list(self.store.data.embedding_dict.items())
        chosen = dict(vectors[position] for position in spread(len(vectors), number))
        nodes = self.docstore.get_nodes(list(chosen), raise_error=False)
        return [(node.get_content(MetadataMode.EMBED), chosen[node.node_id]) for node in nodes]
