"""LlamaIndex's `LanceDBVectorStore`: the record is in the metadata of the table's column of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from llama_index.core.schema import MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node
from llama_index.vector_stores.lancedb import LanceDBVectorStore

from turnout.index.lancedb import LanceRecordKeeper, latest
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import SpaceKeeper
from turnout.llama_index.stores.upstream import lancedb_table


class _LanceDBKeeper(LanceRecordKeeper, SpaceKeeper):
    """A store that makes its table with its first nodes, and searches it as it was when this looked at it last."""

    unchecked: ClassVar[frozenset[str]] = frozenset({"create_index"})

    def __init__(self, store: LanceDBVectorStore) -> None:
        self.store = store
        self.vector_column = store.vector_column_name or self.vector_column

    @property
    def index(self) -> str:
        return lancedb_table(self.store)[0]

    @property
    def place(self) -> str:
        connection: Any = self.store.client  # LlamaIndex says that it is None
        return str(connection.uri)

    def table(self) -> Any | None:
        name, found = lancedb_table(self.store)
        return None if found is None else latest(found, name)

    def text(self, row: Mapping[str, Any]) -> str:
        return metadata_dict_to_node(row["metadata"]).get_content(MetadataMode.EMBED)


KIND = StoreKind(_LanceDBKeeper)
