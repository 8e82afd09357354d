"""`embeddings_cache` keyed by embedding space: another model's vector can't come back from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace

Purpose = Literal["document", "query"]

_PREFIX: ContextVar[str] = ContextVar("turnout_cache_prefix")


@contextmanager
def keyed(space: EmbeddingSpace, purpose: Purpose) -> Iterator[None]:
    """Until the block ends, a `SpacedCache` is of this space, and purpose: some models embed a query differently."""
    token = _PREFIX.set(f"{space}:{purpose}:")
    try:
        yield
    finally:
        _PREFIX.reset(token)


class SpacedCache(BaseKVStore):
    """A key-value store around another, whose keys begin with the embedding space and the purpose."""

    def __init__(self, store: BaseKVStore) -> None:
        self.store = store

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """Keep a value."""
        self.store.put(_key(key), val, collection=collection)

    async def aput(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """`put` without blocking the event loop."""
        await self.store.aput(_key(key), val, collection=collection)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """The value of a key."""
        return self.store.get(_key(key), collection=collection)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """The value of a key, without blocking the event loop."""
        return await self.store.aget(_key(key), collection=collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """All values, of every space, under the keys that they have in the store."""
        return self.store.get_all(collection=collection)

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """`get_all` without blocking the event loop."""
        return await self.store.aget_all(collection=collection)

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """Delete a key."""
        return self.store.delete(_key(key), collection=collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """Delete a key without blocking the event loop."""
        return await self.store.adelete(_key(key), collection=collection)


def _key(key: str) -> str:
    try:
        return _PREFIX.get() + key
    except LookupError as error:
        msg = "the space of this cache's vectors isn't known here; go through TurnoutEmbedding, or use its `store`"
        raise EmbeddingSpaceError(msg) from error
