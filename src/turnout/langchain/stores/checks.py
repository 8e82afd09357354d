"""What a check asks of a LangChain store and its embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import EmbeddingSpaceError

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore


class StoreIO:
    """A `CheckIO`.

    Args:
        store: The store.
        embeddings: What it embeds with, if that is known.
    """

    def __init__(self, store: VectorStore, embeddings: Embeddings | None) -> None:
        self._store = store
        self._embeddings = embeddings

    def embed(self, texts: list[str], /) -> list[list[float]]:
        """The vectors of documents."""
        return some(self._embeddings).embed_documents(texts)

    async def aembed(self, texts: list[str], /) -> list[list[float]]:
        """`embed` without blocking the event loop."""
        return await some(self._embeddings).aembed_documents(texts)

    def probe(self, text: str, /) -> list[Document]:
        """The nearest document."""
        return self._store.similarity_search(text, k=1)

    async def aprobe(self, text: str, /) -> list[Document]:
        """`probe` without blocking the event loop."""
        return await self._store.asimilarity_search(text, k=1)


def some(embeddings: Embeddings | None) -> Embeddings:
    """The embeddings, which there have to be.

    Raises:
        EmbeddingSpaceError: There are none.
    """
    if embeddings is None:
        fix = "guarded(store, embeddings)"
        msg = f"this store doesn't say what it embeds with; give its embeddings to {fix}"
        raise EmbeddingSpaceError(msg, fix=fix)
    return embeddings
