"""LanceDB, as a table of chunks or as langchain-community's `LanceDB`: the record is in the metadata of its vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import EmbeddingSpaceError
from turnout.index.lancedb import LanceChunks, LanceRecordKeeper, open_table
from turnout.index.store_kinds import StoreKind
from turnout.langchain.stores import SpaceKeeper, VectorStoreCollection
from turnout.langchain.stores.lance_table import LanceVectorStore
from turnout.langchain.upstream import lancedb_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import EmbeddedChunk
    from turnout.settings import IndexSettings


class _LanceKeeper(LanceRecordKeeper, SpaceKeeper):
    """A table of chunks, or the table that a `LanceDB` opens for each call and makes with its first texts."""

    has_embeddings: ClassVar[bool] = False


def _keeper(store: Any) -> _LanceKeeper:
    if isinstance(store, LanceVectorStore):
        return _LanceKeeper.of_table(store.lance)
    name, vectors, texts, place = lancedb_names(store)
    if store.mode == "overwrite":
        fix = "LanceDB(…, mode='append')"
        msg = (
            f"the LanceDB {name!r} has mode='overwrite', LangChain's default: each time that texts are added, they "
            f"replace all that is there, the record of their space too. Use {fix}"
        )
        raise EmbeddingSpaceError(msg, index=name, fix=fix)
    return _LanceKeeper(name, place, store.get_table, lambda row: str(row[texts] or ""), vectors)


class _LanceCollection(LanceChunks, VectorStoreCollection[LanceVectorStore]):
    """A table of a named index."""

    def __init__(self, store: LanceVectorStore, keeper: SpaceKeeper, name: str) -> None:
        self.lance = store.lance
        VectorStoreCollection.__init__(self, store, keeper, name)

    def put(self, chunks: Sequence[EmbeddedChunk], metadatas: list[dict[str, Any]]) -> None:
        self.lance.write(chunks, metadatas)


def _open(
    index: IndexSettings, name: str, space: EmbeddingSpace, create: bool, embeddings: Embeddings
) -> _LanceCollection | None:
    lance = open_table(index, name, space.dimensions or 0, create=create)
    if lance is None:
        return None
    store = LanceVectorStore(lance, embeddings)
    return _LanceCollection(store, _keeper(store), name)


def _collection(store: Any, keeper: SpaceKeeper, name: str) -> _LanceCollection | None:
    return _LanceCollection(store, keeper, name) if isinstance(store, LanceVectorStore) else None


KIND = StoreKind(_keeper, _open, _collection)
