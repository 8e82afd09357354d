"""A named index as a LlamaIndex vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from pydantic import PrivateAttr

from turnout.errors import UnsupportedError
from turnout.index.changes import Change, aembed_all, embed_all, refuse_options
from turnout.index.guard.checks import CHANGED
from turnout.index.named import Index
from turnout.llama_index.embedding import TurnoutEmbedding
from turnout.llama_index.reindexing import item_of, node_of, open_collection
from turnout.llama_index.stores import GuardedVectorStore
from turnout.llama_index.vectors import MADE
from turnout.settings import Settings

if TYPE_CHECKING:
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.config import IndexConfig


class NamedVectorStore(BasePydanticVectorStore):
    """The collection of the active backend's embedding space, found for each call.

    Args:
        name: The index, as `[index.<name>]` in the settings has it.
        backend: Another backend than the active one.
        settings: Settings, or the path of a settings file; left out, they are found.

    Raises:
        SettingsError: There is no such index.
        UnsupportedError: It is another framework's.
    """

    stores_text: bool = True
    is_embedding_query: bool = True

    _index: Index = PrivateAttr()
    _guard: tuple[Any, GuardedVectorStore] | None = PrivateAttr(default=None)

    def __init__(self, name: str, *, backend: str | None = None, settings: Settings | Path | str | None = None) -> None:
        super().__init__(stores_text=True, is_embedding_query=True)
        self._index = Index(name, _opened, settings, backend)
        said = self._index.config.settings
        if said.opened_with != "llama_index":
            msg = (
                f"the index {name!r} is opened with LangChain: use turnout.langchain.TurnoutIndex, or set "
                f'framework = "llama_index" in [index.{name}]'
            )
            raise UnsupportedError(msg)

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open: on the other side it is opened anew."""
        travelling = self.model_copy()  # the base class takes what doesn't pickle out of the object itself
        travelling._guard = None  # noqa: SLF001 - of its own copy
        return super(NamedVectorStore, travelling).__getstate__()

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "NamedVectorStore"

    @property
    def index(self) -> Index:
        """What it does, without a framework."""
        return self._index

    @property
    def client(self) -> Any:
        """The active collection's client."""
        return self._home().vector_store.client

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes to the collections of the active space and of those in `also`.

        Vectors that say the active space are taken as they are; other spaces' are made by their own backends.

        Args:
            nodes: The nodes.
            **kwargs: Not used: LlamaIndex passes on what other stores take.

        Raises:
            ChunkRefusedError: The store can't hold a node as it is; nothing was added.
            IndexBehindError: The active space's collection lacks nodes; nothing was added.
            ModelCallError: The active backend failed; nothing was added.
            PartialWriteError: They were added, but not to every listed space; the error says which is behind.
        """
        del kwargs  # for other stores
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
        bare = [node.model_copy(update={"embedding": None}) for node in nodes]
        changes = self._index.prepare([item_of(node) for node in bare])
        given = {node.node_id: (node.embedding, MADE.of(node.embedding)) for node in nodes if node.embedding}
        for change in changes:
            space = change.spec.space
            change.use_vectors({found: vector for found, (vector, spaces) in given.items() if space in spaces})
        return changes

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search the collection of the query's space.

        Raises:
            IndexBehindError: It lacks nodes; nothing was searched.
        """
        asked = _of_all(query)
        home = self._home(query)
        try:
            found = self._guarded(home).query(asked, **kwargs)
        except CHANGED:
            self._index.distrust()
            home = self._home(query)
            found = self._guarded(home).query(asked, **kwargs)
        return _whole(found, home)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` without blocking the event loop."""
        asked = _of_all(query)
        home: Any = self._index.ready_collection(self._space(query)) or await asyncio.to_thread(self._home, query)
        try:
            found = await self._guarded(home).aquery(asked, **kwargs)
        except CHANGED:
            await asyncio.to_thread(self._index.distrust)
            home = await asyncio.to_thread(self._home, query)
            found = await self._guarded(home).aquery(asked, **kwargs)
        return _whole(found, home) if found.nodes is not None else await asyncio.to_thread(_whole, found, home)

    def _home(self, query: VectorStoreQuery | None = None) -> Any:
        return self._index.collection(None if query is None else self._space(query))

    def _space(self, query: VectorStoreQuery) -> EmbeddingSpace | None:
        """The space of a query's vector: settings that change between its embedding and the search don't matter."""
        spaces = MADE.of(query.query_embedding) if query.query_embedding else frozenset()
        if not spaces or self._index.spec().space in spaces:
            return None
        return min(spaces, key=str)

    def _guarded(self, home: Any) -> GuardedVectorStore:
        held = self._guard
        if held is None or held[0] is not home:
            made = GuardedVectorStore(home.vector_store, home.embed_model, name=home.name)
            made._check.strict = True  # noqa: SLF001 - it is the guard of this store
            held = self._guard = home, made
        return held[1]

    def of_document(self, ref_doc_id: str) -> list[BaseNode]:
        """The nodes of a document, those too that are left of another version of it."""
        home = self._home()
        return [node_of(item) for item in home.get(home.of_document(ref_doc_id)).values()]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes from every collection that the index has."""
        refuse_options(delete_kwargs)
        found = self._home().of_document(ref_doc_id)
        if found:
            self._index.delete(found)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """`delete` without blocking the event loop."""
        await asyncio.to_thread(self.delete, ref_doc_id, **delete_kwargs)

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes by id from every collection that the index has.

        Raises:
            UnsupportedError: Filters were given: stores understand them differently.
        """
        refuse_options(delete_kwargs)
        if filters is not None:
            msg = "a named index deletes nodes by their ids; find them with get_nodes(filters=…)"
            raise UnsupportedError(msg)
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
        home = self._home()
        if filters is None:
            return [node_of(item) for item in home.get(list(node_ids or [])).values()]
        return self._guarded(home).get_nodes(node_ids, filters)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` without blocking the event loop."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)


def _opened(config: IndexConfig, backend: str | None, space: EmbeddingSpace, *, create: bool) -> Any:
    home: Any = open_collection(config.settings, config.name, space, create=create)
    if home is not None:
        home.embed_model = TurnoutEmbedding(
            config.settings.embedding, backend=backend or config.active, settings=config.all_settings
        )
    return home


def _of_all(query: VectorStoreQuery) -> VectorStoreQuery:
    """A query of all nodes, where a retriever lists those of its index structure, which is empty here."""
    return query if query.node_ids else replace(query, node_ids=None)


def _whole(found: VectorStoreQueryResult, home: Any) -> VectorStoreQueryResult:
    """What a search found, with the nodes of a store that gives ids alone."""
    if found.nodes is None and found.ids:
        items = home.get(found.ids)
        found.nodes = [node_of(items[one]) for one in found.ids]
    return found
