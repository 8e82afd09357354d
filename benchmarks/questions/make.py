"""Passages of Markdown files, and a question for each."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_WORD = re.compile(r"[a-z][a-z0-9_-]{3,}")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FEWEST_WORDS, _LONGEST = 8, 1500
_ASKED = 5  # words in a question


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a file that says something by itself.

    Attributes:
        id: Changes with its text.
        source: The file's name.
        heading: What it is under.
        text: The heading and its text.
    """

    id: str
    source: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, and the id of the passage that answers it."""

    question: str
    passage: str


def passages(files: Iterable[Path]) -> list[Passage]:
    """The passages of Markdown files, in order; of those that are alike, the first."""
    found: dict[str, Passage] = {}
    for file in sorted(files):
        heading = file.stem
        text = _COMMENT.sub("", _FENCE.sub("", file.read_text(encoding="utf-8")))
        for block in re.split(r"\n\s*\n|\n(?=[-*|] ?)", text):
            first, _, rest = block.partition("\n")
            if block.startswith("#"):
                heading = first.strip("# ")
            said = " ".join((rest if block.startswith("#") else block).split())
            if len(_words(said)) < _FEWEST_WORDS or len(said) > _LONGEST:
                continue
            whole = f"{heading}: {said}"
            made = hashlib.sha256(whole.encode()).hexdigest()[:16]
            found.setdefault(made, Passage(made, file.name, heading, whole))
    return list(found.values())


def pairs(among: Sequence[Passage]) -> list[Pair]:
    """A question for each passage: its heading, and those of its words that fewest other passages have."""
    frequency = Counter(word for passage in among for word in set(_words(passage.text)))
    made = []
    for passage in among:
        words = sorted(set(_words(passage.text)), key=lambda word: (frequency[word], word))[:_ASKED]
        scattered = sorted(words, key=lambda word: hashlib.sha256(f"{passage.id}{word}".encode()).digest())
        made.append(Pair(f"{passage.heading}: what about {', '.join(scattered)}?", passage.id))
    return made


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
