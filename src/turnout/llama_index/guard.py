"""`guarded(…)`: a vector store that is only ever searched with the embedding space that made it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypedDict, TypeVar, Unpack, overload

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core import Settings, StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.indices.base import BaseIndex
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.vector_stores import MetadataFilters, VectorStoreQuery, VectorStoreQueryResult
from llama_index.core.vector_stores.simple import DEFAULT_VECTOR_STORE
from llama_index.core.vector_stores.types import BasePydanticVectorStore

from turnout.errors import EmbeddingSpaceError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import ATTEMPTS, Adopt, RecordChanged, SpaceCheck
from turnout.index.guard.records import SpaceRecord, always_changing, unknown_space
from turnout.llama_index.stores import SpaceKeeper, keeper_of
from turnout.llama_index.stores.base import node_with_record
from turnout.llama_index.stores.upstream import embed_model_of, replace_store
from turnout.llama_index.vectors import spaces_of

Container = TypeVar("Container", bound=StorageContext | BaseIndex[Any])


class GuardedVectorStore(BasePydanticVectorStore):
    """A vector store behind a check of its embedding space.

    A vector that `TurnoutEmbedding` made in this process is of the space in which it was made, whatever the settings
    are by now; all others are taken for the embedding model's.

    Args:
        store: Any LlamaIndex vector store that takes vectors.
        embed_model: What the vectors are made with; left out, LlamaIndex's `Settings.embed_model` at the time.
        adopt: What happens with an index that has vectors but no record of their space: `refuse` it, `trust` that it is
            the embedding model's, or `verify` it by embedding a sample of its texts anew.
        name: What to call the index in errors and commands; left out, its collection or table.
        space: The space of an embedding model that isn't turnout's, like `text-embedding-3-small/1536`.
        docstore: Where the texts are that `verify` needs, for a store that doesn't keep them.
        strict: Whether a record that isn't what it was at the last check is an error, for a named index to go by.

    Raises:
        EmbeddingSpaceError: The store embeds by itself, or there is nowhere to keep a record.
    """

    _store: BasePydanticVectorStore
    _check: SpaceCheck[SpaceKeeper]
    _embed_model: BaseEmbedding | None
    _space: EmbeddingSpace | None

    def __init__(
        self,
        store: BasePydanticVectorStore,
        embed_model: BaseEmbedding | None = None,
        *,
        adopt: Adopt = "refuse",
        name: str | None = None,
        space: EmbeddingSpace | str | None = None,
        docstore: BaseDocumentStore | None = None,
        strict: bool = False,
    ) -> None:
        if not store.is_embedding_query:
            fix = "use a store that takes vectors"
            msg = f"a {type(store).__name__} embeds by itself, so that its space can't be checked: {fix}"
            raise EmbeddingSpaceError(msg, index=name or type(store).__name__, fix=fix)
        super().__init__(stores_text=store.stores_text, is_embedding_query=True)
        keeper = keeper_of(store)
        keeper.docstore = docstore
        self._store = store
        self._check = SpaceCheck(keeper, adopt, name)
        self._check.strict = strict
        self._embed_model = embed_model
        self._space = EmbeddingSpace.parse(space) if isinstance(space, str) else space

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "GuardedVectorStore"

    @property
    def store(self) -> BasePydanticVectorStore:
        """The store that it wraps. What is done there is not checked."""
        return self._store

    @property
    def client(self) -> Any:
        """The wrapped store's client."""
        return self._store.client

    @property
    def embed_model(self) -> BaseEmbedding:
        """What vectors are made with."""
        return self._embed_model if self._embed_model is not None else Settings.embed_model

    @property
    def space(self) -> EmbeddingSpace:
        """The space that the embedding model has now.

        Raises:
            EmbeddingSpaceError: It doesn't say.
        """
        if self._space is not None:
            return self._space
        found = getattr(self.embed_model, "space", None)
        if isinstance(found, EmbeddingSpace):
            return found
        fix = "guarded(…, space='model/dimensions')"
        raise unknown_space(self.embed_model, "TurnoutEmbedding", fix, index=self._check.index)

    def check(self) -> None:
        """Check the index against the embedding model, as a search would.

        Raises:
            EmbeddingSpaceError: The index has another space, or one that isn't known.
        """
        now = self.space
        with self._check.reaching():
            self._check.run(now, self._io(now))

    async def acheck(self) -> None:
        """`check` without blocking the event loop."""
        now = self.space
        with self._check.reaching():
            await self._check.arun(now, self._io(now))

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes with their vectors.

        Returns:
            Their ids.

        Raises:
            EmbeddingSpaceError: The index has another space; nothing was added.
        """
        if not nodes:
            return []
        vectors = [node.get_embedding() for node in nodes]
        wanted = self._wanted(vectors)
        for _ in range(ATTEMPTS):
            try:
                with self._admitted(wanted, vectors) as record, self._check.keeper.inserting(record):
                    return self._store.add(self._recorded(nodes, record), **kwargs)
            except RecordChanged:
                self._check.forget()
                if self._check.strict:
                    raise
        raise always_changing(self._check.index)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` without blocking the event loop."""
        if not nodes:
            return []
        vectors = [node.get_embedding() for node in nodes]
        wanted = self._wanted(vectors)
        for _ in range(ATTEMPTS):
            try:
                async with self._aadmitted(wanted, vectors) as record:
                    with self._check.keeper.inserting(record):
                        return await self._store.async_add(self._recorded(nodes, record), **kwargs)
            except RecordChanged:
                self._check.forget()
                if self._check.strict:
                    raise
        raise always_changing(self._check.index)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search.

        Raises:
            EmbeddingSpaceError: The index has another space than the query's vector; nothing was searched.
        """
        if not query.query_embedding:
            return self._checked(self._store.query(query, **kwargs), None)
        wanted = self._wanted([query.query_embedding])
        expecting = self._expecting(query, wanted)
        if expecting is not None:
            with self._check.reaching():
                found = self._store.query(query, **kwargs, **expecting)
            if found.ids:  # if not, the record may be another one
                return self._checked(found, wanted)
        with self._check.admitted(wanted, self._io(wanted), vectors=[query.query_embedding]) as record:
            return self._checked(self._store.query(query, **kwargs), record.space)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` without blocking the event loop."""
        if not query.query_embedding:
            return self._checked(await self._store.aquery(query, **kwargs), None)
        wanted = self._wanted([query.query_embedding])
        expecting = self._expecting(query, wanted)
        if expecting is not None:
            with self._check.reaching():
                found = await self._store.aquery(query, **kwargs, **expecting)
            if found.ids:
                return self._checked(found, wanted)
        async with self._check.aadmitted(wanted, self._io(wanted), vectors=[query.query_embedding]) as record:
            return self._checked(await self._store.aquery(query, **kwargs), record.space)

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes, whatever the space; an index that is empty then has no space any more."""
        with self._check.deleting():
            self._store.delete(ref_doc_id, **delete_kwargs)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """`delete` without blocking the event loop."""
        async with self._check.adeleting():
            await self._store.adelete(ref_doc_id, **delete_kwargs)

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes, likewise."""
        with self._check.deleting():
            self._store.delete_nodes(node_ids, filters, **delete_kwargs)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """`delete_nodes` without blocking the event loop."""
        async with self._check.adeleting():
            await self._store.adelete_nodes(node_ids, filters, **delete_kwargs)

    def clear(self) -> None:
        """Delete all nodes."""
        with self._check.deleting():
            self._store.clear()

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        async with self._check.adeleting():
            await self._store.aclear()

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id or metadata, whatever the space."""
        with self._check.reaching():
            return [node_with_record(node, None) for node in self._store.get_nodes(node_ids, filters)]

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` without blocking the event loop."""
        with self._check.reaching():
            return [node_with_record(node, None) for node in await self._store.aget_nodes(node_ids, filters)]

    def persist(self, persist_path: str, fs: AbstractFileSystem | None = None) -> None:
        """Persist the store as it does by itself; its record goes with it.

        Raises:
            EmbeddingSpaceError: A store of another space is there.
        """
        with self._check.keeper.persisting(persist_path, fs) as path:
            self._store.persist(path, fs=fs)

    def __getattr__(self, name: str) -> Any:
        """What else the wrapped store has; a method that may search or write is refused when it is called."""
        if name.startswith("_"):
            return super().__getattr__(name)  # type: ignore[misc]  # pydantic has it only where types aren't checked
        found = getattr(self._store, name)
        passed = name in type(self._store).model_fields or name in self._check.keeper.unchecked
        return found if passed or not inspect.isroutine(found) else self._refused(name)

    def _refused(self, name: str) -> Callable[..., NoReturn]:
        """Stands in for a method that may search or write without a check; `hasattr` finds it all the same."""

        def refuse(*_: Any, **__: Any) -> NoReturn:
            kind = type(self._store).__name__
            msg = (
                f"the guard doesn't know whether {kind}.{name} searches or writes, so it isn't passed on. To call it "
                f"without a check of the embedding space, go to the store itself: store.store.{name}(…)"
            )
            raise UnsupportedError(msg)

        return refuse

    def _wanted(self, vectors: Sequence[Sequence[float]]) -> EmbeddingSpace:
        """The one space of vectors: that in which they were made, or else the embedding model's."""
        now: EmbeddingSpace | None = None
        wanted: set[EmbeddingSpace] = set()
        for vector in vectors:
            made = spaces_of(vector)
            if len(made) != 1:
                now = now or self.space
                made = frozenset({now}) if not made or now in made else made
            wanted.add(min(made, key=str).of_length(len(vector)))
        if len(wanted) > 1:
            fix = "embed them all with one model"
            msg = f"the vectors for {self._check.index!r} are of {', '.join(sorted(map(str, wanted)))}: {fix}"
            raise EmbeddingSpaceError(msg, index=self._check.index, fix=fix)
        return wanted.pop()

    def _admitted(self, wanted: EmbeddingSpace, vectors: Sequence[Any]) -> AbstractContextManager[SpaceRecord]:
        """An insert that the check lets through."""
        return self._check.admitted(wanted, self._io(wanted), inserting=True, vectors=vectors, locked=True)

    def _aadmitted(self, wanted: EmbeddingSpace, vectors: Sequence[Any]) -> AbstractAsyncContextManager[SpaceRecord]:
        """`_admitted` without blocking the event loop."""
        return self._check.aadmitted(wanted, self._io(wanted), inserting=True, vectors=vectors, locked=True)

    def _io(self, wanted: EmbeddingSpace) -> _StoreIO:
        return _StoreIO(self, wanted, self._check.index)

    def _expecting(self, query: VectorStoreQuery, wanted: EmbeddingSpace) -> Mapping[str, Any] | None:
        """Arguments with which the store compares the record in its query, once the index passed for this space."""
        if self._check.passed_record(wanted) is None or self._check.version is None:
            return None
        return self._check.keeper.expecting(query, self._check.version)

    def _recorded(self, nodes: Sequence[BaseNode], record: SpaceRecord) -> Sequence[BaseNode]:
        return [node_with_record(node, record) for node in nodes] if self._check.keeper.stamps else nodes

    def _checked(self, found: VectorStoreQueryResult, space: EmbeddingSpace | None) -> VectorStoreQueryResult:
        """What a search found, checked and without records, if the store has them on its nodes."""
        if self._check.keeper.stamps and found.nodes:
            if space is not None:
                self._check.check_found(found.nodes, space)
            found.nodes = [node_with_record(node, None) for node in found.nodes]
        return found


