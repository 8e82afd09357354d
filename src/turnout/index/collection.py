"""A collection: the chunks of an index in one embedding space, in a store of either framework."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from turnout.errors import CollectionGoneError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, Source, Target
from turnout.index.guard.keepers import RecordKeeper, StoreState, claim_record
from turnout.index.guard.records import SpaceRecord


class Collection(Target, Source):
    """A store that can be listed, searched and written with vectors.

    An older version of a chunk stays until the new one is there; if one can't be held, none is written.

    Attributes:
        name: What it is called in reports and errors.
        keeper: Keeps the record of its space.
        flush_every: How many chunks may be written before `flush`.
        adoptable: Whether the guard can give it a record.
    """

    name: str = ""
    flush_every: ClassVar[int] = 0
    adoptable: ClassVar[bool] = True

    def __init__(self, keeper: RecordKeeper, name: str) -> None:
        self.name = name
        self.keeper = keeper
        self._record: SpaceRecord | None = None

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Chunks in the form in which the store gives them back; raises `ChunkRefusedError` before any is embedded."""
        return list(chunks)

    def flush(self) -> None:
        """Nothing: every write is durable."""

    @abstractmethod
    def drop(self) -> None:
        """Remove it, for good."""

    def state(self) -> StoreState:
        """What it has, read anew."""
        return self.keeper.state()

    def is_lost(self) -> bool:
        """Whether it isn't there any more, or has no record of its space any more."""
        try:
            state = self.state()
        except CollectionGoneError:
            return True
        return state.record is None and state.empty is not None

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Write the record of a space, if it is empty; otherwise check that it has that record."""
        state = self.state()
        record = claim_record(state, space, index=self.name, adoptable=self.adoptable)
        if state.record is None:
            if dry:
                return
            self.keeper.write(record)
        self._record = record


def cannot_embed(name: str, remedy: str) -> UnsupportedError:
    """The error of a collection that was opened to be moved, and was asked to embed."""
    return UnsupportedError(f"{name!r} was opened to be moved and can't embed. To search or fill it by text, {remedy}")
