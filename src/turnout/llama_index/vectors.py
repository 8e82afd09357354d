"""Which embedding space a vector is of, while it is on its way from the embedding model to a store."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from turnout import runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.facts.spaces import EmbeddingSpace

_MOST = 16_384  # vectors, at some 200 bytes each


class VectorSpaces:
    """The spaces of the vectors that were made last, found by their numbers.

    LlamaIndex hands a store lists of numbers, which nodes copy, so that a vector can't carry its space itself.

    Attributes:
        most: How many vectors are remembered.
    """

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self._spaces: OrderedDict[int, frozenset[EmbeddingSpace]] = OrderedDict()
        self.renew()
        runtime.renewed_in_child(self)

    def renew(self) -> None:
        """Nobody is noting anything, in a forked child."""
        self._lock = Lock()

    def note(self, vectors: Iterable[Sequence[float]], space: EmbeddingSpace) -> None:
        """Remember vectors, and forget the oldest."""
        keys = [hash(tuple(vector)) for vector in vectors]
        with self._lock:
            for key in keys:
                self._spaces[key] = self._spaces.pop(key, frozenset()) | {space}
            while len(self._spaces) > self.most:
                self._spaces.popitem(last=False)

    def of(self, vector: Sequence[float]) -> frozenset[EmbeddingSpace]:
        """The spaces in which these numbers were made; none if they weren't, or long ago."""
        return self._spaces.get(hash(tuple(vector)), frozenset())


MADE = VectorSpaces()
"""What this process made."""
