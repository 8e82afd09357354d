"""What a check asks of a LlamaIndex store and its embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.vector_stores.types import VectorStoreQuery

from turnout.errors import EmbeddingSpaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.schema import BaseNode

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.llama_index.stores.guard import GuardedVectorStore


class StoreIO:
    """A `CheckIO`.

    Args:
        guard: Has the store and its embedding model.
        wanted: The space that the store is checked against.
        index: What to call the index in an error.
    """

    def __init__(self, guard: GuardedVectorStore, wanted: EmbeddingSpace, index: str) -> None:
        self._guard = guard
        self._wanted = wanted
        self._index = index

    def embed(self, texts: list[str], /) -> list[list[float]]:
        """The vectors of documents."""
        return self._model().get_text_embedding_batch(texts)

    async def aembed(self, texts: list[str], /) -> list[list[float]]:
        """`embed` without blocking the event loop."""
        return await self._model().aget_text_embedding_batch(texts)

    def probe(self, text: str, /) -> Sequence[BaseNode]:
        """The node nearest to a vector that is no text's: what the text's would be isn't asked."""
        del text
        return self._guard.store.query(self._nearest()).nodes or ()

    async def aprobe(self, text: str, /) -> Sequence[BaseNode]:
        """`probe` without blocking the event loop."""
        del text
        return (await self._guard.store.aquery(self._nearest())).nodes or ()

    def _model(self) -> BaseEmbedding:
        """The embedding model, if it is that of the vectors."""
        now = self._guard.space
        if not now.fits(self._wanted):
            fix = "verify it with the embedding model that the vectors are from"
            msg = (
                f"the index {self._index!r} can't be verified: the settings embed with {now}, the vectors are of "
                f"{self._wanted}; {fix}"
            )
            raise EmbeddingSpaceError(msg, index=self._index, wanted_space=self._wanted, fix=fix)
        return self._guard.embed_model

    def _nearest(self) -> VectorStoreQuery:
        length = self._wanted.dimensions or 1
        return VectorStoreQuery(query_embedding=[length**-0.5] * length, similarity_top_k=1)
