"""LanceDB: the record is in the metadata of the table's column of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from turnout.index.collection import check_json, check_strings
from turnout.index.lancedb import LanceChunks, LanceRecordKeeper, open_table
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import SpaceKeeper, VectorStoreCollection
from turnout.langchain.stores.lance_table import LanceVectorStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk
    from turnout.settings import IndexSettings


class _LanceKeeper(LanceRecordKeeper, SpaceKeeper):
    """A table of chunks."""

    has_embeddings: ClassVar[bool] = False

    def __init__(self, store: LanceVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        return self.store.lance.name

    @property
    def place(self) -> str:
        return self.store.lance.folder

    def table(self) -> Any | None:
        return self.store.lance.latest()

    def text(self, row: Mapping[str, Any]) -> str:
        return str(row["text"] or "")


class _LanceCollection(LanceChunks, VectorStoreCollection[LanceVectorStore]):
    """A table of a named index."""

    def __init__(self, store: LanceVectorStore, keeper: SpaceKeeper, name: str) -> None:
        self.lance = store.lance
        VectorStoreCollection.__init__(self, store, keeper, name)

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        for chunk in chunks:
            check_json(chunk, chunk.metadata, self.name)
            check_strings(chunk, chunk.metadata, self.name)
        return list(chunks)

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        self.lance.write(chunks, metadatas, [None] * len(chunks))


def _open(
    index: IndexSettings, name: str, space: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _LanceCollection | None:
    lance = open_table(index, name, space.dimensions or 0, create=create)
    if lance is None:
        return None
    store = LanceVectorStore(lance, embeddings)
    return _LanceCollection(store, _LanceKeeper(store), name)


KIND = StoreKind(_LanceKeeper, _open, _LanceCollection)
