"""What the RAG application is, whichever framework it is written on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from turnout.cli.documents import Page
    from turnout.index.chunks import Chunk
    from turnout.index.named import Index

INSTRUCTIONS = (
    "Answer the question from the context alone, in a few sentences. "
    "Name the source of what you say in brackets, as the context names it. "
    "If the context doesn't say, answer that you don't find it there."
)
RELEVANCE_FLOOR = 0.6
"""A chunk is used if its score is at least this share of the best chunk's."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk.

    Attributes:
        text: Its text.
        source: Where it is from, like `guide.md` or `report.pdf, page 3`.
        score: Cosine similarity to the question.
        chunk: The framework's own object.
    """

    text: str
    source: str
    score: float
    chunk: Any


Cut = tuple[str, "Callable[[str], Chunk]"]
"""A chunk's text, and the chunk under an id."""


class Application(Protocol):
    """The application's steps, each a few lines of the framework's own code."""

    def split(self, pages: Sequence[Page]) -> list[Any]:
        """Cut texts into chunks, each with its source."""

    def embed(self, chunks: list[Any]) -> None:
        """Embed chunks and put them into the index."""

    def retrieve(self, question: str, top_k: int) -> list[Hit]:
        """Find the chunks that are nearest to a question."""

    def answer(self, question: str, hits: Sequence[Hit], *, stream: bool) -> Iterator[str]:
        """Answer from chunks: in pieces as they come, or as one."""


class IndexedApplication(Application, Protocol):
    """The application on a named index, which keeps what was embedded.

    Attributes:
        named: The index.
    """

    named: Index


def relevant(hits: Sequence[Hit]) -> list[Hit]:
    """The hits worth reading, best first: those that score at least `RELEVANCE_FLOOR` of the best one's score."""
    ranked = sorted(hits, key=lambda hit: -hit.score)
    return [hit for hit in ranked if hit.score >= RELEVANCE_FLOOR * ranked[0].score]


def sources_of(hits: Sequence[Hit]) -> list[str]:
    """The sources of the chunks that an answer was made from, best first."""
    return list(dict.fromkeys(hit.source for hit in hits))


def cited(answer: str, hits: Sequence[Hit]) -> list[str]:
    """Those of them that the answer names."""
    return [source for source in sources_of(hits) if _cites(answer, source)]


def _cites(answer: str, source: str) -> bool:
    """Whether an answer names a source as a whole: `guide.md` is not cited by `big-guide.md`."""
    return re.search(rf"(?<![\w./-]){re.escape(source)}(?!\w|, page|[./-]\w)", answer) is not None
