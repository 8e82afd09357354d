"""Which embedding space a vector is of, on its way from the embedding model to a store, and in `embeddings_cache`.

LlamaIndex's nodes copy a vector into a plain list whenever it is assigned, so that a list which carries its space would
lose it there. Its numbers stay the same: a vector is known by them. A cache's keys begin with the space, so that
another model's vector can't come back from it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Literal

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace

Purpose = Literal["document", "query"]

_PREFIX: ContextVar[str] = ContextVar("turnout_cache_prefix")
_MOST = 16_384  # vectors, at some 200 bytes each

# Hash of a vector → the spaces in which it was made. Each step on it is atomic: there is no lock.
_spaces: OrderedDict[int, frozenset[EmbeddingSpace]] = OrderedDict()


def remember(vector: list[float], space: EmbeddingSpace) -> list[float]:
    """Remember the space of a vector that was just made, which is returned, and forget the oldest ones."""
    key = hash(tuple(vector))
    _spaces[key] = _spaces.get(key, frozenset()) | {space}
    with suppress(KeyError):  # another thread made so many that this one is forgotten
        _spaces.move_to_end(key)
        while len(_spaces) > _MOST:
            _spaces.popitem(last=False)
    return vector


def spaces_of(vector: Sequence[float]) -> frozenset[EmbeddingSpace]:
    """The spaces in which this process made these numbers; none if it didn't, or long ago."""
    return _spaces.get(hash(tuple(vector)), frozenset())


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
