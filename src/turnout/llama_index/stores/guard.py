"""`GuardedVectorStore`: a vector store that is only ever searched with the embedding space that made it."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from llama_index.core import Settings
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery, VectorStoreQueryResult
from pydantic import PrivateAttr

from turnout.errors import EmbeddingSpaceError
from turnout.llama_index.stores.keeper import SpaceKeeper, keeper_of
from turnout.llama_index.stores.nodes import stamped, unstamped
from turnout.llama_index.vectors import MADE
from turnout.space_checks import SpaceCheck
from turnout.spaces import EmbeddingSpace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.schema import BaseNode
    from llama_index.core.storage.docstore import BaseDocumentStore
    from llama_index.core.vector_stores.types import MetadataFilters

    from turnout.space_checks import Adopt, Checked
    from turnout.space_records import SpaceRecord


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
        if adopt not in {"refuse", "trust", "verify"}:
            msg = f"adopt is 'refuse', 'trust' or 'verify', not {adopt!r}"
            raise ValueError(msg)
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
        self._run(self.space, inserting=False)

    async def acheck(self) -> None:
        """`check` without blocking the event loop."""
        await self._arun(self.space, inserting=False)

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes with their vectors.

        Returns:
            Their ids.

        Raises:
            EmbeddingSpaceError: The index has another space; nothing was added.
        """
        if not nodes:
            return []
        with self._inserting(nodes) as marked:
            return self._store.add(marked, **kwargs)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` without blocking the event loop."""
        if not nodes:
            return []
        async with self._ainserting(nodes) as marked:
            return await self._store.async_add(marked, **kwargs)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Search.

        Raises:
            EmbeddingSpaceError: The index has another space than the query's vector; nothing was searched.
        """
        if not query.query_embedding:
            return self._handed(self._store.query(query, **kwargs), None)
        record, _ = self._run(self._wanted([query.query_embedding]), inserting=False)
        self._check.check_length(query.query_embedding, record.space)
        return self._handed(self._store.query(query, **kwargs), record.space)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` without blocking the event loop."""
        if not query.query_embedding:
            return self._handed(await self._store.aquery(query, **kwargs), None)
        record, _ = await self._arun(self._wanted([query.query_embedding]), inserting=False)
        self._check.check_length(query.query_embedding, record.space)
        return self._handed(await self._store.aquery(query, **kwargs), record.space)

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete a document's nodes, whatever the space; an index that is empty then has no space any more."""
        self._store.delete(ref_doc_id, **delete_kwargs)
        self._forget_if_empty()

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """`delete` without blocking the event loop."""
        await self._store.adelete(ref_doc_id, **delete_kwargs)
        await self._aforget_if_empty()

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes, likewise."""
        self._store.delete_nodes(node_ids, filters, **delete_kwargs)
        self._forget_if_empty()

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """`delete_nodes` without blocking the event loop."""
        await self._store.adelete_nodes(node_ids, filters, **delete_kwargs)
        await self._aforget_if_empty()

    def clear(self) -> None:
        """Delete all nodes."""
        self._store.clear()
        self._forget_if_empty()

    async def aclear(self) -> None:
        """`clear` without blocking the event loop."""
        await self._store.aclear()
        await self._aforget_if_empty()

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id or metadata, whatever the space."""
        return [unstamped(node) for node in self._store.get_nodes(node_ids, filters)]

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` without blocking the event loop."""
        return [unstamped(node) for node in await self._store.aget_nodes(node_ids, filters)]

    def persist(self, persist_path: str, fs: AbstractFileSystem | None = None) -> None:
        """Persist the store as it does by itself; its record goes with it."""
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

    @contextmanager
    def _inserting(self, nodes: Sequence[BaseNode]) -> Iterator[Sequence[BaseNode]]:
        vectors = [node.get_embedding() for node in nodes]
        record, first = self._run(self._wanted(vectors), inserting=True)
        for vector in vectors:
            self._check.check_length(vector, record.space)
        try:
            yield self._marked(nodes, record)
        except BaseException:
            if first:
                self._forget_if_empty()
            raise

    @asynccontextmanager
    async def _ainserting(self, nodes: Sequence[BaseNode]) -> AsyncIterator[Sequence[BaseNode]]:
        vectors = [node.get_embedding() for node in nodes]
        record, first = await self._arun(self._wanted(vectors), inserting=True)
        for vector in vectors:
            self._check.check_length(vector, record.space)
        try:
            yield self._marked(nodes, record)
        except BaseException:
            if first:
                await self._aforget_if_empty()
            raise

    def _marked(self, nodes: Sequence[BaseNode], record: SpaceRecord) -> Sequence[BaseNode]:
        return [stamped(node, record) for node in nodes] if self._check.keeper.stamps else nodes

    def _handed(self, found: VectorStoreQueryResult, space: EmbeddingSpace | None) -> VectorStoreQueryResult:
        """What a search found, checked and without records, if the store has them on its nodes."""
        if self._check.keeper.stamps and found.nodes:
            if space is not None:
                self._check.check_found(found.nodes, space)
            found.nodes = [unstamped(node) for node in found.nodes]
        return found

    def _forget_if_empty(self) -> None:
        """An index that has no vectors left is of no space."""
        self._check.forget()
        held = self._check.keeper.held()
        if held.empty and held.record is not None:
            self._check.keeper.write(None)

    async def _aforget_if_empty(self) -> None:
        self._check.forget()
        held = await self._check.keeper.aheld()
        if held.empty and held.record is not None:
            await self._check.keeper.awrite(None)

    def _anew(self, wanted: EmbeddingSpace) -> BaseEmbedding:
        """The embedding model, which a sample is embedded with."""
        if not self.space.fits(wanted):
            fix = "verify it with the embedding model that the vectors are from"
            msg = (
                f"the index {self._check.index!r} can't be verified: the settings embed with {self.space}, the vectors "
            )
            raise EmbeddingSpaceError(
                f"{msg}are of {wanted}; {fix}", index=self._check.index, wanted_space=wanted, fix=fix
            )
        return self.embed_model

    def _run(self, wanted: EmbeddingSpace, *, inserting: bool) -> Checked:
        """Carry out the steps of a check."""
        keeper = self._check.keeper
        answer: Any = None
        steps = self._check.steps(wanted, inserting=inserting)
        while True:
            try:
                what, given = steps.send(answer)
            except StopIteration as ended:
                checked: Checked = ended.value
                return checked
            if what == "embed":
                answer = self._anew(wanted).get_text_embedding_batch(*given)
            elif what == "probe":
                answer = []
                with suppress(Exception):  # an empty store may refuse to be searched
                    answer = self._store.query(self._probe(wanted)).nodes or []
            else:
                answer = getattr(keeper, what)(*given)

    async def _arun(self, wanted: EmbeddingSpace, *, inserting: bool) -> Checked:
        """Carry out the steps of a check without blocking the event loop."""
        keeper = self._check.keeper
        answer: Any = None
        steps = self._check.steps(wanted, inserting=inserting)
        while True:
            try:
                what, given = steps.send(answer)
            except StopIteration as ended:
                checked: Checked = ended.value
                return checked
            if what == "embed":
                answer = await self._anew(wanted).aget_text_embedding_batch(*given)
            elif what == "probe":
                answer = []
                with suppress(Exception):
                    answer = (await self._store.aquery(self._probe(wanted))).nodes or []
            else:
                answer = await getattr(keeper, f"a{what}")(*given)

    @staticmethod
    def _probe(wanted: EmbeddingSpace) -> VectorStoreQuery:
        length = wanted.dimensions or 1
        return VectorStoreQuery(query_embedding=[length**-0.5] * length, similarity_top_k=1)
