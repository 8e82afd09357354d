"""LangChain's search methods, all of which go one way: for a vector store that does something before each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document

if TYPE_CHECKING:
    from collections.abc import Sequence


class SearchMethods(ABC):
    """The search methods of a `VectorStore`, by `_search` and `_asearch`; put before `VectorStore` among the bases."""

    @abstractmethod
    def _search(self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any) -> list[Any]:
        """Search.

        Args:
            method: The method of the store that searches.
            *args: Its arguments.
            vector: The vector that is searched with, if the caller has it.
            **kwargs: Its other arguments.
        """

    @abstractmethod
    async def _asearch(
        self, method: str, *args: Any, vector: Sequence[float] | None = None, **kwargs: Any
    ) -> list[Any]:
        """`_search` with one of the store's asynchronous methods."""

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents most similar to a query.

        Raises:
            EmbeddingSpaceError: The index has another space than the query would have; nothing was searched.
            IndexBehindError: It is a named index whose collection lacks documents; nothing was searched.
        """
        return self._search("similarity_search", query, k=k, **kwargs)

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """`similarity_search` without blocking the event loop."""
        return await self._asearch("asimilarity_search", query, k=k, **kwargs)

    def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Document, float]]:
        """`similarity_search` with the store's own distance or similarity."""
        return self._search("similarity_search_with_score", *args, **kwargs)

    async def asimilarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Document, float]]:
        """`similarity_search_with_score` without blocking the event loop."""
        return await self._asearch("asimilarity_search_with_score", *args, **kwargs)

    def similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """`similarity_search` with relevance from 0 to 1."""
        return self._search("similarity_search_with_relevance_scores", query, k=k, **kwargs)

    async def asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """`similarity_search_with_relevance_scores` without blocking the event loop."""
        return await self._asearch("asimilarity_search_with_relevance_scores", query, k=k, **kwargs)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents most similar to a vector, which must be of the index's length."""
        return self._search("similarity_search_by_vector", embedding, k=k, vector=embedding, **kwargs)

    async def asimilarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """`similarity_search_by_vector` without blocking the event loop."""
        return await self._asearch("asimilarity_search_by_vector", embedding, k=k, vector=embedding, **kwargs)

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Documents that are similar to a query and differ from each other."""
        kwargs |= {"k": k, "fetch_k": fetch_k, "lambda_mult": lambda_mult}
        return self._search("max_marginal_relevance_search", query, **kwargs)

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search` without blocking the event loop."""
        kwargs |= {"k": k, "fetch_k": fetch_k, "lambda_mult": lambda_mult}
        return await self._asearch("amax_marginal_relevance_search", query, **kwargs)

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search` for a vector, which must be of the index's length."""
        kwargs |= {"k": k, "fetch_k": fetch_k, "lambda_mult": lambda_mult}
        return self._search("max_marginal_relevance_search_by_vector", embedding, vector=embedding, **kwargs)

    async def amax_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search_by_vector` without blocking the event loop."""
        kwargs |= {"k": k, "fetch_k": fetch_k, "lambda_mult": lambda_mult}
        return await self._asearch("amax_marginal_relevance_search_by_vector", embedding, vector=embedding, **kwargs)
