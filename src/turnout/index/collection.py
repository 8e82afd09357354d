"""A collection: the chunks of an index in one embedding space, in a store of either framework; and what none holds."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from turnout.errors import ChunkRefusedError, CollectionGoneError, UnsupportedError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import PAGE, Chunk, Source, Target
from turnout.index.guard.keepers import RecordKeeper, StoreState, claim_record
from turnout.index.guard.records import SpaceRecord


class Collection(Target, Source):
    """A store that can be listed, searched and written with vectors.

    An older version of a chunk stays until the new one is there; if one can't be held, none is written.
    """

    name: str = ""
    write_page: ClassVar[int] = PAGE  # how many chunks are best written at once
    adoptable: ClassVar[bool] = True  # whether the guard can give it a record

    def __init__(self, keeper: RecordKeeper, name: str) -> None:
        self.name = name
        self.keeper = keeper
        self._record: SpaceRecord | None = None

    def version(self) -> object:
        """As plain data, what changes with every write to its files by whatever program; None if none can be told."""
        return None

    @property
    def flush_every(self) -> int:
        """How many chunks may be written before `flush` must be called; none: every write is durable."""
        return 0

    def normalize(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Chunks in the form in which the store gives them back; raises `ChunkRefusedError` before any is embedded."""
        for chunk in chunks:
            self._check(chunk, chunk.metadata)
        return list(chunks)

    def _check(self, chunk: Chunk, metadata: Mapping[str, Any]) -> None:
        """Refuse a chunk with these metadata that the store can't hold; left out, it can hold all."""

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
            if not self.keeper.claim(record):  # another process came first: its record is checked
                record = claim_record(self.state(), space, index=self.name, adoptable=self.adoptable)
        self._record = record


def cannot_embed(name: str, remedy: str) -> UnsupportedError:
    """The error of a collection that was opened to be moved, and was asked to embed."""
    return UnsupportedError(f"{name!r} was opened to be moved and can't embed. To search or fill it by text, {remedy}")


def chunk_refused(chunk: Chunk, index: str, key: str | None, why: str) -> ChunkRefusedError:
    """The error of a chunk that a store can't hold: for a key of its metadata, or its text or id if the key is None."""
    what = "its text or id" if key is None else f"the value of its metadata {key!r}"
    reason = f"{index!r} can't hold {what}: {why}"
    msg = f"the chunk {chunk.id!r} can't be held by {index!r}, for {what}: {why}. Nothing was embedded or written"
    return ChunkRefusedError(msg, index=index, id=chunk.id, key=key, reason=reason)


def check_strings(chunk: Chunk, metadata: Mapping[str, Any], index: str, *, null: bool = True) -> None:
    """Refuse text that is no Unicode, anywhere in a chunk, and the character NUL unless the store can hold it."""
    strings = [(key, text) for key, text in values_within(metadata) if isinstance(text, str)]
    for key, text in [*strings, (None, chunk.id), (None, chunk.text)]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise chunk_refused(chunk, index, key, f"it has half of a character ({error.reason})") from error
        if not null and "\0" in text:
            raise chunk_refused(chunk, index, key, "it has the character NUL, which PostgreSQL can't hold")


def check_json(chunk: Chunk, metadata: Mapping[str, Any], index: str) -> None:
    """Refuse metadata that can't be kept as JSON."""
    for key, value in metadata.items():
        try:
            json.dumps({key: value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise chunk_refused(chunk, index, str(key), f"it can't be kept as JSON: {error}") from error


def values_within(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each value and key in metadata, however deep, with the key of the metadata that it is under."""
    for key, value in metadata.items():
        left: list[Any] = [key, value]
        while left:
            one = left.pop()
            yield str(key), one
            if isinstance(one, dict):
                left += [*one, *one.values()]
            elif isinstance(one, list | tuple):
                left += one
