"""`GuardedVectorStore`: a vector store that is only ever searched with the embedding space that made it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
from llama_index.core import Settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode
from llama_index.core.storage.docstore import BaseDocumentStore
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from pydantic import PrivateAttr

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.checks import Adopt, SpaceCheck
from turnout.llama_index.stores.checks import StoreIO
from turnout.llama_index.stores.keeper import SpaceKeeper, keeper_of
from turnout.llama_index.stores.nodes import stamped, unstamped
from turnout.llama_index.vectors import MADE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from turnout.index.guard.records import SpaceRecord


class GuardedVectorStore(BasePydanticVectorStore):
    """A vector store behind a check of its embedding space.

    A vector that `TurnoutEmbedding` made in this process is of the space in which it was made, whatever the settings
    are by now; all others are taken for the embedding model's.

    Args:
        store: Any LlamaIndex vector store that is given vectors.
        embed_model: What the vectors are made with; left out, LlamaIndex's `Settings.embed_model` at the time.
        adopt: What happens with an index that has vectors but no record of their space: `refuse` it, `trust` that it is
            the embedding model's, or `verify` it by embedding a sample of its texts anew.
        name: What to call the index in errors and commands; left out, its collection or table.
        space: The space of an embedding model that isn't turnout's, like `text-embedding-3-small/1536`.
        docstore: Where the texts are that `verify` needs, for a store that doesn't keep them.

    Raises:
        EmbeddingSpaceError: The store embeds by itself, or there is nowhere to keep a record.
    """

    _store: BasePydanticVectorStore = PrivateAttr()
    _check: SpaceCheck[SpaceKeeper] = PrivateAttr()
    _embed_model: BaseEmbedding | None = PrivateAttr()
    _stated: EmbeddingSpace | None = PrivateAttr()

    def __init__(
        self,
        store: BasePydanticVectorStore,
        embed_model: BaseEmbedding | None = None,
        *,
        adopt: Adopt = "refuse",
        name: str | None = None,
        space: EmbeddingSpace | str | None = None,
        docstore: BaseDocumentStore | None = None,
    ) -> None:
        if not store.is_embedding_query:
            fix = "use a store that is given vectors"
            msg = f"a {type(store).__name__} embeds by itself, so that its space can't be checked: {fix}"
            raise EmbeddingSpaceError(msg, index=name or type(store).__name__, fix=fix)
        super().__init__(stores_text=store.stores_text, is_embedding_query=True)
        keeper = keeper_of(store)
        keeper.docstore = docstore
        self._store = store
        self._check = SpaceCheck(keeper, adopt, name)
        self._embed_model = embed_model
        self._stated = EmbeddingSpace.parse(space) if isinstance(space, str) else space

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
        if self._stated is not None:
            return self._stated
        found = getattr(self.embed_model, "space", None)
        if not isinstance(found, EmbeddingSpace):
            fix = "guarded(…, space='model/dimensions')"
            msg = (
                f"{type(self.embed_model).__name__} doesn't say its embedding space; use TurnoutEmbedding, or name it: "
                f"{fix}"
            )
            raise EmbeddingSpaceError(msg, index=self._check.index, fix=fix)
        return found

    def check(self) -> None:
        """Check the index against the embedding model, as a search would.

        Raises:
            EmbeddingSpaceError: The index has another space, or one that isn't known.
        """
        now = self.space
        self._check.run(now, self._io(now))

    async def acheck(self) -> None:
        """`check` without blocking the event loop."""
        now = self.space
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
        with self._admitted([node.get_embedding() for node in nodes], inserting=True) as record:
            return self._store.add(self._marked(nodes, record), **kwargs)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` without blocking the event loop."""
        if not nodes:
            return []
        async with self._aadmitted([node.get_embedding() for node in nodes], inserting=True) as record:
            return await self._store.async_add(self._marked(nodes, record), **kwargs)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search.

        Raises:
            EmbeddingSpaceError: The index has another space than the query's vector; nothing was searched.
        """
        if not query.query_embedding:
            return self._handed(self._store.query(query, **kwargs), None)
        with self._expecting(query.query_embedding) as space:
            found = None if space is None else self._store.query(query, **kwargs)
        if found is not None and found.ids:  # if not, the record may be another one
            return self._handed(found, space)
        with self._admitted([query.query_embedding]) as record:
            return self._handed(self._store.query(query, **kwargs), record.space)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` without blocking the event loop."""
        if not query.query_embedding:
            return self._handed(await self._store.aquery(query, **kwargs), None)
        with self._expecting(query.query_embedding) as space:
            found = None if space is None else await self._store.aquery(query, **kwargs)
        if found is not None and found.ids:
            return self._handed(found, space)
        async with self._aadmitted([query.query_embedding]) as record:
            return self._handed(await self._store.aquery(query, **kwargs), record.space)

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes, whatever the space; an index that is empty then has no space any more."""
        self._store.delete(ref_doc_id, **delete_kwargs)
        self._check.forget_if_empty()

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """`delete` without blocking the event loop."""
        await self._store.adelete(ref_doc_id, **delete_kwargs)
        await self._check.aforget_if_empty()

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes, likewise."""
        self._store.delete_nodes(node_ids, filters, **delete_kwargs)
        self._check.forget_if_empty()

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """`delete_nodes` without blocking the event loop."""
        await self._store.adelete_nodes(node_ids, filters, **delete_kwargs)
        await self._check.aforget_if_empty()

    def clear(self) -> None:
        """Delete all nodes."""
        self._store.clear()
        self._check.forget_if_empty()

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        await self._store.aclear()
        await self._check.aforget_if_empty()

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id or metadata, whatever the space."""
        return [unstamped(node) for node in self._store.get_nodes(node_ids, filters)]

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` without blocking the event loop."""
        return [unstamped(node) for node in await self._store.aget_nodes(node_ids, filters)]

    def persist(self, persist_path: str, fs: AbstractFileSystem | None = None) -> None:
        """Persist the store as it does by itself; its record goes with it.

        Raises:
            EmbeddingSpaceError: A store of another space is there.
        """
        self._check.keeper.check_persisting(persist_path, fs)
        self._store.persist(persist_path, fs=fs)

    def __getattr__(self, name: str) -> Any:
        """Other fields of the wrapped store. Its other methods are reached through `store`, unchecked."""
        if not name.startswith("_") and name in type(self._store).model_fields:
            return getattr(self._store, name)
        return super().__getattr__(name)  # type: ignore[misc]  # pydantic has it only where types aren't checked

    def _wanted(self, vectors: Sequence[Sequence[float]]) -> EmbeddingSpace:
        """The one space of vectors: that in which they were made, or else the embedding model's."""
        now: EmbeddingSpace | None = None
        wanted: set[EmbeddingSpace] = set()
        for vector in vectors:
            made = MADE.of(vector)
            if len(made) != 1:
                now = now or self.space
                made = frozenset({now}) if not made or now in made else made
            wanted.add(min(made, key=str).of_length(len(vector)))
        if len(wanted) > 1:
            fix = "embed them all with one model"
            msg = f"the vectors for {self._check.index!r} are of {', '.join(sorted(map(str, wanted)))}: {fix}"
            raise EmbeddingSpaceError(msg, index=self._check.index, fix=fix)
        return wanted.pop()

    def _admitted(
        self, vectors: Sequence[Sequence[float]], *, inserting: bool = False
    ) -> AbstractContextManager[SpaceRecord]:
        wanted = self._wanted(vectors)
        return self._check.admitted(wanted, self._io(wanted), inserting=inserting, vectors=vectors)

    def _aadmitted(
        self, vectors: Sequence[Sequence[float]], *, inserting: bool = False
    ) -> AbstractAsyncContextManager[SpaceRecord]:
        wanted = self._wanted(vectors)
        return self._check.aadmitted(wanted, self._io(wanted), inserting=inserting, vectors=vectors)

    @contextmanager
    def _expecting(self, vector: Sequence[float]) -> Iterator[EmbeddingSpace | None]:
        """Have the store look at the record in its query, which finds nothing if that isn't what it was.

        Yields:
            The space of the vector; None if the store can't, or the index wasn't checked for this space yet.
        """
        keeper = self._check.keeper
        wanted = self._wanted([vector]) if keeper.in_query else None
        if wanted is None or self._check.passed_record(wanted) is None or self._check.version is None:
            yield None
        else:
            with keeper.expecting(self._check.version):
                yield wanted

    def _io(self, wanted: EmbeddingSpace) -> StoreIO:
        return StoreIO(self, wanted, self._check.index)

    def _marked(self, nodes: Sequence[BaseNode], record: SpaceRecord) -> Sequence[BaseNode]:
        return [stamped(node, record) for node in nodes] if self._check.keeper.stamps else nodes

    def _handed(self, found: VectorStoreQueryResult, space: EmbeddingSpace | None) -> VectorStoreQueryResult:
        """What a search found, checked and without records, if the store has them on its nodes."""
        if self._check.keeper.stamps and found.nodes:
            if space is not None:
                self._check.check_found(found.nodes, space)
            found.nodes = [unstamped(node) for node in found.nodes]
        return found
