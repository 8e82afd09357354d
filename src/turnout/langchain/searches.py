"""LangChain's search methods, all of which go one way: for a vector store that does something before each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import wraps
from typing import Any

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore


class SearchMethods(ABC):
    """The search methods of a `VectorStore`, by `_search` and `_asearch`; put before `VectorStore` among the bases.

    Their signatures are those of `VectorStore`, and their arguments are passed on as the caller gives them.
    """

    @abstractmethod
    def _search(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Search with the store's method of this name."""

    @abstractmethod
    async def _asearch(self, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        """`_search` with one of the store's asynchronous methods."""

    def similarity_search(self, query: str, *args: Any, **kwargs: Any) -> list[Document]:
        """The documents most similar to a query.

        Raises:
            EmbeddingSpaceError: The index has another space than the query would have; nothing was searched.
            IndexBehindError: It is a named index whose collection lacks documents; nothing was searched.
        """
        return self._search("similarity_search", query, *args, **kwargs)


def _add(name: str) -> None:
    """Add a search method and its asynchronous form."""

    @wraps(getattr(VectorStore, name))
    def search(self: SearchMethods, *args: Any, **kwargs: Any) -> list[Any]:
        return self._search(name, *args, **kwargs)

    @wraps(getattr(VectorStore, f"a{name}"))
    async def asearch(self: SearchMethods, *args: Any, **kwargs: Any) -> list[Any]:
        return await self._asearch(f"a{name}", *args, **kwargs)

    if name not in vars(SearchMethods):
        setattr(SearchMethods, name, search)
    setattr(SearchMethods, f"a{name}", asearch)


for _name in (
    "similarity_search",
    "similarity_search_with_score",
    "similarity_search_with_relevance_scores",
    "similarity_search_by_vector",
    "max_marginal_relevance_search",
    "max_marginal_relevance_search_by_vector",
):
    _add(_name)
