"""What the tests of reindex move, and what they count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from turnout.index.chunks import Chunk
from turnout.langchain.reindexing import collection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.langchain.stores import VectorStoreCollection
    from turnout_emulator import Emulator


@dataclass
class Listed:
    """A source of chunks that are made as they are read."""

    texts: dict[str, tuple[str, dict[str, object]]] = field(default_factory=dict)
    name: str = "listed"

    def chunks(self) -> Iterator[Chunk]:
        for found, (text, metadata) in self.texts.items():
            yield Chunk(found, text, metadata)

    def count(self) -> int | None:
        return len(self.texts)


def some(number: int, *, word: str = "track") -> Listed:
    """Chunks of a few words each, no two alike."""
    return Listed(
        {
            f"chunk-{n:05}": (
                f"{word} {n} leads to depot {n * 7919 % 10007} on line {n % 13}",
                {"line": n % 13, "n": n},
            )
            for n in range(number)
        }
    )


class NoEmbeddings(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise NotImplementedError

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError


def memory(name: str = "memory") -> VectorStoreCollection[InMemoryVectorStore]:
    """An empty target."""
    return collection_of(InMemoryVectorStore(NoEmbeddings()), name)


def sent(emulator: Emulator) -> Counter[str]:
    """How often each text was answered."""
    texts: Counter[str] = Counter()
    for request in emulator.requests:
        if request.operation == "embeddings" and request.status == 200:
            given = request.body.get("input", request.body.get("inputText"))
            texts.update([given] if isinstance(given, str) else given)
    return texts
