"""`TurnoutIndex`: a named index as a LlamaIndex index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.ingestion import arun_transformations, run_transformations
from llama_index.core.schema import BaseNode, Document, MetadataMode

from turnout.index.named import Index, Status
from turnout.llama_index.embedding import TurnoutEmbedding
from turnout.llama_index.index_store import TurnoutIndexStore
from turnout.settings.fields import SettingsField, portable_settings


class TurnoutIndex(VectorStoreIndex):
    """A named index of the settings: the collection of the active backend's embedding space, found for each call.

    It keeps one collection for each space. A search goes to the collection of the space that the settings give at that
    moment; an insert goes to that one and to those of the backends in `also`, each embedded by its own backend; a
    delete goes to all that there are. A collection that lacks nodes is not searched.

    Args:
        name: The index, as `[index.<name>]` in the settings has it.
        backend: Another backend than the active one.
        settings: Settings, or the path of a settings file; left out, they are found.
        **options: As for `VectorStoreIndex`, like `transformations`.

    Raises:
        SettingsError: There is no such index.
        UnsupportedError: It is another framework's.

    Example:
        ```python
        from llama_index.core import Document
        from turnout.llama_index import TurnoutIndex

        index = TurnoutIndex("docs")
        index.insert(Document(text="Keys are rotated in March.", id_="keys"))
        found = index.as_retriever().retrieve("When are keys rotated?")
        ```
    """

    def __init__(
        self, name: str, *, backend: str | None = None, settings: SettingsField = None, **options: Any
    ) -> None:
        self._arguments = {"backend": backend, "settings": settings, **options}
        self._store = TurnoutIndexStore(name, backend=backend, settings=settings)
        route = self._store.index.config.settings.embedding
        super().__init__(
            nodes=[],
            storage_context=StorageContext.from_defaults(vector_store=self._store),
            embed_model=TurnoutEmbedding(route, backend=backend, settings=settings),
            **options,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """By name: it is opened anew. Whole, it would take a splitter along, whose tokenizer is downloaded there."""
        arguments = {**self._arguments, "settings": portable_settings(self._arguments["settings"])}
        return partial(type(self), self._store.index.name, **arguments), ()

    def insert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """Insert nodes; those that are there already are neither embedded nor written again.

        Raises:
            ChunkRefusedError: The store can't hold a node as it is; nothing was added.
            IndexBehindError: The active space's collection lacks nodes; nothing was added.
            ModelCallError: The active backend failed; nothing was added.
            PartialWriteError: They were added, but not to every listed space; the error says which is behind.
        """
        with self._callback_manager.as_trace("insert_nodes"):
            self._store.add(nodes, **insert_kwargs)

    async def ainsert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """`insert_nodes` without blocking the event loop."""
        with self._callback_manager.as_trace("ainsert_nodes"):
            await self._store.async_add(nodes, **insert_kwargs)

    def insert(self, document: Document, **insert_kwargs: Any) -> None:
        """Insert a document, in place of the version that is there under its id.

        The older version's nodes are deleted when the new ones are there. What hasn't changed is neither embedded nor
        written again.

        Raises:
            TurnoutError: As for `insert_nodes`; the older version is still there.
        """
        with self._callback_manager.as_trace("insert"):
            self._put(document, insert_kwargs)

    async def ainsert(self, document: Document, **insert_kwargs: Any) -> None:
        """`insert` without blocking the event loop."""
        with self._callback_manager.as_trace("ainsert"):
            await self._aput(document, insert_kwargs)

    def update_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """`insert`, which takes the place of the older version: nothing is deleted before the new one is there."""
        self.insert(document, **update_kwargs.get("insert_kwargs", {}))

    async def aupdate_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """`update_ref_doc` without blocking the event loop."""
        await self.ainsert(document, **update_kwargs.get("insert_kwargs", {}))

    def refresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Insert documents that are new or have changed.

        Returns:
            For each, whether it was.
        """
        with self._callback_manager.as_trace("refresh_ref_docs"):
            return [self._put(document, update_kwargs.get("insert_kwargs", {})) for document in documents]

    async def arefresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """`refresh_ref_docs` without blocking the event loop."""
        with self._callback_manager.as_trace("arefresh_ref_docs"):
            return [await self._aput(document, update_kwargs.get("insert_kwargs", {})) for document in documents]

    def _put(self, document: Document, options: dict[str, Any]) -> bool:
        """Write a document's nodes, then delete those of an older version; whether anything was different."""
        nodes = run_transformations([document], self._transformations, **self._with_progress(options))
        nodes, outdated, inserts = _update(self._store.of_document(document.id_), nodes)
        if inserts:
            self.insert_nodes(nodes, **options)
        if outdated:
            self._store.delete_nodes(outdated)
        return inserts or bool(outdated)

    async def _aput(self, document: Document, options: dict[str, Any]) -> bool:
        nodes = await arun_transformations([document], self._transformations, **self._with_progress(options))
        nodes, outdated, inserts = _update(await asyncio.to_thread(self._store.of_document, document.id_), nodes)
        if inserts:
            await self.ainsert_nodes(nodes, **options)
        if outdated:
            await self._store.adelete_nodes(outdated)
        return inserts or bool(outdated)

    def _with_progress(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"show_progress": self._show_progress, **options}

    @property
    def index(self) -> Index:
        """What it does, without a framework."""
        return self._store.index

    def status(self) -> list[Status]:
        """How far the collection of each backend's space is."""
        return self.index.status()

    def fill(self) -> None:
        """Fill the active space's collection from the others, with what it lacks.

        Raises:
            ModelCallError: The service failed; what was done is kept.
        """
        self.index.fill()


def _update(before: Sequence[BaseNode], nodes: Sequence[BaseNode]) -> tuple[Sequence[BaseNode], list[str], bool]:
    """What changes when a document's nodes take the place of those that the index has of it.

    LlamaIndex gives nodes new ids each time that it cuts a document. A node that is there with the same text and
    metadata has the id that it has there, so that it isn't embedded again.

    Returns:
        The nodes with the ids that they have in the index; the ids of nodes that aren't the document's any more; and
        whether a node isn't in the index as it is now.
    """
    new_ids = {node.node_id for node in nodes}
    old = {node.node_id: node for node in before}
    ids_by_content: dict[tuple[str, str], list[str]] = {}
    for node_id in sorted(old.keys() - new_ids):
        ids_by_content.setdefault(_content(old[node_id]), []).append(node_id)
    ids: dict[str, str] = {}
    for node in nodes:
        known = ids_by_content.get(_content(node))
        if node.node_id not in old and known:
            ids[node.node_id] = known.pop(0)
    if ids:
        nodes = [_with_ids(node, ids) for node in nodes]
    outdated = sorted(old.keys() - {node.node_id for node in nodes})
    inserts = any(node.node_id not in old or old[node.node_id].to_dict() != node.to_dict() for node in nodes)
    return nodes, outdated, inserts


def _content(node: BaseNode) -> tuple[str, str]:
    return node.get_content(MetadataMode.EMBED), node.get_content(MetadataMode.ALL)


def _with_ids(node: BaseNode, ids: dict[str, str]) -> BaseNode:
    """A node with other ids for itself and its neighbours."""
    related: dict[Any, Any] = {}
    for kind, other in node.relationships.items():
        changed = [
            one.model_copy(update={"node_id": ids.get(one.node_id, one.node_id)})
            for one in (other if isinstance(other, list) else [other])
        ]
        related[kind] = changed if isinstance(other, list) else changed[0]
    return node.model_copy(update={"id_": ids.get(node.node_id, node.node_id), "relationships": related})
