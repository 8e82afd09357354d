"""What the RAG application is, whichever framework it is written on."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.index.named import Index

INSTRUCTIONS = (
    "Answer the question from the context alone, in a few sentences. "
    "Name the source of what you say in brackets, as the context names it. "
    "If the context doesn't say, answer that you don't find it there."
)
RELEVANCE_FLOOR = 0.6
"""A chunk is used if its score is at least this share of the best chunk's."""


class Hit(NamedTuple):
    """A retrieved chunk."""

    text: str
    source: str  # like `guide.md` or `report.pdf, page 3`
    score: float  # cosine similarity to the question
    chunk: Any  # the framework's own object


class Application(Protocol):
    """The application's steps, each a few lines of the framework's own code."""

    named: Index | None  # keeps what was embedded; None if that is for one question alone

    def embed(self, chunks: list[Any]) -> None:
        """Embed chunks for one question and put them into the store."""

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question."""

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""


def chunk_ids(source: str, texts: Sequence[str]) -> list[str]:
    """The ids of a document's chunks in an index, by source and text: a changed chunk is a new one, the others stay."""
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        seen[text] += 1
        data = f"{source}\n{seen[text]}\n{text}".encode("utf-8", "surrogatepass")
        ids.append(hashlib.sha256(data).hexdigest()[:32])
    return ids


def relevant(hits: Sequence[Hit]) -> list[Hit]:
    """The hits worth reading, best first: those that score at least `RELEVANCE_FLOOR` of the best one's score."""
    ranked = sorted(hits, key=lambda hit: -hit.score)
    return [hit for hit in ranked if hit.score >= RELEVANCE_FLOOR * ranked[0].score]


def sources_of(hits: Sequence[Hit]) -> list[str]:
    """The sources of the chunks that an answer was made from, best first."""
    return list(dict.fromkeys(hit.source for hit in hits))


def cited(answer: str, hits: Sequence[Hit]) -> list[str]:
    """Those of them that the answer names as a whole: `guide.md` is not cited by `big-guide.md`."""
    return [
        source
        for source in sources_of(hits)
        if re.search(rf"(?<![\w./-]){re.escape(source)}(?!\w|, page|[./-]\w)", answer)
    ]
