"""A table of chunks in LanceDB as a LangChain vector store.

LangChain's own class is for texts whose metadata have the same keys, gives back no ids, and by default replaces all
that is there whenever something is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from turnout.errors import UnsupportedError
from turnout.index.lancedb import metadata_equals, one_of
from turnout.langchain.stores import new_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from langchain_core.embeddings import Embeddings

    from turnout.index.lancedb import Found, LanceTable


class LanceVectorStore(VectorStore):
    """A table of chunks, compared by cosine.

    A `filter` is a dict of metadata that must be equal, or an SQL condition in LanceDB's words, in which `metadata` is
    JSON: `json_get_int(metadata, 'page') > 3`.

    Args:
        lance: The table.
        embeddings: What texts and queries are embedded with.
    """

    def __init__(self, lance: LanceTable, embeddings: Embeddings) -> None:
        self.lance = lance
        self._embeddings = embeddings

    @property
    def embeddings(self) -> Embeddings:
        """What texts and queries are embedded with."""
        return self._embeddings

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Embed texts and add them, in place of those with the same ids."""
        del kwargs
        chunks = new_chunks(texts, metadatas, ids)
        vectors = self._embeddings.embed_documents([chunk.text for chunk in chunks])
        embedded = [chunk.with_vector(vector) for chunk, vector in zip(chunks, vectors, strict=True)]
        self.lance.write(embedded, [chunk.metadata for chunk in chunks])
        return [chunk.id for chunk in chunks]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete by id; everything without ids."""
        del kwargs
        if ids is None or ids:
            self.lance.delete("true" if ids is None else one_of("id", ids))
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents by their ids."""
        found = {row.chunk.id: row for row in self.lance.with_ids(ids)}
        return [_document(found[one]) for one in ids if one in found]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents most similar to a query."""
        return self.similarity_search_by_vector(self._embeddings.embed_query(query), k, **kwargs)

    def similarity_search_with_score(self, query: str, k: int = 4, **kwargs: Any) -> list[tuple[Document, float]]:
        """The same, each with its distance: 1 less the cosine."""
        found = self._nearest(self._embeddings.embed_query(query), k, **kwargs)
        return [(_document(row), row.distance) for row in found]

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents most similar to a vector."""
        return list(map(_document, self._nearest(embedding, k, **kwargs)))

    def max_marginal_relevance_search(self, query: str, *args: Any, **kwargs: Any) -> list[Document]:
        """Documents similar to a query, and unlike each other."""
        return self.max_marginal_relevance_search_by_vector(self._embeddings.embed_query(query), *args, **kwargs)

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Documents similar to a vector, and unlike each other."""
        import numpy as np

        found = self._nearest(embedding, fetch_k, with_vectors=True, **kwargs)
        vectors = [list(row.vector) for row in found]
        chosen = maximal_marginal_relevance(np.array(embedding), vectors, lambda_mult, k) if found else []
        return [_document(found[place]) for place in chosen]

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> NoReturn:
        """Not there: a named index opens its table."""
        raise UnsupportedError("a LanceVectorStore is made of a table, and its texts are added by add_texts")

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return self._cosine_relevance_score_fn

    def _nearest(
        self,
        vector: Sequence[float],
        k: int,
        *,
        filter: Mapping[str, Any] | str | None = None,  # noqa: A002 - LangChain's name
        with_vectors: bool = False,
    ) -> list[Found]:
        if not isinstance(filter, str):
            filter = " AND ".join(metadata_equals(key, value) for key, value in (filter or {}).items())  # noqa: A001
        return self.lance.nearest(vector, k, filter or None, with_vectors=with_vectors)


def _document(row: Found) -> Document:
    return Document(row.chunk.text, id=row.chunk.id, metadata=row.chunk.metadata)
