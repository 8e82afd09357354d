"""A collection that keeps a record of its space: what those of both frameworks' stores share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from turnout.errors import CollectionGoneError, UnsupportedError
from turnout.index.guard.keepers import claimed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Embedded, Item
    from turnout.index.guard.keepers import Held, RecordKeeper
    from turnout.index.guard.records import SpaceRecord

PAGE = 256
"""Chunks that are read at once."""


class RecordedCollection(ABC):
    """A store that can be listed and written with given vectors; fills `Source` and `Target`.

    Attributes:
        keeper: Keeps the record.
        name: What it is called in reports and errors.
        flush_every: How many chunks may be written before `flush`.
        adoptable: Whether the guard can give it a record.
    """

    flush_every: ClassVar[int] = 0
    adoptable: ClassVar[bool] = True

    def __init__(self, keeper: RecordKeeper[Any], name: str) -> None:
        self.name = name
        self.keeper = keeper
        self._record: SpaceRecord | None = None

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Every chunk, a page at a time."""

    @abstractmethod
    def count(self) -> int:
        """How many chunks there are."""

    @abstractmethod
    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the chunks that are there."""

    @abstractmethod
    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Their vectors."""

    @abstractmethod
    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest chunks, nearest first."""

    def fit(self, items: Sequence[Item]) -> list[Item]:
        """Chunks as the store holds them, before any is written.

        Raises:
            ChunkRefusedError: It can't hold one as it is.
        """
        return list(items)

    @abstractmethod
    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add chunks, in place of those with the same ids.

        An older version stays until the new one is there; if one can't be held, none is written.

        Raises:
            ChunkRefusedError: The store can't hold a chunk as it is.
        """

    @abstractmethod
    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks; ids that aren't there are left out."""

    def flush(self) -> None:  # noqa: B027 - few stores have something to do
        """Nothing: every write is durable."""

    def held(self) -> Held:
        """What it holds, read anew.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """
        return self.keeper.held()

    def is_lost(self) -> bool:
        """Whether it isn't there any more, or has no record of its space any more.

        Raises:
            EmbeddingSpaceError: The record isn't as it was written.
        """
        try:
            held = self.held()
        except CollectionGoneError:
            return True
        return held.record is None and held.empty is not None

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Write the record of a space, if it is empty; otherwise check that it has that record.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known, or a record that isn't as
                it was written.
        """
        held = self.held()
        record = claimed(held, space, index=self.name, adoptable=self.adoptable)
        if held.record is None:
            if dry:
                return
            self.keeper.write(record)
        self._record = record


def cannot_embed(name: str, remedy: str) -> UnsupportedError:
    """The error of a collection that was opened to be moved, and was asked to embed.

    Args:
        name: What the collection is called.
        remedy: What to use instead.
    """
    why = f"{name!r} was opened to be moved, with vectors that are given, and can't embed"
    return UnsupportedError(f"{why}. To search or fill it by text, {remedy}")
