"""Words: tokens, stems, stop words and the split of a text into sentences."""

# ruff: noqa: RUF001 - the marks and signs that texts contain

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STOP = """
a an and are as at be been being but by can could did do does doing for from had has have having he her here
hers him his how i if in into is it its just me my of on or our she should so some such than that the their
them then there these they this those to us was we were what when where which while who whom whose why will
with would you your yours please tell give show s t
"""
STOP_WORDS = frozenset(_STOP.split())
# Endings and what takes their place.
_SUFFIXES = """
ational:ate ization:ize fulness:ful iveness:ive ations:ate ation:ate ments: ment: ingly: edly: sses:ss ies:y ing: ied:y
ors: or: ers: ed: er: ly: es:e s:
"""
_ENDINGS = tuple(suffix.split(":") for suffix in _SUFFIXES.split())
_BOUNDARY = re.compile(r"(?<=[.!?。！？])[\"'”’)\]]*\s+(?=[\"'“‘(\[*`]*[A-Z0-9À-ÞА-Я一-鿿])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|Mr|Mrs|Ms|Dr|Prof|St|No|Inc|Ltd|approx|cf|Fig|[A-Z])\.$")


def count_tokens(text: str) -> int:
    """A plain token count: words and punctuation marks."""
    return len(_TOKEN.findall(text))


def truncate_tokens(text: str, limit: int) -> str:
    """The part of a text that has at most `limit` tokens."""
    for index, match in enumerate(_TOKEN.finditer(text)):
        if index == limit:
            return text[: match.start()].rstrip()
    return text


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A lower-cased word without its commonest endings, so that `deployments` meets `deploy`."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if len(word) <= 3 or not word.isascii():
        return word
    for suffix, replacement in _ENDINGS:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(suffix)] + replacement
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def words(text: str) -> list[str]:
    """The words of a text in lower case; identifiers are taken apart."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def stems(text: str) -> list[str]:
    """The stems of the words of a text, stop words left out."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """Split running text into sentences; lines that are not running text stay whole."""
    found: list[str] = []
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if not _ABBREVIATION.search(text[start : boundary.start()]):
            found.append(text[start : boundary.end()].strip())
            start = boundary.end()
    return [sentence for sentence in [*found, text[start:].strip()] if sentence]
