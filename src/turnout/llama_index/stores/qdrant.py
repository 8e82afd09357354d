"""LlamaIndex's `QdrantVectorStore`: the record is in the collection's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from llama_index.vector_stores.qdrant import QdrantVectorStore

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.qdrant import QdrantChunks, QdrantRecordKeeper, chunk_id, client_of, point_id
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import PREFETCH, NodeCollection, SpaceKeeper, on_thread, to_chunk
from turnout.llama_index.stores.upstream import (
    create_qdrant_collection,
    is_qdrant_collection_made,
    qdrant_async_client,
)
from turnout.settings import IndexSettings

_DOCUMENT = "doc_id"  # under which LlamaIndex's class keeps a node's document, and looks for it


class _QdrantKeeper(QdrantRecordKeeper, SpaceKeeper):
    """Keeps the record of a store with either client, or both."""

    store: QdrantVectorStore

    @property
    def async_client(self) -> Any:
        return qdrant_async_client(self.store)

    @property
    def vector_name(self) -> str:
        return self.store.dense_vector_name

    @property
    def unmade(self) -> bool:
        return not is_qdrant_collection_made(self.store)

    def create(self, dimensions: int) -> None:
        create_qdrant_collection(self.store, dimensions)

    async def acreate(self, dimensions: int) -> None:
        if self.async_client is None:
            await super().acreate(dimensions)
        else:
            await create_qdrant_collection(self.store, dimensions, asynchronous=True)

    def text(self, point: Any) -> str:
        return node_of(self.store, point).get_content(MetadataMode.EMBED)


def node_of(store: QdrantVectorStore, point: Any) -> BaseNode:
    """The node that a store makes of a point."""
    [node] = store.parse_to_query_result([point]).nodes or ()
    return node


class _NamedQdrant(QdrantVectorStore):
    """A `QdrantVectorStore` that knows nodes by their ids, whatever ids Qdrant takes for points."""

    def __init__(self, name: str, client: Any) -> None:
        super().__init__(name, client=client)

    def parse_to_query_result(self, response: list[Any]) -> VectorStoreQueryResult:
        found = super().parse_to_query_result(response)
        found.ids = [chunk_id(point) for point in response]
        return found

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        query = replace(query, node_ids=_points(query.node_ids))
        search = self._diverse if query.mode == VectorStoreQueryMode.MMR else super().query
        return search(query, **kwargs)

    def _diverse(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search by marginal relevance, which LlamaIndex's class leaves out."""
        from qdrant_client import models

        threshold = query.mmr_threshold if query.mmr_threshold is not None else kwargs.get("mmr_threshold", 0.5)
        mmr = models.Mmr(diversity=1 - threshold, candidates_limit=PREFETCH * query.similarity_top_k)
        found = self.client.query_points(
            self.collection_name,
            query=models.NearestQuery(nearest=query.query_embedding or [], mmr=mmr),
            using=self.dense_vector_name,
            limit=query.similarity_top_k,
            query_filter=self._build_query_filter(query),
        )
        return self.parse_to_query_result(found.points)

    def get_nodes(self, node_ids: list[str] | None = None, *args: Any, **kwargs: Any) -> list[BaseNode]:
        return super().get_nodes(_points(node_ids), *args, **kwargs)

    # Those of LlamaIndex want an asynchronous client, which is one event loop's, and which a folder can't have besides.
    async_add, adelete = on_thread(QdrantVectorStore.add), on_thread(QdrantVectorStore.delete)
    adelete_nodes, aclear = on_thread(QdrantVectorStore.delete_nodes), on_thread(QdrantVectorStore.clear)
    aget_nodes, aquery = on_thread(get_nodes), on_thread(query)


def _points(node_ids: list[str] | None) -> Any:
    return None if node_ids is None else [point_id(one) for one in node_ids]


class _QdrantCollection(QdrantChunks, NodeCollection):
    """A collection of a named index, read and written through Qdrant's client."""

    vector_store: QdrantVectorStore

    def __init__(self, client: Any, name: str) -> None:
        store = _NamedQdrant(name, client)
        NodeCollection.__init__(self, store, _QdrantKeeper(store), name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        self.upsert(chunks, [node_to_metadata_dict(node) for node in nodes])

    def _chunk_of(self, point: Any) -> Chunk:
        return to_chunk(node_of(self.vector_store, point))

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        from qdrant_client import models

        match = models.FieldCondition(key=_DOCUMENT, match=models.MatchAny(any=list(ref_doc_ids)))
        return list(map(chunk_id, self._scroll(models.Filter(must=[match]))))


def _open(index: IndexSettings, name: str, space: EmbeddingSpace, create: bool) -> _QdrantCollection | None:
    client = client_of(index, name, space.dimensions or 0, create=create, indexed=_DOCUMENT)
    return _QdrantCollection(client, name) if client is not None else None


KIND = StoreKind(_QdrantKeeper, _open)
