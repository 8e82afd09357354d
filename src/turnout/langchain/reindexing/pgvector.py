"""LangChain's `PGVector` in a reindex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.vectorstores import VectorStore
from langchain_postgres import PGVector
from sqlalchemy import func, select

from turnout.errors import UnsupportedError
from turnout.index.chunks import Item
from turnout.index.collection import PAGE
from turnout.index.fitting import check_json, check_strings
from turnout.langchain.reindexing.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Select

    from turnout.index.chunks import Embedded


class ThreadedPGVector(PGVector):
    """A `PGVector` on one synchronous connection, whose asynchronous methods run the others on a thread.

    LangChain's own needs a second engine for them, with `async_mode`, and then has no synchronous methods.
    """

    aget_by_ids = VectorStore.aget_by_ids
    asimilarity_search = VectorStore.asimilarity_search  # type: ignore[assignment]  # filter by name
    asimilarity_search_with_score = VectorStore.asimilarity_search_with_score
    asimilarity_search_by_vector = VectorStore.asimilarity_search_by_vector  # type: ignore[assignment]  # filter by name
    amax_marginal_relevance_search = VectorStore.amax_marginal_relevance_search  # type: ignore[assignment]  # filter by name
    amax_marginal_relevance_search_by_vector = VectorStore.amax_marginal_relevance_search_by_vector  # type: ignore[assignment]  # filter by name


class PGVectorCollection(Collection[PGVector]):
    """Read in the order of the ids, by the tables that LangChain's class gives out."""

    def __init__(self, store: PGVector, name: str | None = None) -> None:
        if store.async_mode:
            msg = "this PGVector has async_mode; open it without for a reindex"
            raise UnsupportedError(msg)
        super().__init__(store, name)

    def items(self) -> Iterator[Item]:
        """Every document, a page at a time."""
        entry = self.store.EmbeddingStore
        last = ""
        while True:
            chosen = self._of(entry.id, entry.document, entry.cmetadata).where(entry.id > last)
            rows = self._rows(chosen.order_by(entry.id).limit(PAGE))
            if not rows:
                return
            for found, text, metadata in rows:
                yield Item(found, text or "", self._unmarked(metadata))
            last = rows[-1][0]

    def count(self) -> int:
        """How many documents there are."""
        return int(self._rows(self._of(func.count()))[0][0])

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the documents that are there."""
        entry = self.store.EmbeddingStore
        rows = self._rows(self._of(entry.id, entry.document, entry.cmetadata).where(entry.id.in_(list(ids))))
        return {found: Item(found, text or "", self._unmarked(metadata)) for found, text, metadata in rows}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""
        entry = self.store.EmbeddingStore
        rows = self._rows(self._of(entry.id, entry.embedding).where(entry.id.in_(list(ids))))
        return {found: vector for found, vector in rows if vector is not None}

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """The documents, if PostgreSQL can hold them."""
        for item in items:
            check_json(item, item.metadata, self.name)
            check_strings(item, item.metadata, self.name, null=False)
        return list(items)

    def put(self, chunks: Sequence[Embedded], metadatas: list[dict[str, Any]]) -> None:
        """Add documents; refuses ids that another collection of these tables has."""
        ids = [chunk.item.id for chunk in chunks]
        self.keeper.check_ids(ids)
        vectors = [list(chunk.vector) for chunk in chunks]
        self.store.add_embeddings([chunk.item.text for chunk in chunks], vectors, metadatas, ids)

    def _of(self, *columns: Any) -> Select[Any]:
        entry, collections = self.store.EmbeddingStore, self.store.CollectionStore
        joined = select(*columns).select_from(entry).join(collections, entry.collection_id == collections.uuid)
        return joined.where(collections.name == self.store.collection_name)

    def _rows(self, chosen: Select[Any]) -> list[Any]:
        with self.store.session_maker() as session:
            return list(session.execute(chosen).all())
