"""`TurnoutIndex`: a named index as a LangChain vector store."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import ModelCallError, SettingsError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.changes import Change, refuse_options
from turnout.index.chunks import Item
from turnout.index.guard.checks import CHANGED
from turnout.index.named import Index, Status
from turnout.langchain.embeddings import TurnoutEmbeddings
from turnout.langchain.errors import as_langchain
from turnout.langchain.indexes.own import GivenEmbeddings, OpenStore, own_collection
from turnout.langchain.reindexing import Collection, open_collection
from turnout.langchain.stores import GuardedVectorStore
from turnout.langchain.stores.searches import SearchMethods
from turnout.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from turnout.index.migration.named import NamedIndex

Found = TypeVar("Found")


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
        self._open_own = open
        self.index = Index(name, self._collection, settings, backend)
        said = self.index.place().index.settings
        if said.opened_with != "langchain":
            msg = f"the index {name!r} is {said.opened_with}'s; use turnout.llama_index.TurnoutIndex"
            raise UnsupportedError(msg)
        if (said.store == "custom") != (open is not None):
            msg = f"the index {name!r} has store = {said.store!r}; " + (
                "give open=, which opens its store" if open is None else 'open= is for store = "custom"'
            )
            raise SettingsError(msg)
        self._guards: tuple[Collection[Any], GuardedVectorStore] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what is open: on the other side it is opened anew."""
        return {**vars(self), "_guards": None}

    def _collection(
        self, index: NamedIndex, backend: str | None, space: EmbeddingSpace, *, create: bool
    ) -> Collection[Any] | None:
        embeddings = TurnoutEmbeddings(
            model=index.settings.embedding, backend=backend or index.active, settings=index.all
        )
        if self._open_own is None:
            return open_collection(index.settings, index.name, space, create=create, embeddings=embeddings)
        called = index.called(space)
        if not create and self.index.manifest.stamp(called) is None:
            return None
        given = GivenEmbeddings(embeddings)
        return own_collection(self._open_own(called, given), called, given, lambda: self.index.manifest)

    # --- searches

    def _guard(self, collection: Any) -> GuardedVectorStore:
        held = self._guards
        if held is None or held[0] is not collection:
            guard = GuardedVectorStore(collection.store, name=collection.name)
            guard.check.strict = True
            held = self._guards = collection, guard
        return held[1]

    @property
    def store(self) -> GuardedVectorStore:
        """The collection of the space that the settings give now, behind the guard.

        Raises:
            IndexBehindError: It lacks documents that the index has.
        """
        with _as_langchain():
            return self._guard(self.index.home())

    async def astore(self) -> GuardedVectorStore:
        """`store` without blocking the event loop."""
        with _as_langchain():
            return self._guard(self.index.at_hand() or await asyncio.to_thread(self.index.home))

    @property
    def embeddings(self) -> Embeddings:
        """What queries are embedded with now."""
        place = self.index.place()
        return TurnoutEmbeddings(model=place.index.settings.embedding, backend=place.backend, settings=place.index.all)

    @property
    def space(self) -> EmbeddingSpace:
        """The space that searches are in now."""
        return self.index.place().space

    def _search(self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any) -> Any:
        """Search the active space's collection.

        Raises:
            IndexBehindError: It lacks documents; nothing was searched.
        """
        del vector  # the guard sees it for itself
        return self._asked(lambda store: getattr(store, method)(*args, **kwargs))

    async def _asearch(self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any) -> Any:
        """`_search` without blocking the event loop."""
        del vector
        return await self._aasked(lambda store: getattr(store, method)(*args, **kwargs))

    def _asked(self, ask: Callable[[GuardedVectorStore], Found]) -> Found:
        """What the active collection answers; opened and looked through anew if it isn't the one that it was."""
        try:
            return ask(self.store)
        except CHANGED:
            self.index.distrust()
            return ask(self.store)

    async def _aasked(self, ask: Callable[[GuardedVectorStore], Awaitable[Found]]) -> Found:
        try:
            return await ask(await self.astore())
        except CHANGED:
            await asyncio.to_thread(self.index.distrust)
            return await ask(await self.astore())

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids, from the active space's collection."""
        with _as_langchain():
            found = self.index.home().get(list(ids))
        return [Document(found[one].text, id=one, metadata=found[one].metadata) for one in ids if one in found]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids` without blocking the event loop."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    # --- changes

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
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
        items = _items(texts, metadatas, ids, kwargs)
        with _as_langchain():
            self.index.add(items)
        return [item.id for item in items]

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts` without blocking the event loop."""
        items = _items(texts, metadatas, ids, kwargs)
        with _as_langchain():
            changes = await asyncio.to_thread(self.index.prepare, items)
            await Change.aembed_all(changes)
            await asyncio.to_thread(self.index.commit, changes)
        return [item.id for item in items]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete documents from every collection that the index has.

        Args:
            ids: Their ids; None for all.
            **kwargs: None; LangChain's signature has it.

        Raises:
            PartialWriteError: A collection couldn't be changed; it is known as behind.
        """
        refuse_options(kwargs)
        self.index.delete(ids)
        return True

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """`delete` without blocking the event loop."""
        return await asyncio.to_thread(self.delete, ids, **kwargs)

    def status(self) -> list[Status]:
        """How far the collection of each backend's space is."""
        return self.index.status()

    def fill(self) -> None:
        """Fill the active space's collection from the others, with what it lacks.

        Raises:
            ModelCallError: The service failed; what was done is kept.
        """
        with _as_langchain():
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
            msg = "name the index: TurnoutIndex.from_texts(texts, embeddings, name='docs')"
            raise TypeError(msg)
        made = cls(name, **kwargs)
        made.add_texts(texts, metadatas, ids=ids)
        return made


def _items(
    texts: Iterable[str],
    metadatas: Sequence[dict[str, Any]] | None,
    ids: Sequence[str | None] | None,
    rest: dict[str, Any],
) -> list[Item]:
    del rest
    listed = list(texts)
    for what, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(listed):
            msg = f"there are {len(listed)} texts and {len(given)} {what}"
            raise ValueError(msg)
    return [
        Item(found or str(uuid.uuid4()), text, dict(metadata or {}))
        for text, metadata, found in zip(
            listed, metadatas or [{}] * len(listed), ids or [None] * len(listed), strict=True
        )
    ]


@contextmanager
def _as_langchain() -> Iterator[None]:
    try:
        yield
    except ModelCallError as error:
        raise as_langchain(error) from error.__cause__
