"""`guarded(store)`: a vector store that is only ever searched with the embedding space that made it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import Adopt, SpaceCheck
from turnout.index.guard.records import with_record, without_record
from turnout.langchain.embeddings import TurnoutEmbeddings
from turnout.langchain.looking import Look
from turnout.langchain.stores.checks import StoreIO, some
from turnout.langchain.stores.keeper import keeper_of
from turnout.langchain.stores.searches import SearchMethods

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager

    from turnout.index.guard.records import SpaceRecord

Found = TypeVar("Found")

_INSERTS = ("add", "aadd", "update", "aupdate", "upsert", "aupsert", "merge", "insert")


def guarded(
    store: VectorStore,
    embeddings: Embeddings | None = None,
    *,
    adopt: Adopt = "refuse",
    name: str | None = None,
    space: EmbeddingSpace | str | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> GuardedVectorStore:
    """Guard a vector store: it is searched and written only with the embedding space that made it.

    Args:
        store: Any LangChain vector store.
        embeddings: What the store embeds with, for a store that doesn't say; otherwise checked to be that.
        adopt: What happens with an index that has vectors but no record of their space: `refuse` it, `trust` that it is
            the embeddings' own, or `verify` it by embedding a sample of its texts anew.
        name: What to call the index in errors and commands; left out, its collection's name.
        space: The space of embeddings that aren't turnout's, like `text-embedding-3-small/1536`.
        folder: Where a FAISS index was loaded from; its record is there.

    Raises:
        EmbeddingSpaceError: The store embeds with something else, or its record isn't as it was written.

    Example:
        ```python
        from langchain_core.vectorstores import InMemoryVectorStore
        from turnout.langchain import TurnoutEmbeddings, guarded

        store = guarded(InMemoryVectorStore(TurnoutEmbeddings()))
        store.add_texts(["Keys are rotated in March."])
        found = store.as_retriever().invoke("When are keys rotated?")
        ```
    """
    if isinstance(store, GuardedVectorStore):
        store = store.store
    return GuardedVectorStore(store, embeddings, adopt=adopt, name=name, space=space, folder=folder)


class GuardedVectorStore(SearchMethods, VectorStore):
    """A vector store behind a check of its embedding space; arguments as for `guarded`.

    It has all methods of the store that it wraps. Those that search or insert are checked first.

    Attributes:
        store: The store that it wraps. What is done there is not checked.
        check: The check.
    """

    def __init__(
        self,
        store: VectorStore,
        embeddings: Embeddings | None = None,
        *,
        adopt: Adopt = "refuse",
        name: str | None = None,
        space: EmbeddingSpace | str | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self.store = store
        keeper = keeper_of(store)
        self.check = SpaceCheck(keeper, adopt, name)
        self._embeddings = self._agreed(embeddings)
        self._io = StoreIO(store, self._embeddings)
        self._stated = EmbeddingSpace.parse(space) if isinstance(space, str) else space
        if self._stated is None and not hasattr(some(self._embeddings), "space"):
            fix = "guarded(store, space='model/dimensions')"
            msg = (
                f"{type(self._embeddings).__name__} doesn't say its embedding space; use TurnoutEmbeddings, or "
                f"name it: {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self.check.index, fix=fix)
        if folder is not None:
            load: Callable[[object], None] | None = getattr(keeper, "load", None)
            if load is None:
                msg = f"a {type(store).__name__} has no folder; its record is elsewhere"
                raise ValueError(msg)
            load(folder)

    def _agreed(self, given: Embeddings | None) -> Embeddings | None:
        own = self.store.embeddings
        if own is None and not self.check.keeper.has_embeddings:
            fix = f"give embeddings to {type(self.store).__name__}(…)"
            msg = f"the {type(self.store).__name__} {self.check.index!r} has no embeddings of its own: {fix}"
            raise EmbeddingSpaceError(msg, index=self.check.index, fix=fix)
        if own is not None and given is not None and own != given:
            fix = "give guarded(…) no embeddings, or those of the store"
            msg = (
                f"the store {self.check.index!r} embeds with its own {type(own).__name__}, which is not the "
                f"{type(given).__name__} that was given: {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self.check.index, fix=fix)
        return own if own is not None else given

    @property
    def embeddings(self) -> Embeddings | None:
        """What the store embeds with."""
        return self._embeddings

    @property
    def space(self) -> EmbeddingSpace:
        """The space that the embeddings have now."""
        if self._stated is not None:
            return self._stated
        found: EmbeddingSpace = self._embeddings.space  # type: ignore[union-attr]  # the constructor looked
        return found

    def _pinned(self) -> AbstractContextManager[object]:
        pinned: Callable[[], AbstractContextManager[object]] | None = getattr(self._embeddings, "pinned", None)
        return pinned() if pinned is not None else nullcontext()

    def _look(self, wanted: EmbeddingSpace, *, inserting: bool) -> Look | None:
        """The look to leave for the store, or for its embeddings; None if one before is enough, or they make none."""
        keeper = self.check.keeper
        at = self.store if keeper.transactional else self._embeddings
        if not keeper.shared or not (keeper.transactional or isinstance(at, TurnoutEmbeddings)):
            return None
        return Look(at, self.check, wanted, self._io, inserting=inserting)

    @contextmanager
    def _admitted(
        self, *, inserting: bool = False, vectors: Sequence[Sequence[float]] = (), embeds: bool = False
    ) -> Iterator[SpaceRecord]:
        """A search or an insert that the check lets through.

        Args:
            inserting: Whether vectors are added.
            vectors: Those that were given.
            embeds: Whether the store embeds a query first, so that the record is looked at after that and not before.
        """
        with self._pinned():
            wanted = self.space
            look = self._look(wanted, inserting=inserting)
            known = self.check.passed(wanted) if look is not None and (embeds or look.at is self.store) else None
            asked: dict[str, Any] = {"inserting": inserting, "vectors": vectors, "known": known}
            with (
                self.check.admitted(wanted, self._io, **asked) as record,
                nullcontext() if look is None else look.left(),
            ):
                yield record
                if look is not None and known is not None and not look.done:
                    look.run()

    @asynccontextmanager
    async def _aadmitted(
        self, *, inserting: bool = False, vectors: Sequence[Sequence[float]] = (), embeds: bool = False
    ) -> AsyncIterator[SpaceRecord]:
        """`_admitted` without blocking the event loop."""
        with self._pinned():
            wanted = self.space
            look = self._look(wanted, inserting=inserting)
            known = self.check.passed(wanted) if look is not None and (embeds or look.at is self.store) else None
            asked: dict[str, Any] = {"inserting": inserting, "vectors": vectors, "known": known}
            async with self.check.aadmitted(wanted, self._io, **asked) as record:
                with nullcontext() if look is None else look.left():
                    yield record
                    if look is not None and known is not None and not look.done:
                        await look.arun()

    def _handed(self, found: Found, space: EmbeddingSpace | None) -> Found:
        """What a search found, checked and without records, if the store has them on its documents."""
        if not self.check.keeper.stamps or not isinstance(found, list):
            return found
        documents = [item[0] if isinstance(item, tuple) else item for item in found]
        if not all(isinstance(document, Document) for document in documents):
            return found
        if space is not None:
            self.check.check_found(documents, space)
        clean = [document.model_copy(update={"metadata": without_record(document.metadata)}) for document in documents]
        handed: Any = [
            (document, *item[1:]) if isinstance(item, tuple) else document
            for document, item in zip(clean, found, strict=True)
        ]
        return handed  # type: ignore[no-any-return]  # the list has the form that it had

    def _search(self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any) -> Any:
        with self._admitted(vectors=() if vector is None else (vector,), embeds=vector is None) as record:
            return self._handed(getattr(self.store, method)(*args, **kwargs), record.space)

    async def _asearch(self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any) -> Any:
        async with self._aadmitted(vectors=() if vector is None else (vector,), embeds=vector is None) as record:
            return self._handed(await getattr(self.store, method)(*args, **kwargs), record.space)

    def _stamped(self, metadatas: Sequence[Any], record: SpaceRecord) -> list[dict[str, Any]]:
        if not self.check.keeper.stamps:
            return list(metadatas)
        return [with_record(metadata, record) for metadata in metadatas]

    def _documents(self, documents: Sequence[Document], record: SpaceRecord) -> list[Document]:
        if not self.check.keeper.stamps:
            return list(documents)
        return [
            document.model_copy(update={"metadata": with_record(document.metadata, record)}) for document in documents
        ]

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Embed texts and add them.

        Returns:
            Their ids.

        Raises:
            EmbeddingSpaceError: The index has another space; nothing was added.
        """
        listed = list(texts)
        if not listed:
            return []
        with self._admitted(inserting=True) as record:
            kwargs = self._with_ids(kwargs, ids)
            self.check.keeper.check_ids(_said(ids))
            metadatas = self._metadatas(listed, metadatas, record)
            return self.store.add_texts(listed, metadatas, **kwargs)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts` without blocking the event loop."""
        listed = list(texts)
        if not listed:
            return []
        async with self._aadmitted(inserting=True) as record:
            kwargs = self._with_ids(kwargs, ids)
            await self.check.keeper.acheck_ids(_said(ids))
            metadatas = self._metadatas(listed, metadatas, record)
            return await self.store.aadd_texts(listed, metadatas, **kwargs)

    def _metadatas(
        self, texts: list[str], metadatas: list[dict[str, Any]] | None, record: SpaceRecord
    ) -> list[dict[str, Any]] | None:
        if metadatas is None and not self.check.keeper.stamps:
            return None
        if metadatas is not None and len(metadatas) != len(texts):
            msg = f"there are {len(texts)} texts and {len(metadatas)} metadatas"
            raise ValueError(msg)
        return self._stamped(metadatas or [{}] * len(texts), record)

    @staticmethod
    def _with_ids(kwargs: dict[str, Any], ids: list[str] | None) -> dict[str, Any]:
        return kwargs if ids is None else {**kwargs, "ids": ids}

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Embed documents and add them; returns and errors as for `add_texts`."""
        if not documents:
            return []
        with self._admitted(inserting=True) as record:
            self.check.keeper.check_ids(_said(kwargs.get("ids") or [document.id for document in documents]))
            return self.store.add_documents(self._documents(documents, record), **kwargs)

    async def aadd_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """`add_documents` without blocking the event loop."""
        if not documents:
            return []
        async with self._aadmitted(inserting=True) as record:
            ids = _said(kwargs.get("ids") or [document.id for document in documents])
            await self.check.keeper.acheck_ids(ids)
            return await self.store.aadd_documents(self._documents(documents, record), **kwargs)

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete by id, whatever the space; an index that is empty then has no space any more."""
        done = self.store.delete(ids, **kwargs)
        self.check.forget_if_empty()
        return done

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """`delete` without blocking the event loop."""
        done = await self.store.adelete(ids, **kwargs)
        await self.check.aforget_if_empty()
        return done

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids, whatever the space."""
        return self._handed(self.store.get_by_ids(ids), None)

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids` without blocking the event loop."""
        return self._handed(await self.store.aget_by_ids(ids), None)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        store: VectorStore | None = None,
        **kwargs: Any,
    ) -> Self:
        """Guard a store and add texts to it.

        Args:
            texts: What to embed.
            embedding: What the store embeds with.
            metadatas: One for each text.
            ids: One for each text.
            store: The store to wrap; a class can't be given, because its `from_texts` would insert without a check.
            **kwargs: As for `guarded`.

        Raises:
            EmbeddingSpaceError: The store already has vectors of another space.
        """
        made = cls._around(store, embedding, kwargs)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        store: VectorStore | None = None,
        **kwargs: Any,
    ) -> Self:
        """`from_texts` without blocking the event loop."""
        made = cls._around(store, embedding, kwargs)
        await made.aadd_texts(texts, metadatas, ids=ids)
        return made

    @classmethod
    def _around(cls, store: VectorStore | None, embedding: Embeddings, options: dict[str, Any]) -> Self:
        if store is None:
            msg = "name the store to guard: GuardedVectorStore.from_texts(texts, embeddings, store=Chroma(…))"
            raise TypeError(msg)
        return cls(store, embedding, **options)

    def __getattr__(self, name: str) -> Any:
        """What else the wrapped store has; its methods that search or insert are checked first."""
        if name.startswith("__") or name in {"store", "check"}:
            raise AttributeError(name)
        own = self.check.keeper.own(name)
        found = own if own is not None else getattr(self.store, name)
        if not inspect.ismethod(found):
            return found
        inserting = name.lstrip("_").startswith(_INSERTS)
        if not inserting and "search" not in name:
            return self._forgetting(found)
        return self._checked(found, inserting=inserting)

    def _checked(self, method: Callable[..., Any], *, inserting: bool) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(method):

            async def acall(*args: Any, **kwargs: Any) -> Any:
                vectors = _vectors(method, args, kwargs)
                async with self._aadmitted(inserting=inserting, vectors=vectors) as record:
                    return self._handed(await method(*args, **kwargs), record.space)

            return acall

        def call(*args: Any, **kwargs: Any) -> Any:
            vectors = _vectors(method, args, kwargs)
            with self._admitted(inserting=inserting, vectors=vectors) as record:
                return self._handed(method(*args, **kwargs), record.space)

        return call

    def _forgetting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The store's own method, after which nothing is taken for granted: it may have dropped the collection."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.check.forget()
            return self._handed(method(*args, **kwargs), None)

        return call


def _said(ids: Iterable[str | None] | None) -> list[str]:
    return [found for found in ids or () if found]


def _vectors(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Sequence[float]]:
    """The vectors among a call's arguments, under the names that LangChain's stores give them."""
    try:
        given = inspect.signature(method).bind(*args, **kwargs).arguments
    except TypeError:
        return []  # the method itself says what is wrong
    vectors: list[Sequence[float]] = [given["embedding"]] if "embedding" in given else []
    if isinstance(given.get("embeddings"), list):
        vectors += given["embeddings"]
    if isinstance(given.get("text_embeddings"), list):
        vectors += [vector for _, vector in given["text_embeddings"]]
    return vectors