@dataclass(frozen=True, slots=True)
class _StoreIO:
    """A `CheckIO`: asks a guard's store and embedding model, for a check against a space."""

    guard: GuardedVectorStore
    wanted: EmbeddingSpace
    index: str

    def embed(self, texts: list[str], /) -> list[list[float]]:
        return self._model().get_text_embedding_batch(texts)

    async def aembed(self, texts: list[str], /) -> list[list[float]]:
        return await self._model().aget_text_embedding_batch(texts)

    def probe(self, text: str, /) -> Sequence[BaseNode]:
        """The node nearest to a vector that is no text's: what the text's would be isn't asked."""
        del text
        return self.guard.store.query(self._any_vector()).nodes or ()

    async def aprobe(self, text: str, /) -> Sequence[BaseNode]:
        del text
        return (await self.guard.store.aquery(self._any_vector())).nodes or ()

    def _model(self) -> BaseEmbedding:
        """The embedding model, if it is that of the vectors."""
        now = self.guard.space
        if not now.fits(self.wanted):
            fix = "verify it with the embedding model that the vectors are from"
            msg = (
                f"the index {self.index!r} can't be verified: the settings embed with {now}, the vectors are of "
                f"{self.wanted}; {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self.index, wanted_space=self.wanted, fix=fix)
        return self.guard.embed_model

    def _any_vector(self) -> VectorStoreQuery:
        length = self.wanted.dimensions or 1
        return VectorStoreQuery(query_embedding=[length**-0.5] * length, similarity_top_k=1)


class _Options(TypedDict, total=False):
    adopt: Adopt
    name: str | None
    space: EmbeddingSpace | str | None


@overload
def guarded(
    what: BasePydanticVectorStore, embed_model: BaseEmbedding | None = None, **options: Unpack[_Options]
) -> GuardedVectorStore: ...
@overload
def guarded(what: Container, embed_model: BaseEmbedding | None = None, **options: Unpack[_Options]) -> Container: ...
def guarded(what: object, embed_model: BaseEmbedding | None = None, **options: Unpack[_Options]) -> object:
    """Guard an index: it is searched and written only with the embedding space that made it.

    An index that has vectors is checked at once, and then before every search and insert. To guard a store without
    waiting for it, as in an event loop, make a `GuardedVectorStore`: its first search checks.

    Args:
        what: A vector store, a storage context, or a `VectorStoreIndex`. Of a storage context, the default vector store
            is guarded; an index is guarded in place.
        embed_model: What the vectors are made with; left out, the index's own or LlamaIndex's `Settings.embed_model`.
        **options: `adopt`, `name` and `space`, as for `GuardedVectorStore`.

    Returns:
        A `GuardedVectorStore`; or a storage context with one, which shares everything else; or the index.

    Raises:
        EmbeddingSpaceError: The index has another space than the embedding model, or one that isn't known.
        TypeError: It is none of the three.

    Example:
        ```python
        from llama_index.core import Document, StorageContext, VectorStoreIndex
        from llama_index.core.vector_stores import SimpleVectorStore
        from turnout.llama_index import TurnoutEmbedding, guarded

        model = TurnoutEmbedding()
        context = StorageContext.from_defaults(vector_store=guarded(SimpleVectorStore(), model))
        documents = [Document(text="Keys are rotated in March.")]
        index = VectorStoreIndex.from_documents(documents, storage_context=context, embed_model=model)
        found = index.as_retriever().retrieve("When are keys rotated?")
        ```
    """
    if isinstance(what, BasePydanticVectorStore):
        return _checked_guard(what, embed_model, options)
    if isinstance(what, StorageContext):
        store = _checked_guard(what.vector_store, embed_model, options, what.docstore)
        return replace(what, vector_stores={**what.vector_stores, DEFAULT_VECTOR_STORE: store})
    if isinstance(what, VectorStoreIndex):
        model = embed_model or embed_model_of(what)
        store = _checked_guard(what.vector_store, model, options, what.docstore)
        replace_store(what, store)
        what.storage_context.vector_stores[DEFAULT_VECTOR_STORE] = store
        return what
    msg = f"guarded(…) takes a vector store, a StorageContext or a VectorStoreIndex, not a {type(what).__name__}"
    raise TypeError(msg)


def _checked_guard(
    store: BasePydanticVectorStore,
    embed_model: BaseEmbedding | None,
    options: _Options,
    docstore: BaseDocumentStore | None = None,
) -> GuardedVectorStore:
    bare = store.store if isinstance(store, GuardedVectorStore) else store
    guard = GuardedVectorStore(bare, embed_model, **options, docstore=docstore)
    guard.check()
    return guard
