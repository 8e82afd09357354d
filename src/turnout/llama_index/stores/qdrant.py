"""LlamaIndex's `QdrantVectorStore`: the record is in the collection's metadata."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from llama_index.vector_stores.qdrant import QdrantVectorStore

from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk
from turnout.index.qdrant import (
    QdrantChunks,
    QdrantRecordKeeper,
    check_payload,
    chunk_id,
    create_collection,
    point_id,
)
from turnout.index.qdrant_clients import FolderClient, ThreadedClient, open_client
from turnout.index.store_kinds import StoreKind
from turnout.llama_index.stores.base import PREFETCH, NodeCollection, SpaceKeeper, to_chunk
from turnout.llama_index.stores.upstream import (
    acreate_qdrant_collection,
    create_qdrant_collection,
    is_qdrant_collection_made,
    qdrant_async_client,
)
from turnout.settings import IndexSettings

_DOCUMENT = "doc_id"  # under which LlamaIndex's class keeps a node's document, and looks for it


class _QdrantKeeper(QdrantRecordKeeper, SpaceKeeper):
    """Keeps the record of a store with either client, or both."""

    def __init__(self, store: QdrantVectorStore) -> None:
        self.store = store

    @property
    def index(self) -> str:
        return self.store.collection_name

    @property
    def client(self) -> Any:
        return self.store.client

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
            await acreate_qdrant_collection(self.store, dimensions)

    def text(self, point: Any) -> str:
        return node_of(self.store, point).get_content(MetadataMode.EMBED)


def node_of(store: QdrantVectorStore, point: Any) -> BaseNode:
    """The node that a store makes of a point."""
    [node] = store.parse_to_query_result([point]).nodes or ()
    return node


class _NamedQdrant(QdrantVectorStore):
    """A `QdrantVectorStore` that knows nodes by their ids, whatever ids Qdrant takes for points."""

    def __init__(self, name: str, client: Any) -> None:
        on_threads: Any = ThreadedClient(client)
        super().__init__(name, client=client, aclient=on_threads)

    def parse_to_query_result(self, response: list[Any]) -> VectorStoreQueryResult:
        found = super().parse_to_query_result(response)
        found.ids = [chunk_id(point) for point in response]
        return found

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        query = _by_points(query)
        return (
            self._diverse(query, **kwargs) if query.mode == VectorStoreQueryMode.MMR else super().query(query, **kwargs)
        )

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        query = _by_points(query)
        if query.mode == VectorStoreQueryMode.MMR:
            return await asyncio.to_thread(self._diverse, query, **kwargs)
        return await super().aquery(query, **kwargs)

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

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, *args: Any, **kwargs: Any
    ) -> list[BaseNode]:
        return super().get_nodes(_points(node_ids), filters, *args, **kwargs)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, *args: Any, **kwargs: Any
    ) -> list[BaseNode]:
        return await super().aget_nodes(_points(node_ids), filters, *args, **kwargs)


def _by_points(query: VectorStoreQuery) -> VectorStoreQuery:
    return replace(query, node_ids=_points(query.node_ids))


def _points(node_ids: list[str] | None) -> Any:
    return None if node_ids is None else [point_id(one) for one in node_ids]


class _QdrantCollection(QdrantChunks, NodeCollection):
    """A collection of a named index, read and written through Qdrant's client."""

    vector_store: QdrantVectorStore

    def __init__(self, client: Any, name: str) -> None:
        store = _NamedQdrant(name, client)
        NodeCollection.__init__(self, store, _QdrantKeeper(store), name)

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        check_payload(chunk, metadata, self.name)

    def _replace(self, chunks: Sequence[EmbeddedChunk], nodes: list[BaseNode]) -> None:
        self.upsert(chunks, [node_to_metadata_dict(node) for node in nodes])

    def _chunk_of(self, point: Any) -> Chunk:
        return to_chunk(node_of(self.vector_store, point))

    def of_documents(self, ref_doc_ids: Sequence[str]) -> list[str]:
        from qdrant_client import models

        match = models.FieldCondition(key=_DOCUMENT, match=models.MatchAny(any=list(ref_doc_ids)))
        found: list[str] = []
        offset: Any = None
        while True:
            points, offset = self._client.scroll(
                self.keeper.index, scroll_filter=models.Filter(must=[match]), limit=PAGE, offset=offset
            )
            found += map(chunk_id, points)
            if offset is None:
                return found


def _open(index: IndexSettings, name: str, space: EmbeddingSpace, create: bool) -> _QdrantCollection | None:
    client = open_client(index, create=create)
    if client is None:
        return None
    if not client.collection_exists(name):
        if not create:
            return None
        create_collection(client, name, space.dimensions or 0)
        if not isinstance(client, FolderClient):  # a folder has no use for it
            client.create_payload_index(name, field_name=_DOCUMENT, field_schema="keyword")
    return _QdrantCollection(client, name)


KIND = StoreKind(_QdrantKeeper, _open)
