"""Every way to search a LangChain vector store goes through the guard."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langchain_core.vectorstores import VectorStore

from turnout.langchain.searches import SearchMethods

ONE_WAY = {"search", "asearch"}  # they call one of the others


class Noted(SearchMethods):
    """Says how it was searched."""

    def _search(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return method, args, kwargs

    async def _asearch(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return method, args, kwargs


METHODS = [
    name
    for name in dir(VectorStore)
    if "search" in name and not name.startswith("_") and name not in ONE_WAY and callable(getattr(VectorStore, name))
]


def test_langchain_has_no_way_to_search_that_goes_past() -> None:
    assert len(METHODS) == 12
    assert set(METHODS) <= vars(SearchMethods).keys()


@pytest.mark.parametrize("name", METHODS)
async def test_a_search_is_the_stores_own_with_all_that_was_given(name: str) -> None:
    asked: Any = [0.5, 0.5] if name.endswith("by_vector") else "When are keys rotated?"
    options = {"k": 2, "filter": {"page": 1}}
    if "marginal" in name:
        options |= {"fetch_k": 9, "lambda_mult": 0.25}
    found: Any = getattr(Noted(), name)(asked, **options)
    if inspect.isawaitable(found):
        found = await found
    assert found == (name, (asked,), options)
