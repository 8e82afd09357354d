"""`TurnoutIndex`: a named index as a LangChain vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import SettingsError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import aembed_all, refuse_options
from turnout.index.guard.checks import CHANGED
from turnout.index.named import Index, Status
from turnout.langchain.embeddings import TurnoutEmbeddings
from turnout.langchain.errors import langchain_errors
from turnout.langchain.guard import GuardedVectorStore
from turnout.langchain.searches import SearchMethods
from turnout.langchain.stores import VectorStoreCollection, new_chunks, open_collection
from turnout.langchain.stores.custom import KnownEmbeddings, OpenStore, custom_collection
from turnout.settings import Settings

if TYPE_CHECKING:
    from turnout.index.config import IndexConfig


class TurnoutIndex(SearchMethods, VectorStore):
    """A named index of the settings: the collection of the active backend's embedding space, found for each call.

    It keeps one collection for each space. A search goes to the collection of the space that the settings give at that
    moment; an add goes to that one and to those of the backends in `also`, each embedded by its own backend; a
    delete goes to all that there are. A collection that lacks documents is not searched.

    Args:
        name: The index, as `[index.<name>]` in the settings has it.
        backend: Another backend than the active one.
        settings: Settings, or the path of a settings file; left out, they are found.
        open: Opens a store of the application's own, for `store = "custom"`: given a collection's name and embeddings.

    Attributes:
        index: What it does, without a framework: `status()`, `fill()`.

    Raises:
        SettingsError: There is no such index.
        UnsupportedError: It is another framework's.

    Example:
        ```python
        from turnout.langchain import TurnoutIndex

        index = TurnoutIndex("docs")
        index.add_texts(["Keys are rotated in March."], ids=["keys"])
        found = index.as_retriever().invoke("When are keys rotated?")
        ```
    """

    def __init__(
        self,
        name: str,
        *,
        backend: str | None = None,
        settings: Settings | Path | str | None = None,
        open: OpenStore | None = None,  # noqa: A002 - what it does
    ) -> None:
        self._open_custom = open
        self.index = Index(name, self._open, settings, backend)
        index = self.index.config.settings
        if index.opened_with != "langchain":
            raise UnsupportedError(f"the index {name!r} is {index.opened_with}'s; use turnout.llama_index.TurnoutIndex")
        if (index.store == "custom") != (open is not None):
            msg = f"the index {name!r} has store = {index.store!r}; " + (
                "give open=, which opens its store" if open is None else 'open= is for store = "custom"'
            )
            raise SettingsError(msg)
        self._guarded: tuple[object, GuardedVectorStore] | None = None  # the collection that was searched last

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open: on the other side it is opened anew."""
        return {**vars(self), "_guarded": None}

    def _open(
        self, config: IndexConfig, backend: str | None, space: EmbeddingSpace, *, create: bool
    ) -> VectorStoreCollection[Any] | None:
        embeddings = _embeddings(config, backend or config.active)
        if self._open_custom is None:
            return open_collection(config.settings, config.name, space, create=create, embeddings=embeddings)
        name = config.collection_name(space)
        if not create and self.index.manifest.stamp(name) is None:
            return None
        known = KnownEmbeddings(embeddings)
        return custom_collection(self._open_custom(name, known), name, known, lambda: self.index.manifest)

    # --- searches

    def _guard(self, collection: Any) -> GuardedVectorStore:
        last = self._guarded
        if last is None or last[0] is not collection:
            guard = GuardedVectorStore(collection.store, name=collection.name)
            guard.check.strict = True
            last = self._guarded = collection, guard
        return last[1]

    @property
    def store(self) -> GuardedVectorStore:
        """The collection of the space that the settings give now, behind the guard.

        Raises:
            IndexBehindError: It lacks documents that the index has.
        """
        with langchain_errors():
            return self._guard(self.index.collection())

    async def astore(self) -> GuardedVectorStore:
        """`store` without blocking the event loop."""
        with langchain_errors():
            return self._guard(await self.index.acollection())

    @property
    def embeddings(self) -> Embeddings:
        """What queries are embedded with now."""
        spec = self.index.spec()
        return _embeddings(spec.config, spec.backend)

    @property
    def space(self) -> EmbeddingSpace:
        """The space that searches are in now."""
        return self.index.spec().space

    def _search(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Search the active space's collection."""
        try:
            found: list[Any] = getattr(self.store, method)(*args, **kwargs)
        except CHANGED:  # the collection isn't the one that was looked through
            self.index.distrust()
            found = getattr(self.store, method)(*args, **kwargs)
        return found

    async def _asearch(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        try:
            found: list[Any] = await getattr(await self.astore(), method)(*args, **kwargs)
        except CHANGED:
            await asyncio.to_thread(self.index.distrust)
            found = await getattr(await self.astore(), method)(*args, **kwargs)
        return found

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids, from the active space's collection."""
        with langchain_errors():
            found = self.index.collection().get(list(ids))
        return [Document(found[one].text, id=one, metadata=found[one].metadata) for one in ids if one in found]

    # --- changes

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts to the collections of the active space and of those in `also`.

        A text that is there already, with the same id and metadata, is neither embedded nor written again.

        Args:
            texts: The texts; none may be empty.
            metadatas: One for each text.
            ids: One for each text; left out, new ones.
            **kwargs: Not used, as LangChain's own stores don't: `index()` passes `batch_size` and `upsert_kwargs`.

        Returns:
            Their ids.

        Raises:
            ChunkRefusedError: The store can't hold a text as it is; nothing was added.
            IndexBehindError: The active space's collection lacks documents; nothing was added.
            ModelCallError: The active backend failed; nothing was added.
            PartialWriteError: They were added, but not to every listed space; the error says which is behind.
        """
        del kwargs
        chunks = new_chunks(texts, metadatas, ids)
        with langchain_errors():
            self.index.add(chunks)
        return [chunk.id for chunk in chunks]

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts` without blocking the event loop."""
        del kwargs
        chunks = new_chunks(texts, metadatas, ids)
        with langchain_errors():
            changes = await asyncio.to_thread(self.index.prepare, chunks)
            await aembed_all(changes)
            await asyncio.to_thread(self.index.commit, changes)
        return [chunk.id for chunk in chunks]

    def delete(self, ids: list[str] | None = None, *options: Any, **kwargs: Any) -> bool | None:
        """Delete documents from every collection that the index has.

        Args:
            ids: Their ids; None for all.
            *options: Other stores' options that select no documents, like `collection_only`; not used.
            **kwargs: The same by name.

        Raises:
            UnsupportedError: An option, like a filter, says which documents; nothing was deleted.
            PartialWriteError: A collection couldn't be changed; it is known as behind.
        """
        refuse_options([*options, *kwargs.values()])
        self.index.delete(ids)
        return True

    async def adelete(self, ids: list[str] | None = None, *options: Any, **kwargs: Any) -> bool | None:
        """`delete` without blocking the event loop."""
        return await asyncio.to_thread(self.delete, ids, *options, **kwargs)

    def status(self) -> list[Status]:
        """How far the collection of each backend's space is."""
        return self.index.status()

    def fill(self) -> None:
        """Fill the active space's collection from the others, with what it lacks.

        Raises:
            ModelCallError: The service failed; what was done is kept.
        """
        with langchain_errors():
            self.index.fill()

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Open an index and add texts to it.

        Args:
            texts: The texts.
            embedding: Not used: the index's settings name its embedding route.
            metadatas: One for each text.
            ids: One for each text.
            name: The index.
            **kwargs: As for the class.
        """
        del embedding
        if name is None:
            raise TypeError("name the index: TurnoutIndex.from_texts(texts, embeddings, name='docs')")
        index = cls(name, **kwargs)
        index.add_texts(texts, metadatas, ids=ids)
        return index


def _embeddings(config: IndexConfig, backend: str | None) -> TurnoutEmbeddings:
    return TurnoutEmbeddings(model=config.settings.embedding, backend=backend, settings=config.all_settings)
