"""LanceDB: the record is in the metadata of the table's column of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.collection import check_json, check_strings
from turnout.index.lancedb import LanceChunks, LanceRecordKeeper, LanceTable, one_of, open_table
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import NodeCollection, SpaceKeeper
from turnout.llama_index.stores.lance_table import LanceVectorStore
from turnout.settings import IndexSettings


class _LanceKeeper(LanceRecordKeeper, SpaceKeeper):
    """A table of chunks."""

    def __init__(self, store: LanceVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        return self.store.client.name

    @property
    def place(self) -> str:
        return self.store.client.folder

    def table(self) -> Any | None:
        return self.store.client.latest()

    def text(self, row: Mapping[str, Any]) -> str:
        return str(row["text"] or "")


class _LanceCollection(LanceChunks, NodeCollection):
    """A table of a named index."""

    vector_store: LanceVectorStore

    def __init__(self, lance: LanceTable, name: str) -> None:
        self.lance = lance
        store = LanceVectorStore(lance)
        NodeCollection.__init__(self, store, _LanceKeeper(store), name)

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        check_json(chunk, metadata, self.name)
        check_strings(chunk, metadata, self.name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        del chunks
        self.vector_store.add(nodes)

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        self.lance.latest()
        return [row.chunk.id for row in self.lance.rows(one_of("document", ref_doc_ids))] if ref_doc_ids else []


def _open(index: IndexSettings, name: str, space: EmbeddingSpace, create: bool) -> _LanceCollection | None:
    lance = open_table(index, name, space.dimensions or 0, create=create)
    return _LanceCollection(lance, name) if lance is not None else None


KIND = StoreKind(_LanceKeeper, _open)
