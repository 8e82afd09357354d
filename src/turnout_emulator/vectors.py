"""Lexical vectors: hashed words and character n-grams.

A text's vector is the sum of the vectors of its distinct words; a word's vector is one signed entry in each of several
bands of growing width, so that a shortened vector still carries every word, and a weaker entry for each of its
character 4-grams, so that related forms meet. Stop words count little. The hash is salted by the embedding space:
vectors of different models point in unrelated directions, as real ones do.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from hashlib import blake2b
from itertools import pairwise

from turnout_emulator.brain.words import STOP_WORDS, stem, words

_BANDS = (0, 64, 256, 512, 1024, 1536, 3072)
_GRAM = 4
_GRAM_WEIGHT = 0.3
_STOP_WEIGHT = 0.05
_BIAS = 0.02  # keeps the vector of an empty text from being zero
_CACHE_LIMIT = 200_000

_cache: dict[tuple[str, int, str], tuple[tuple[int, float], ...]] = {}


def embed(text: str, *, space: str, dimensions: int, full: int | None = None, purpose: str = "") -> list[float]:
    """The unit vector of a text.

    Args:
        text: What to embed.
        space: The embedding space, which salts the hash.
        dimensions: Length of the vector.
        full: Length of the model's full vector, when a shorter one is the beginning of it made a unit again.
        purpose: A query/document purpose, which shifts the vector slightly within its space.
    """
    length = full or dimensions
    vector = [0.0] * length
    for word, count in Counter(words(text)).items():
        frequency = 1.0 + math.log(count)
        for index, value in _entries(space, length, word):
            vector[index] += frequency * value
    for index, value in _entries(space, length, f"\0{purpose}"):
        vector[index] += _BIAS * value
    if dimensions < length:
        del vector[dimensions:]
    norm = math.sqrt(math.fsum(value * value for value in vector)) or 1.0
    return [value / norm for value in vector]


def _entries(space: str, length: int, word: str) -> tuple[tuple[int, float], ...]:
    key = (space, length, word)
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        found = _cache[key] = _make_entries(space, length, word)
    return found


def _make_entries(space: str, length: int, word: str) -> tuple[tuple[int, float], ...]:
    weight = _STOP_WEIGHT if word in STOP_WORDS else 1.0
    root = stem(word)
    entries: list[tuple[int, float]] = []
    bands = [bound for bound in _BANDS if bound < length] + [length]
    numbers = _hash(space, root)
    for position, (low, high) in enumerate(pairwise(bands)):
        number = numbers[position]
        entries.append((low + (number >> 1) % (high - low), weight if number & 1 else -weight))
    padded = f"<{root}>"
    for start in range(max(0, len(padded) - _GRAM + 1)):
        number = _hash(space, "#" + padded[start : start + _GRAM])[0]
        value = weight * _GRAM_WEIGHT
        entries.append(((number >> 1) % length, value if number & 1 else -value))
    return tuple(entries)


def _hash(space: str, feature: str) -> tuple[int, ...]:
    digest = blake2b(feature.encode(), digest_size=56, key=blake2b(space.encode(), digest_size=32).digest()).digest()
    return struct.unpack("<7Q", digest)
