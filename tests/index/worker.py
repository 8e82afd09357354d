"""A reindex in a process of its own, for tests that kill it or take something from it."""

from __future__ import annotations

import os
import resource
import sys
import time
from array import array
from typing import TYPE_CHECKING

from tests.index.support import Listed, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Chunk, EmbeddedChunk


def move(config: str, number: int, options: dict[str, object]) -> None:
    """Reindex made chunks into the Chroma collection of the index `docs` on Bedrock."""
    sys.exit(0 if moved(config, some(number), options) else 1)


def moved(config: str, source: Listed, options: dict[str, object]) -> bool:
    import turnout.langchain  # noqa: F401 - it opens the index's collections
    from turnout.embedding.embedder import Embedder
    from turnout.facts.spaces import space_of
    from turnout.index.migration.engine import reindex
    from turnout.index.migration.named import NamedIndex

    index = NamedIndex(str(options.pop("index", "docs")), config)
    route = index.route("bedrock")
    space = space_of(route)
    target = index.open_collection(space, create=True)
    assert target is not None
    report = reindex(
        source,
        target,
        Embedder(route, index.all_settings),
        checkpoint=index.checkpoint(space),
        sample=0,
        **options,  # type: ignore[arg-type]
    )
    return report.complete


def fill(config: str, answer: Connection) -> None:
    """Reindex the index `docs` into Bedrock from Azure, and tell how that ended."""
    from turnout.errors import ReindexLockedError
    from turnout.index.migration.named import NamedIndex

    os.environ["TURNOUT_BACKEND"] = "azure"
    try:
        answer.send(NamedIndex("docs", config).reindex("bedrock", sample=0).state)
    except ReindexLockedError as error:
        answer.send(str(error))


def hold(config: str, answer: Connection) -> None:
    """Write to the index `docs` in Bedrock's space until this is killed."""
    from turnout.index.locks import reindex_lock
    from turnout.index.migration.named import NamedIndex

    os.environ["TURNOUT_BACKEND"] = "azure"
    index = NamedIndex("docs", config)
    space = index.spaces()["bedrock"]
    with reindex_lock(index.lock(space), index.collection_name(space), patience=0):
        answer.send(os.getpid())
        time.sleep(60)


class Counted:
    """A target that keeps only how much it was given."""

    name = "counted"
    flush_every = 0

    def __init__(self) -> None:
        self.written = 0

    def claim(self, space: EmbeddingSpace, *, dry: bool = False) -> None:
        pass

    def count(self) -> int:
        return self.written

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        return {}

    def vectors(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        return {}

    def search(self, vector: Sequence[float], k: int) -> list[Chunk]:
        return []

    def write(self, chunks: Sequence[EmbeddedChunk]) -> None:
        assert all(isinstance(chunk.vector, array) for chunk in chunks)
        self.written += len(chunks)

    def delete(self, ids: Sequence[str]) -> None:
        pass

    def flush(self) -> None:
        pass


class Streamed(Listed):
    """Chunks that exist only while they are read."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def chunks(self) -> Iterator[Chunk]:
        from turnout.index.chunks import Chunk

        for n in range(self._number):
            yield Chunk(f"chunk-{n}", f"track {n} leads to depot {n * 7919 % 10007}", {"filler": f"{n}" * 5000})


def peak(config: str, number: int, checkpoint: str, answer: Connection) -> None:
    """Tell the peak of this process's memory, in bytes, after a reindex that keeps nothing."""
    from pathlib import Path

    from turnout.embedding.embedder import Embedder
    from turnout.index import stream
    from turnout.index.migration.engine import reindex
    from turnout.index.migration.named import NamedIndex

    stream.PENDING = 512  # so that a small test has many times as much
    index = NamedIndex("docs", config)
    embedder = Embedder(index.route("azure"), index.all_settings)
    target = Counted()
    reindex(Streamed(number), target, embedder, checkpoint=Path(checkpoint), sample=0)
    answer.send((target.written, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
