"""A named index as a LlamaIndex vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores import MetadataFilters, VectorStoreQuery, VectorStoreQueryResult
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import Change, aembed_all, embed_all, refuse_options
from turnout.index.config import IndexConfig
from turnout.index.guard.checks import CHANGED
from turnout.index.named import Index
from turnout.llama_index.embedding import TurnoutEmbedding
from turnout.llama_index.guard import GuardedVectorStore
from turnout.llama_index.stores import open_collection
from turnout.llama_index.stores.base import NodeCollection, to_chunk, to_node
from turnout.llama_index.vectors import spaces_of
from turnout.settings.fields import SettingsField


class TurnoutIndexStore(BasePydanticVectorStore):
    """The collection of the active backend's embedding space, found for each call; arguments as for `TurnoutIndex`."""

    _index: Index

    def __init__(self, name: str, *, backend: str | None = None, settings: SettingsField = None) -> None:
        super().__init__(stores_text=True, is_embedding_query=True)
        self._index = Index(name, _open, settings, backend)
        if self._index.config.settings.opened_with != "llama_index":
            msg = (
                f"the index {name!r} is opened with LangChain: use turnout.langchain.TurnoutIndex, or set "
                f'framework = "llama_index" in [index.{name}]'
            )
            raise UnsupportedError(msg)

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "TurnoutIndexStore"

    @property
    def index(self) -> Index:
        """What it does, without a framework."""
        return self._index

    @property
    def client(self) -> Any:
        """The active collection's client."""
        return self._collection().vector_store.client

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes to the collections of the active space and of those in `also`; errors as for `insert_nodes`.

        A vector that `TurnoutEmbedding` made is taken by the collection of its space; the others are made here.
        """
        del kwargs  # LlamaIndex passes on what other stores take
        changes = self._changes(nodes)
        embed_all(changes)
        self._index.commit(changes)
        return [node.node_id for node in nodes]

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` without blocking the event loop."""
        del kwargs
        changes = await asyncio.to_thread(self._changes, nodes)
        await aembed_all(changes)
        await asyncio.to_thread(self._index.commit, changes)
        return [node.node_id for node in nodes]

    def _changes(self, nodes: Sequence[BaseNode]) -> list[Change]:
        changes = self._index.prepare([to_chunk(node.model_copy(update={"embedding": None})) for node in nodes])
        vectors = {node.node_id: (node.embedding, spaces_of(node.embedding)) for node in nodes if node.embedding}
        for change in changes:
            space = change.spec.space
            change.use_vectors({node_id: vector for node_id, (vector, spaces) in vectors.items() if space in spaces})
        return changes

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search the collection of the query's space, if it lacks no nodes."""
        query = _over_all_nodes(query)
        collection = self._collection(query)
        try:
            found = collection.guard.query(query, **kwargs)
        except CHANGED:
            self._index.distrust()
            collection = self._collection(query)
            found = collection.guard.query(query, **kwargs)
        return _with_nodes(found, collection)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` without blocking the event loop."""
        query = _over_all_nodes(query)
        collection = cast("NodeCollection", await self._index.acollection(self._space(query)))
        try:
            found = await collection.guard.aquery(query, **kwargs)
        except CHANGED:
            await asyncio.to_thread(self._index.distrust)
            collection = await asyncio.to_thread(self._collection, query)
            found = await collection.guard.aquery(query, **kwargs)
        if found.nodes is not None:
            return found
        return await asyncio.to_thread(_with_nodes, found, collection)

    def _collection(self, query: VectorStoreQuery | None = None) -> NodeCollection:
        return cast("NodeCollection", self._index.collection(None if query is None else self._space(query)))

    def _space(self, query: VectorStoreQuery) -> EmbeddingSpace | None:
        """The space of a query's vector: settings that change between its embedding and the search don't matter."""
        spaces = spaces_of(query.query_embedding) if query.query_embedding else frozenset()
        if not spaces or self._index.spec().space in spaces:
            return None
        return min(spaces, key=str)

    def of_documents(self, ref_doc_ids: Sequence[str]) -> dict[str, list[BaseNode]]:
        """The nodes of each document, those too that are left of another version of it."""
        collection = self._collection()
        found: dict[str, list[BaseNode]] = {ref_doc_id: [] for ref_doc_id in ref_doc_ids}
        for node in self._nodes(collection.of_documents(ref_doc_ids), collection):
            if (document := node.ref_doc_id) in found:
                found[document].append(node)
        return found

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes from every collection that the index has."""
        self.delete_nodes(self._collection().of_documents([ref_doc_id]), **delete_kwargs)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """`delete` without blocking the event loop."""
        await asyncio.to_thread(self.delete, ref_doc_id, **delete_kwargs)

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes from every collection that the index has, by id or by metadata of the active collection.

        Stores understand filters differently: the active one says which nodes they are.
        """
        refuse_options(delete_kwargs.values())
        if filters is not None:
            node_ids = self._collection().matching(filters, node_ids)
        if node_ids:
            self._index.delete(node_ids)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """`delete_nodes` without blocking the event loop."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **delete_kwargs)

    def clear(self) -> None:
        """Delete all nodes of every collection."""
        self._index.delete(None)

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        await asyncio.to_thread(self.clear)

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes of the active space's collection, by id or metadata."""
        collection = self._collection()
        if filters is not None:
            node_ids = collection.matching(filters, node_ids)
        return self._nodes(node_ids or [], collection)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` without blocking the event loop."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    @staticmethod
    def _nodes(node_ids: list[str], collection: NodeCollection) -> list[BaseNode]:
        return [to_node(chunk) for chunk in collection.get(node_ids).values()]


def _open(config: IndexConfig, backend: str | None, space: EmbeddingSpace, *, create: bool) -> NodeCollection | None:
    collection = open_collection(config.settings, config.name, space, create=create)
    if collection is not None:
        model = TurnoutEmbedding(
            config.settings.embedding, backend=backend or config.active, settings=config.all_settings
        )
        made = collection  # not None for mypy in the lambda
        made.open_guard = lambda: GuardedVectorStore(made.vector_store, model, name=made.name, strict=True)
    return collection


def _over_all_nodes(query: VectorStoreQuery) -> VectorStoreQuery:
    """The query without an empty list of nodes, which a retriever takes from its index structure."""
    return query if query.node_ids else replace(query, node_ids=None)


def _with_nodes(found: VectorStoreQueryResult, collection: NodeCollection) -> VectorStoreQueryResult:
    """What a search found, with the nodes of a store that gives ids alone."""
    if found.nodes is None and found.ids:
        chunks = collection.get(found.ids)
        found.nodes = [to_node(chunks[node_id]) for node_id in found.ids]
    return found
