"""Which embedding space a vector is of, while it is on its way from the embedding model to a store.

LlamaIndex's nodes copy a vector into a plain list whenever it is assigned, so that a list which carries its space would
lose it there. Its numbers stay the same: a vector is known by them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from turnout.facts.spaces import EmbeddingSpace

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
