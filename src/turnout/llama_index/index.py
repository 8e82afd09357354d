"""`TurnoutIndex`: a named index as a LlamaIndex index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager
from llama_index.core.ingestion import arun_transformations, run_transformations
from llama_index.core.schema import BaseNode, Document, IndexNode, TransformComponent

from turnout.index.named import Index, Status
from turnout.llama_index.documents import Update, batches, compare
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
        objects: Nodes that stand for something else, like another index's retriever, to insert.
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
        self,
        name: str,
        *,
        backend: str | None = None,
        settings: SettingsField = None,
        objects: Sequence[IndexNode] | None = None,
        **options: Any,
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
        if objects:
            self.insert_nodes(objects)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        storage_context: StorageContext | None = None,
        show_progress: bool = False,
        callback_manager: CallbackManager | None = None,
        transformations: list[TransformComponent] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> Self:
        """Open an index and insert documents, each in place of the version that is there under its id.

        Args:
            documents: The documents.
            storage_context: None: a named index has its own.
            show_progress: As for `VectorStoreIndex`.
            callback_manager: As for `VectorStoreIndex`.
            transformations: As for `VectorStoreIndex`.
            name: The index.
            **options: As for the class.
        """
        if name is None:
            raise TypeError("name the index: TurnoutIndex.from_documents(documents, name='docs')")
        if storage_context is not None:
            raise TypeError("a named index has a storage context of its own; its settings say where its store is")
        index = cls(
            name,
            show_progress=show_progress,
            callback_manager=callback_manager,
            transformations=transformations,
            **options,
        )
        index.refresh_ref_docs(documents)
        return index

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
        self._validate_serializable(nodes)  # which keeps what they stand for and can't be stored
        with self._callback_manager.as_trace("insert_nodes"):
            self._store.add(nodes, **insert_kwargs)

    async def ainsert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """`insert_nodes` without blocking the event loop."""
        self._validate_serializable(nodes)
        with self._callback_manager.as_trace("ainsert_nodes"):
            await self._store.async_add(nodes, **insert_kwargs)

    def insert(self, document: Document, **insert_kwargs: Any) -> None:
        """Insert a document, in place of the version that is there under its id.

        The older version's nodes are deleted when the new ones are there. What hasn't changed is neither embedded nor
        written again. Nodes without text are left out, as LlamaIndex does when it builds an index.

        Raises:
            TurnoutError: As for `insert_nodes`; the older version is still there.
        """
        with self._callback_manager.as_trace("insert"):
            self._put([document], insert_kwargs)

    async def ainsert(self, document: Document, **insert_kwargs: Any) -> None:
        """`insert` without blocking the event loop."""
        with self._callback_manager.as_trace("ainsert"):
            await self._aput([document], insert_kwargs)

    def update_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """`insert`, which takes the place of the older version: nothing is deleted before the new one is there."""
        self.insert(document, **update_kwargs.get("insert_kwargs", {}))

    async def aupdate_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """`update_ref_doc` without blocking the event loop."""
        await self.ainsert(document, **update_kwargs.get("insert_kwargs", {}))

    def refresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Insert documents that are new or have changed, many at once.

        Returns:
            For each, whether it was.

        Raises:
            TurnoutError: As for `insert_nodes`; documents that weren't written keep their older versions.
        """
        changed: list[bool] = []
        with self._callback_manager.as_trace("refresh_ref_docs"):
            for some in batches(documents):
                changed += self._put(some, update_kwargs.get("insert_kwargs", {}))
        return changed

    async def arefresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """`refresh_ref_docs` without blocking the event loop."""
        changed: list[bool] = []
        with self._callback_manager.as_trace("arefresh_ref_docs"):
            for some in batches(documents):
                changed += await self._aput(some, update_kwargs.get("insert_kwargs", {}))
        return changed

    def _put(self, documents: Sequence[Document], options: dict[str, Any]) -> list[bool]:
        """Write documents' nodes, then delete those of older versions; for each, whether anything was different."""
        updates: list[Update] = []
        before = self._store.of_documents([document.id_ for document in documents])
        for document in documents:
            nodes = run_transformations([document], self._transformations, **self._with_progress(options))
            updates.append(compare(before[document.id_], nodes))
        if nodes := [node for update in updates if update.inserts for node in update.nodes]:
            self.insert_nodes(nodes, **options)
        if outdated := [node_id for update in updates for node_id in update.outdated]:
            self._store.delete_nodes(outdated)
        return [update.inserts or bool(update.outdated) for update in updates]

    async def _aput(self, documents: Sequence[Document], options: dict[str, Any]) -> list[bool]:
        updates: list[Update] = []
        before = await asyncio.to_thread(self._store.of_documents, [document.id_ for document in documents])
        for document in documents:
            nodes = await arun_transformations([document], self._transformations, **self._with_progress(options))
            updates.append(compare(before[document.id_], nodes))
        if nodes := [node for update in updates if update.inserts for node in update.nodes]:
            await self.ainsert_nodes(nodes, **options)
        if outdated := [node_id for update in updates for node_id in update.outdated]:
            await self._store.adelete_nodes(outdated)
        return [update.inserts or bool(update.outdated) for update in updates]

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
