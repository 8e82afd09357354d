"""A named index on each kind of LangChain's stores, at one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from tests.index.named_support import settings, use
from turnout.langchain import TurnoutIndex

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.documents import Document

    from turnout_emulator import Emulator

STORES = ["chroma", "faiss", "pgvector", "qdrant", "lancedb", "custom"]


class Place:
    """A kind of store at one place; `open` is what another process would do."""

    def __init__(self, emulator: Emulator, folder: Path, store: str, where: str, patch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self._folder = folder
        self._lines = f'store = "{store}"\n{where}'
        self._patch = patch
        self._own: dict[str, UnknownStore] = {}
        self.options: dict[str, Any] = {"open": self._open_own} if store == "custom" else {}
        self.say()

    def _open_own(self, collection: str, embeddings: Any) -> VectorStore:
        """A store that turnout doesn't know; what it holds outlives the object."""
        before = self._own.get(collection)
        made = UnknownStore(embeddings)
        if before is not None:
            made.take(before)
        self._own[collection] = made
        return made

    def say(self, more: str = "") -> None:
        """Add to the index's settings."""
        self.file = settings(self.emulator, self._folder, f"{self._lines}\n{more}")
        use(self.file, self._patch)

    def switch(self, backend: str) -> None:
        self._patch.setenv("TURNOUT_BACKEND", backend)
        self.emulator.clear()

    def open(self) -> TurnoutIndex:
        return TurnoutIndex("docs", **self.options)


class UnknownStore(VectorStore):
    """A store that turnout knows nothing of."""

    def __init__(self, embeddings: Any) -> None:
        self._held = InMemoryVectorStore(embeddings)

    @property
    def embeddings(self) -> Any:
        return self._held.embedding

    @property
    def store(self) -> dict[str, Any]:
        return self._held.store

    def take(self, other: UnknownStore) -> None:
        self._held.store = other._held.store

    def add_texts(self, texts: Any, metadatas: Any = None, *, ids: Any = None, **kwargs: Any) -> list[str]:
        return self._held.add_texts(texts, metadatas, ids=ids, **kwargs)

    def delete(self, ids: Any = None, **kwargs: Any) -> None:
        self._held.delete(ids, **kwargs)

    def get_by_ids(self, ids: Any, /) -> list[Document]:
        return self._held.get_by_ids(ids)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return self._held.similarity_search(query, k, **kwargs)

    def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Document, float]]:
        return self._held.similarity_search_with_score(*args, **kwargs)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        return self._held.similarity_search_by_vector(embedding, k, **kwargs)

    def max_marginal_relevance_search(self, *args: Any, **kwargs: Any) -> list[Document]:
        return self._held.max_marginal_relevance_search(*args, **kwargs)

    def max_marginal_relevance_search_by_vector(self, *args: Any, **kwargs: Any) -> list[Document]:
        return self._held.max_marginal_relevance_search_by_vector(*args, **kwargs)

    def _select_relevance_score_fn(self) -> Any:
        return lambda score: score

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def make_place(
    store: str, request: pytest.FixtureRequest, emulator: Emulator, folder: Path, patch: pytest.MonkeyPatch
) -> Place:
    where = f'path = "{folder / "index"}"\nallow_pickle = true'
    if store == "pgvector":
        where += f'\nconnection = "{request.getfixturevalue("database")}"'
    return Place(emulator, folder, store, where, patch)


@pytest.fixture(params=STORES)
def place(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    return make_place(request.param, request, fresh_emulator, tmp_path, monkeypatch)
