"""What is moved, where it comes from and where it goes: protocols that each framework's side fills."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from turnout.facts.spaces import EmbeddingSpace

_DIGEST = 16  # bytes


if TYPE_CHECKING:
    Floats = array[float]
else:
    Floats = array  # which has no members' type before Python 3.12


@dataclass(frozen=True, slots=True)
class Item:
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
    def text_digest(self) -> bytes:
        """Changes when the text does: then it must be embedded anew."""
        return _digest(self.text)

    @property
    def metadata_digest(self) -> bytes:
        """Changes when the metadata do: then it must be written anew."""
        return _digest(json.dumps(self.metadata, sort_keys=True, default=repr, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Embedded:
    """A chunk with its vector, of doubles."""

    item: Item
    vector: Floats


class Source(Protocol):
    """Where the chunks are."""

    @property
    def name(self) -> str:
        """What to call it in a report."""
        ...

    def items(self) -> Iterator[Item]:
        """Every chunk once, in an order that doesn't matter, without holding all of them."""
        ...

    def count(self) -> int | None:
        """How many there are, if that can be said without reading them."""
        ...


class Searchable(Protocol):
    """A collection with vectors, which the check at the end looks into."""

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """The vectors of those ids that it has."""
        ...

    def search(self, vector: Sequence[float], k: int) -> list[Item]:
        """The nearest chunks, nearest first."""
        ...


class Target(Searchable, Protocol):
    """The collection that is filled."""

    @property
    def name(self) -> str:
        """What to call it in a report and in errors."""
        ...

    @property
    def flush_every(self) -> int:
        """How many chunks may be written before `flush` must be called; 0 if every `write` is durable."""
        ...

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        """Make it a collection of this space, if it is empty; otherwise check that it is one.

        Args:
            space: The space.
            dry: Whether to check only.

        Raises:
            EmbeddingSpaceError: It has vectors of another space, or of one that isn't known.
        """
        ...

    def get(self, ids: Sequence[str]) -> dict[str, Item]:
        """Those of the chunks that it has."""
        ...

    def write(self, chunks: Sequence[Embedded]) -> None:
        """Add chunks, in place of those with the same ids."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Remove chunks; ids that it doesn't have are left out."""
        ...

    def flush(self) -> None:
        """Make durable what was written and deleted."""
        ...

    def count(self) -> int:
        """How many chunks it has."""
        ...


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
