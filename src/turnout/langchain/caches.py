"""`cached(embeddings, store)`: LangChain's `CacheBackedEmbeddings`, one for each embedding space."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from langchain_core.embeddings import Embeddings
from langchain_core.stores import ByteStore

from turnout.embedding.batching import half_pair
from turnout.errors import InvalidRequestError, MissingExtraError
from turnout.facts.spaces import EmbeddingSpace, folder_name
from turnout.langchain.errors import as_langchain

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from langchain_classic.embeddings import CacheBackedEmbeddings


KeyEncoder = Literal["sha1", "blake2b", "sha256", "sha512"]


class CachedEmbeddings(Embeddings):
    """Embeddings with a cache that another model's vector can't come back from.

    Keys begin with the embedding space, so that a switch of the backend is a switch of the cached vectors too, and the
    same model's vectors come back wherever it is served.

    Args:
        embeddings: What embeds the texts that the cache doesn't have; it has to know its space, like
            `TurnoutEmbeddings`.
        store: Where vectors are kept, like `LocalFileStore` or `InMemoryByteStore`.
        queries: Whether queries are kept too, or where else they are.
        batch_size: Documents that are embedded before the next are kept; left out, all at once.
        key_encoder: The hash of a text that makes its key.

    Raises:
        TypeError: The embeddings don't say their space.
        MissingExtraError: langchain-classic, which has the cache, is not installed; raised when it is first used.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        store: ByteStore,
        *,
        queries: bool | ByteStore = True,
        batch_size: int | None = None,
        key_encoder: KeyEncoder = "sha256",
    ) -> None:
        if not hasattr(embeddings, "space"):
            raise TypeError(f"{type(embeddings).__name__} doesn't say its embedding space, which the cache goes by")
        self.embeddings = embeddings
        self._store = store
        self._queries = queries
        self._batch_size = batch_size
        self._key_encoder: KeyEncoder = key_encoder

    @property
    def space(self) -> EmbeddingSpace:
        """The space of the vectors, as the settings are now."""
        space: EmbeddingSpace = self.embeddings.space
        return space

    @contextmanager
    def pinned(self) -> Iterator[EmbeddingSpace]:
        """Go by the settings as they are now until the block ends."""
        pinned: AbstractContextManager[object] = getattr(self.embeddings, "pinned", nullcontext)()
        with pinned:
            yield self.space

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents, those that the cache doesn't have."""
        with self._keyed(texts) as space:
            return self._backed(space, "document").embed_documents(texts)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents without blocking the event loop."""
        with self._keyed(texts) as space:
            return await self._backed(space, "document").aembed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Embed a query, unless the cache has it."""
        with self._keyed([text]) as space:
            return self._backed(space, "query").embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Embed a query without blocking the event loop."""
        with self._keyed([text]) as space:
            return await self._backed(space, "query").aembed_query(text)

    @contextmanager
    def _keyed(self, texts: list[str]) -> Iterator[EmbeddingSpace]:
        try:
            with self.pinned() as space:
                yield space
        except UnicodeEncodeError as error:  # a text's key is a hash of its bytes
            raise as_langchain(InvalidRequestError(half_pair(texts.index(error.object), error))) from error

    def _backed(self, space: EmbeddingSpace, purpose: Literal["document", "query"]) -> CacheBackedEmbeddings:
        try:
            from langchain_classic.embeddings import CacheBackedEmbeddings
        except ImportError as error:
            raise MissingExtraError("a cache of embeddings needs LangChain's: pip install langchain-classic") from error
        # Queries have a namespace of their own: some models embed the same text differently as a query.
        queries = self._store if self._queries is True else self._queries
        return CacheBackedEmbeddings.from_bytes_store(
            self.embeddings,
            self._store,
            namespace=f"{folder_name(space)}/{purpose}/",
            batch_size=self._batch_size,
            query_embedding_cache=queries if purpose == "query" else False,
            key_encoder=self._key_encoder,
        )


cached = CachedEmbeddings
