"""`guarded(store)`: a vector store that is only ever searched with the embedding space that made it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import Adopt, SpaceCheck
from turnout.index.guard.records import unknown_space, with_record
from turnout.langchain.embeddings import TurnoutEmbeddings
from turnout.langchain.recheck import Recheck, leave_pending
from turnout.langchain.searches import SearchMethods
from turnout.langchain.stores import keeper_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from turnout.index.guard.records import SpaceRecord

T = TypeVar("T")

_INSERTS = ("add", "aadd", "update", "aupdate", "upsert", "aupsert", "merge", "insert")  # how their names begin

_UNCHECKED = {  # methods of the store that neither compare vectors nor add any
    *("get", "aget", "encode_image"),
    *("dump", "persist", "save_local", "serialize_to_bytes"),
    *("create_collection", "acreate_collection", "create_tables_if_not_exists", "acreate_tables_if_not_exists"),
    *("create_index", "create_vector_extension", "acreate_vector_extension"),
    *("reindex", "areindex", "is_valid_index", "ais_valid_index", "get_table_name"),
    *("apply_vector_index", "aapply_vector_index", "drop_vector_index", "adrop_vector_index"),
    *("delete_collection", "adelete_collection", "reset_collection", "drop_tables", "adrop_tables"),
}


class GuardedVectorStore(SearchMethods, VectorStore):
    """A vector store that is searched and written only with the embedding space that made it.

    Methods of the store that search or insert are checked first; those that do neither are passed on. Any other raises
    `UnsupportedError`, and is reached through `store`.

    Args:
        store: Any LangChain vector store.
        embeddings: What the store embeds with, for a store that doesn't say; otherwise checked to be that.
        adopt: What happens with an index that has vectors but no record of their space: `refuse` it, `trust` that it is
            the embeddings' own, or `verify` it by embedding a sample of its texts anew.
        name: What to call the index in errors and commands; left out, its collection's name.
        space: The space of embeddings that aren't turnout's, like `text-embedding-3-small/1536`.
        folder: Where a FAISS index was loaded from; its record is there.

    Attributes:
        store: The store that it wraps. What is done there is not checked.
        check: The check.

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
        self.store: VectorStore = store.store if isinstance(store, GuardedVectorStore) else store
        keeper = keeper_of(self.store)
        self.check = SpaceCheck(keeper, adopt, name)
        self._embeddings = self._checked_embeddings(embeddings)
        self._io = _StoreIO(self.store, self._embeddings)
        self._stated = EmbeddingSpace.parse(space) if isinstance(space, str) else space
        if self._stated is None and not hasattr(_some(self._embeddings), "space"):
            fix = "guarded(store, space='model/dimensions')"
            raise unknown_space(self._embeddings, "TurnoutEmbeddings", fix, index=self.check.index)
        if folder is not None:
            load: Callable[[object], None] | None = getattr(keeper, "load", None)
            if load is None:
                raise ValueError(f"a {type(self.store).__name__} has no folder; its record is elsewhere")
            load(folder)

    def _checked_embeddings(self, named: Embeddings | None) -> Embeddings | None:
        own = self.store.embeddings
        if own is None and not self.check.keeper.has_embeddings:
            fix = f"give embeddings to {type(self.store).__name__}(…)"
            msg = f"the {type(self.store).__name__} {self.check.index!r} has no embeddings of its own: {fix}"
            raise EmbeddingSpaceError(msg, index=self.check.index, fix=fix)
        if own is not None and named is not None and own != named:
            fix = "give guarded(…) no embeddings, or those of the store"
            msg = (
                f"the store {self.check.index!r} embeds with its own {type(own).__name__}, which is not the "
                f"{type(named).__name__} that was given: {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self.check.index, fix=fix)
        return own if own is not None else named

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

    def _recheck(self, *, inserting: bool, embeds: bool) -> Recheck:
        keeper, wanted = self.check.keeper, self.space
        runner = self.store if keeper.transactional else self._embeddings
        if not keeper.shared or not (keeper.transactional or isinstance(runner, TurnoutEmbeddings)):
            runner = None
        comes_anyway = runner is not None and (embeds or keeper.transactional)
        known = self.check.passed_record(wanted) if comes_anyway else None
        return Recheck(runner, self.check, wanted, self._io, inserting, known)

    def _admission(self, recheck: Recheck, vectors: Sequence[Any]) -> dict[str, Any]:
        """Arguments of the check; an insert whose recheck takes the lock needs none before."""
        locked = recheck.inserting and recheck.runner is None
        return {"inserting": recheck.inserting, "vectors": vectors, "known": recheck.known, "locked": locked}

    @contextmanager
    def _admitted(
        self, vectors: Sequence[Any] = (), *, ids: Sequence[Any] = (), inserting: bool = False, embeds: bool = False
    ) -> Iterator[SpaceRecord]:
        """A search or an insert that the check lets through.

        Args:
            vectors: Those that the caller has.
            ids: Ids of what is added, as far as the caller has them.
            inserting: Whether vectors are added.
            embeds: Whether the store embeds a query first, so that the record is checked after that and not before.
        """
        with getattr(self._embeddings, "pinned", nullcontext)():
            recheck = self._recheck(inserting=inserting, embeds=embeds)
            options = self._admission(recheck, vectors)
            admitted = self.check.admitted(recheck.wanted, self._io, **options)
            with admitted as record, closing(recheck), leave_pending(recheck):
                if stated := [found for found in ids if found]:
                    self.check.keeper.check_ids(stated)
                yield record
                if recheck.due:
                    recheck.run()

    @asynccontextmanager
    async def _aadmitted(
        self, vectors: Sequence[Any] = (), *, ids: Sequence[Any] = (), inserting: bool = False, embeds: bool = False
    ) -> AsyncIterator[SpaceRecord]:
        """`_admitted` without blocking the event loop."""
        with getattr(self._embeddings, "pinned", nullcontext)():
            recheck = self._recheck(inserting=inserting, embeds=embeds)
            options = self._admission(recheck, vectors)
            async with self.check.aadmitted(recheck.wanted, self._io, **options) as record:
                with closing(recheck), leave_pending(recheck):
                    if stated := [found for found in ids if found]:
                        await self.check.keeper.acheck_ids(stated)
                    yield record
                    if recheck.due:
                        await recheck.arun()

    def _without_records(self, found: T, space: EmbeddingSpace | None) -> T:
        """What a search found, checked and without records, if the store has them on its documents."""
        documents = _documents_in(found) if self.check.keeper.stamps else None
        if documents is None:
            return found
        if space is not None:
            self.check.check_found(documents, space)
        cleaned: list[Any] = []
        for document, item in zip(documents, cast("list[Any]", found), strict=True):
            clean = _clean(document)
            cleaned.append((clean, *item[1:]) if isinstance(item, tuple) else clean)
        return cast("T", cleaned)  # the list has the form that it had

    def _search(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        vectors = _query_vectors(method, args, kwargs)
        options = self._search_options(kwargs)
        with self._admitted(vectors, embeds=not vectors) as record:
            return self._without_records(getattr(self.store, method)(*args, **options), record.space)

    async def _asearch(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        vectors = _query_vectors(method, args, kwargs)
        options = self._search_options(kwargs)
        async with self._aadmitted(vectors, embeds=not vectors) as record:
            return self._without_records(await getattr(self.store, method)(*args, **options), record.space)

    def _search_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """A search's options, with a filter that sees documents as the application added them."""
        fits = options.get("filter")
        if not (self.check.keeper.stamps and callable(fits)):
            return options

        def fits_clean(found: Any) -> Any:
            return fits(_clean(found) if isinstance(found, Document) else found)

        return {**options, "filter": fits_clean}

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
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
        with self._admitted(inserting=True, ids=ids or ()) as record:
            options = kwargs if ids is None else {**kwargs, "ids": ids}
            return self.store.add_texts(listed, self._metadatas(listed, metadatas, record), **options)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts` without blocking the event loop."""
        listed = list(texts)
        if not listed:
            return []
        async with self._aadmitted(inserting=True, ids=ids or ()) as record:
            options = kwargs if ids is None else {**kwargs, "ids": ids}
            return await self.store.aadd_texts(listed, self._metadatas(listed, metadatas, record), **options)

    def _metadatas(
        self, texts: list[str], metadatas: list[dict[str, Any]] | None, record: SpaceRecord
    ) -> list[dict[str, Any]] | None:
        if metadatas is not None and len(metadatas) != len(texts):
            raise ValueError(f"there are {len(texts)} texts and {len(metadatas)} metadatas")
        if not self.check.keeper.stamps:
            return metadatas
        return [with_record(metadata, record) for metadata in metadatas or [{}] * len(texts)]

    def delete(self, ids: list[str] | None = None, *args: Any, **kwargs: Any) -> bool | None:
        """Delete by id, with the store's own options; an index that is empty then has no space any more."""
        with self.check.deleting():
            return self.store.delete(ids, *args, **kwargs)

    async def adelete(self, ids: list[str] | None = None, *args: Any, **kwargs: Any) -> bool | None:
        """`delete` without blocking the event loop."""
        async with self.check.adeleting():
            return await self.store.adelete(ids, *args, **kwargs)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids, whatever the space."""
        with self.check.reaching():
            return self._without_records(self.store.get_by_ids(ids), None)

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids` without blocking the event loop."""
        with self.check.reaching():
            return self._without_records(await self.store.aget_by_ids(ids), None)

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
        guard = cls._around(store, embedding, kwargs)
        guard.add_texts(texts, metadatas, ids=ids)
        return guard

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
        guard = cls._around(store, embedding, kwargs)
        await guard.aadd_texts(texts, metadatas, ids=ids)
        return guard

    @classmethod
    def _around(cls, store: VectorStore | None, embedding: Embeddings, options: dict[str, Any]) -> Self:
        if store is None:
            msg = "name the store to guard: GuardedVectorStore.from_texts(texts, embeddings, store=Chroma(…))"
            raise TypeError(msg)
        return cls(store, embedding, **options)

    def __getattr__(self, name: str) -> Any:
        """Other attributes of the wrapped store; its other methods are checked, passed on or refused."""
        if name.startswith("__") or name in {"store", "check"}:
            raise AttributeError(name)
        found = self.check.keeper.override(name) or getattr(self.store, name)
        if not inspect.isroutine(found) and not inspect.isclass(found):
            return found
        if name in _UNCHECKED:
            return self._unchecked(found)
        inserting = name.lstrip("_").startswith(_INSERTS)
        # Where the record is on each document, only the guard's own methods write it there.
        if "search" in name or (inserting and not self.check.keeper.stamps):
            return self._checked(found, inserting=inserting)
        return self._refused(name)

    def _checked(self, method: Callable[..., Any], *, inserting: bool) -> Callable[..., Any]:
        async def acall(*args: Any, **kwargs: Any) -> Any:
            async with self._aadmitted(_vectors(method, args, kwargs), inserting=inserting) as record:
                return self._checked_documents(method.__name__, await method(*args, **kwargs), record)

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._admitted(_vectors(method, args, kwargs), inserting=inserting) as record:
                return self._checked_documents(method.__name__, method(*args, **kwargs), record)

        return acall if inspect.iscoroutinefunction(method) else call

    def _checked_documents(self, method: str, found: Any, record: SpaceRecord) -> Any:
        if self.check.keeper.stamps and _documents_in(found) is None:
            raise self._unsupported(method, f"{method} gives no documents, on which the record of their space would be")
        return self._without_records(found, record.space)

    def _unchecked(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The store's own method, after which everything is checked anew: it may have dropped the collection."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.check.forget()
            return self._without_records(method(*args, **kwargs), None)

        return call

    def _refused(self, name: str) -> Callable[..., NoReturn]:
        """Stands in for a method that may search or write without a check; `hasattr` finds it all the same."""

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise self._unsupported(
                name, f"it doesn't know whether {type(self.store).__name__}.{name} searches or writes"
            )

        return refuse

    def _unsupported(self, method: str, why: str) -> UnsupportedError:
        return UnsupportedError(
            f"the guard can't check this: {why}. To call it without a check of the embedding space, go to the store "
            f"itself: store.store.{method}(…)"
        )


guarded = GuardedVectorStore


@dataclass(slots=True)
class _StoreIO:
    """What a check asks of a store and its embeddings; a `CheckIO`."""

    _store: VectorStore
    _embeddings: Embeddings | None

    def embed(self, texts: list[str], /) -> list[list[float]]:
        return _some(self._embeddings).embed_documents(texts)

    async def aembed(self, texts: list[str], /) -> list[list[float]]:
        return await _some(self._embeddings).aembed_documents(texts)

    def probe(self, text: str, /) -> list[Document]:
        return self._store.similarity_search(text, k=1)

    async def aprobe(self, text: str, /) -> list[Document]:
        return await self._store.asimilarity_search(text, k=1)


def _some(embeddings: Embeddings | None) -> Embeddings:
    if embeddings is None:
        fix = "guarded(store, embeddings)"
        raise EmbeddingSpaceError(f"this store doesn't say what it embeds with; give its embeddings to {fix}", fix=fix)
    return embeddings


def _clean(document: Document) -> Document:
    """A document without a record."""
    return document.model_copy(update={"metadata": with_record(document.metadata, None)})


def _documents_in(found: object) -> list[Document] | None:
    """The documents of a search's result, with their scores or without; None if it is something else."""
    if not isinstance(found, list):
        return None
    documents = [item[0] if isinstance(item, tuple) else item for item in found]
    return documents if all(isinstance(document, Document) for document in documents) else None


def _query_vectors(method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The vector that a search method is called with; none if it takes a query."""
    if not method.endswith("_by_vector"):
        return ()
    return args[:1] or tuple(kwargs[name] for name in ("embedding",) if name in kwargs)


def _vectors(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Sequence[float]]:
    """The vectors among a call's arguments, under the names that LangChain's stores give them."""
    try:
        arguments = inspect.signature(method).bind(*args, **kwargs).arguments
    except TypeError:
        return []  # the method itself says what is wrong
    vectors: list[Sequence[float]] = [arguments["embedding"]] if "embedding" in arguments else []
    if isinstance(arguments.get("embeddings"), list):
        vectors += arguments["embeddings"]
    if isinstance(arguments.get("text_embeddings"), list):
        vectors += [vector for _, vector in arguments["text_embeddings"]]
    return vectors
