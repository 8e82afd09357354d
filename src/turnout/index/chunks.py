"""Chunks, where they come from and where they go: protocols that any store can fill."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from turnout.facts.spaces import EmbeddingSpace

PAGE = 256  # chunks that are read or written at once
_DIGEST = 16  # bytes
_as_json = json.JSONEncoder(sort_keys=True, default=repr, ensure_ascii=False).encode

if TYPE_CHECKING:
    Floats = array[float]
else:
    Floats = array  # which has no members' type before Python 3.12


class Digests(NamedTuple):
    """What tells one version of a chunk from another: a new text must be embedded, new metadata only written."""

    text: bytes
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of an index.

    Attributes:
        id: Its id in the index.
        text: What is embedded.
        metadata: What the index keeps beside it.
    """

    id: str
    text: str
    metadata: dict[str, Any]

    @property
    def digests(self) -> Digests:
        """The digests of its text and its metadata."""
        return Digests(self.text_digest, _digest(_as_json(self.metadata)))

    @property
    def text_digest(self) -> bytes:
        """The digest of its text."""
        return _digest(self.text)

    def with_vector(self, vector: Sequence[float]) -> EmbeddedChunk:
        """The chunk with its vector."""
        return EmbeddedChunk(self.id, self.text, self.metadata, array("d", vector))


@dataclass(frozen=True, slots=True)
class EmbeddedChunk(Chunk):
    """A chunk with its vector, of doubles."""

    vector: Floats


@dataclass(frozen=True, slots=True)
class RefusedChunk:
    """A chunk that can't be embedded, and why."""

    chunk: Chunk
    reason: str


class Source(Protocol):
    """Where the chunks are."""

    @property
    def name(self) -> str:
        """What to call it in a report."""

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk once, in an order that doesn't matter, without holding all of them."""


class Searchable(Protocol):
    """A collection with vectors, which the check at the end looks into."""

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """The vectors of those ids that it has."""

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        """The nearest chunks, nearest first."""


class Target(Searchable, Protocol):
    """The collection that is filled."""

    @property
    def name(self) -> str:
        """What to call it in a report and in errors."""

    @property
    def flush_every(self) -> int:
        """How many chunks may be written before `flush` must be called; 0 if every `write` is durable."""

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Make it a collection of this space, if it is empty; otherwise check that it is one.

        Args:
            space: The space.
            dry: Whether to check only.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known.
        """

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Those of the chunks that it has."""

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """Add chunks, in place of those with the same ids."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks; ids that it doesn't have are left out."""

    def flush(self) -> None:
        """Make durable what was written and deleted."""

    def count(self) -> int:
        """How many chunks it has."""


def pages(chunks: Iterator[Chunk], size: int = PAGE) -> Iterator[list[Chunk]]:
    """Chunks in lists of a size."""
    while page := list(islice(chunks, size)):
        yield page


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
