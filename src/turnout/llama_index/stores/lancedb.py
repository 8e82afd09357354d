"""LanceDB, as a table of chunks or as `LanceDBVectorStore`: the record is in the metadata of its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import EmbeddedChunk
from turnout.index.lancedb import VECTOR, LanceChunks, LanceRecordKeeper, LanceTable, one_of, open_table
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import NodeCollection, SpaceKeeper
from turnout.llama_index.stores.lance_table import LanceVectorStore
from turnout.llama_index.stores.upstream import lancedb_table
from turnout.settings import IndexSettings


class _LanceKeeper(LanceRecordKeeper, SpaceKeeper):
    """A table of chunks, or that of a `LanceDBVectorStore`, which makes it with its first nodes.

    The latter searches it as it was when this looked at it last.
    """

    unchecked: ClassVar[frozenset[str]] = frozenset({"create_index"})


def _keeper(store: Any) -> _LanceKeeper:
    if isinstance(store, LanceVectorStore):
        return _LanceKeeper.of_table(store.client)

    def table() -> Any | None:
        found = lancedb_table(store)[1]
        return None if found is None else LanceTable(found).latest()

    name, _ = lancedb_table(store)
    return _LanceKeeper(name, str(store.client.uri), table, _text, store.vector_column_name or VECTOR)


def _text(row: Mapping[str, Any]) -> str:
    return metadata_dict_to_node(row["metadata"]).get_content(MetadataMode.EMBED)


class _LanceCollection(LanceChunks, NodeCollection):
    """A table of a named index."""

    vector_store: LanceVectorStore

    def __init__(self, lance: LanceTable, name: str) -> None:
        self.lance = lance
        NodeCollection.__init__(self, LanceVectorStore(lance), _LanceKeeper.of_table(lance), name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        del chunks
        self.vector_store.add(nodes)

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        return [row.chunk.id for row in self.lance.rows(one_of("document", ref_doc_ids))] if ref_doc_ids else []


def _open(index: IndexSettings, name: str, space: EmbeddingSpace, create: bool) -> _LanceCollection | None:
    lance = open_table(index, name, space.dimensions or 0, create=create)
    return _LanceCollection(lance, name) if lance is not None else None


KIND = StoreKind(_keeper, _open)
