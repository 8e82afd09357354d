"""What a reindex has done so far, in SQLite, and by that what is left: a run that was killed goes on from there."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, NamedTuple

from turnout.errors import EmbeddingSpaceError, ReindexError
from turnout.facts.models import price_of
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk, Source, Target, pages
from turnout.index.files import Database, Value
from turnout.index.migration.report import Estimate
from turnout.routing import Route

_FORMAT = "1"

Found = Callable[[Sequence[str]], Mapping[str, Chunk]]  # ids → those of the chunks that a target has

_TABLES = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunk (
    id TEXT PRIMARY KEY, text BLOB NOT NULL, metadata BLOB NOT NULL, state INTEGER NOT NULL,
    run INTEGER NOT NULL, reason TEXT, vector BLOB
);
"""


class State(IntEnum):
    """How far a chunk has come."""

    SAVED = 0  # its vector is here and not yet in the target
    WRITTEN = 1
    SKIPPED = 2


class _ChunkStatus(NamedTuple):
    """What is known of a chunk from before: its digests, how far it came, and why it was skipped."""

    text: bytes
    metadata: bytes
    state: State
    reason: str | None


class Checkpoint(Database):
    """A reindex's memory; refused if it is of another space or target, or can't be read."""

    tables: ClassVar[str] = _TABLES
    kind: ClassVar[str] = "checkpoint"
    remedy: ClassVar[str] = "what is in the target is found there, and only what wasn't written yet is embedded again"
    patience: ClassVar[float] = 10

    def __init__(self, path: Path, *, target: str, space: EmbeddingSpace) -> None:
        self._target = target
        self._space = space
        super().__init__(path)

    def _open(self) -> None:
        with self._change():
            about = dict(self._base.execute("SELECT key, value FROM about"))
            if about:
                self._check(about)
            self.run = int(about.get("run", 0)) + 1
            expected = {"format": _FORMAT, "target": self._target, "space": str(self._space), "run": str(self.run)}
            self._base.executemany("INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)", expected.items())

    def _check(self, about: dict[str, str]) -> None:
        fix, space = "name another checkpoint", about.get("space")
        if about.get("format") != _FORMAT:
            msg = f"{self.path} has format {about.get('format')!r}, and this turnout reads {_FORMAT}; {fix}"
            raise ReindexError(msg)
        if space != str(self._space):
            msg = f"{self.path} has vectors of {space}, not of {self._space}; {fix}"
            raise EmbeddingSpaceError(msg, index=self._target, wanted_space=self._space, fix=fix)
        if about.get("target") != self._target:
            other = about.get("target")
            raise ReindexError(f"{self.path} is the checkpoint of {other!r}, not of {self._target!r}; name another one")

    @property
    def state(self) -> str | None:
        """What `remember` was told last."""
        found = self.rows("SELECT value FROM about WHERE key = 'state'")
        return found[0][0] if found else None

    def remember(self, state: str | None) -> None:
        """Remember the state of source and target after a run that was complete; None of one that isn't."""
        with self._change():
            self._base.execute("DELETE FROM about WHERE key = 'state'")
            if state is not None:
                self._base.execute("INSERT INTO about (key, value) VALUES ('state', ?)", (state,))

    def skipped(self) -> list[tuple[str, str]]:
        """The chunks that couldn't be embedded: id and reason."""
        return self.rows("SELECT id, reason FROM chunk WHERE state = :state ORDER BY id", state=State.SKIPPED)

    def find(self, ids: Sequence[str]) -> dict[str, _ChunkStatus]:
        """What is known of chunks."""
        rows = self.rows_of("SELECT id, text, metadata, state, reason FROM chunk WHERE id {ids}", ids)
        return {row[0]: _ChunkStatus(row[1], row[2], State(row[3]), row[4]) for row in rows}

    def vectors(self, ids: Sequence[str]) -> dict[str, array[float]]:
        """The vectors that were saved and not yet written."""
        rows = self.rows_of("SELECT id, vector FROM chunk WHERE vector IS NOT NULL AND id {ids}", ids)
        return {row[0]: array("d", row[1]) for row in rows}

    def count(self, state: State) -> int:
        """How many chunks are in a state."""
        return int(self.rows("SELECT count(*) FROM chunk WHERE state = :state", state=state)[0][0])

    def sample(self, number: int) -> list[str]:
        """Ids of chunks that were written, chosen at random."""
        query = "SELECT id FROM chunk WHERE state = :state ORDER BY random() LIMIT :number"
        return [row[0] for row in self.rows(query, state=State.WRITTEN, number=number)]

    def unseen(self, number: int) -> list[str]:
        """Ids that this run hasn't seen in the source."""
        query = "SELECT id FROM chunk WHERE run < :run LIMIT :number"
        return [row[0] for row in self.rows(query, run=self.run, number=number)]

    def seen(self, ids: Iterable[str]) -> None:
        """Chunks are still in the source."""
        with self._change():
            self._base.executemany("UPDATE chunk SET run = ? WHERE id = ?", ((self.run, found) for found in ids))

    def save(self, chunks: Iterable[EmbeddedChunk]) -> None:
        """Keep answered vectors until they are in the target."""
        self._put((*_key(chunk), State.SAVED, self.run, None, chunk.vector.tobytes()) for chunk in chunks)

    def written(self, chunks: Iterable[Chunk]) -> None:
        """Chunks are in the target, for good."""
        self._put((*_key(chunk), State.WRITTEN, self.run, None, None) for chunk in chunks)

    def skip(self, chunk: Chunk, reason: str) -> None:
        """A chunk can't be embedded."""
        self._put([(*_key(chunk), State.SKIPPED, self.run, reason, None)])

    def forget(self, ids: Iterable[str]) -> None:
        """Chunks are neither in the source nor in the target any more."""
        with self._change():
            self._base.executemany("DELETE FROM chunk WHERE id = ?", ((found,) for found in ids))

    def _put(self, rows: Iterable[tuple[Value, ...]]) -> None:
        with self._change():
            self._base.executemany(
                "INSERT OR REPLACE INTO chunk (id, text, metadata, state, run, reason, vector) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )


def _key(chunk: Chunk) -> tuple[str, bytes, bytes]:
    return (chunk.id, *chunk.digests)


@dataclass(slots=True)
class _Planned:
    """What is to be done with a page of chunks."""

    to_embed: list[Chunk] = field(default_factory=list)  # new, or with another text
    resumed: list[Chunk] = field(default_factory=list)  # an earlier run saved their vector
    rewritten: list[Chunk] = field(default_factory=list)  # the target has their vector, but other metadata
    adopted: list[Chunk] = field(default_factory=list)  # in the target as they are, unknown to the checkpoint
    unchanged: list[Chunk] = field(default_factory=list)  # with `adopted`
    skipped: list[tuple[str, str]] = field(default_factory=list)  # they couldn't be embedded the last time: id, reason
    known: list[str] = field(default_factory=list)  # ids that the checkpoint has


class Plan:
    """Decides.

    Args:
        target: What is filled.
        checkpoint: What was done before.
        retry_skipped: Whether chunks that couldn't be embedded are tried again.
        found: Gives what the target has of chunks, where the source has looked already; left out, it is asked here.
    """

    def __init__(
        self, target: Target, checkpoint: Checkpoint, *, retry_skipped: bool = False, found: Found | None = None
    ) -> None:
        self.target = target
        self.checkpoint = checkpoint
        self._retry = retry_skipped
        self._found = found or target.get
        self._filled = target.count() > 0

    def of(self, page: Sequence[Chunk]) -> _Planned:
        """What is to be done with a page of chunks."""
        ids = [chunk.id for chunk in page]
        earlier = self.checkpoint.find(ids)
        there = self._found(ids) if self._filled else {}
        planned = _Planned(known=list(earlier))
        for chunk in page:
            before, digests = earlier.get(chunk.id), chunk.digests
            same = before is not None and before.text == digests.text
            if before is not None and same and before.state is State.SKIPPED and not self._retry:
                planned.skipped.append((chunk.id, before.reason or ""))
            elif before is not None and same and before.state is State.SAVED:
                planned.resumed.append(chunk)
            elif before is not None and same and before.state is State.WRITTEN and chunk.id in there:
                (planned.unchanged if before.metadata == digests.metadata else planned.rewritten).append(chunk)
            elif before is None and chunk.id in there and there[chunk.id].text == chunk.text:
                (planned.adopted if there[chunk.id].digests == digests else planned.rewritten).append(chunk)
            else:
                planned.to_embed.append(chunk)
        planned.unchanged += planned.adopted
        return planned

    def embedded(self, planned: _Planned) -> Iterator[list[EmbeddedChunk]]:
        """Those that are resumed and rewritten, with their vectors; what hasn't got one any more is embedded."""
        for chunks, stored in (planned.resumed, self.checkpoint.vectors), (planned.rewritten, self.target.vectors):
            vectors = stored([chunk.id for chunk in chunks]) if chunks else {}
            planned.to_embed += [chunk for chunk in chunks if chunk.id not in vectors]
            yield [chunk.with_vector(vectors[chunk.id]) for chunk in chunks if chunk.id in vectors]


@dataclass(slots=True)
class Tally:
    """Counts what there is to do while a source is read."""

    chunks: int = 0
    to_embed: int = 0
    to_write: int = 0
    tokens: int = 0

    def add(self, page: Sequence[Chunk], planned: _Planned) -> None:
        """Count a page of chunks, before anything is done with it."""
        self.chunks += len(page)
        self.to_embed += len(planned.to_embed)
        self.to_write += len(planned.resumed) + len(planned.rewritten)
        self.tokens += sum(about_tokens(chunk.text) for chunk in planned.to_embed)

    def estimate(self, route: Route) -> Estimate:
        """What was counted until now, with its price."""
        price, price_source = price_of(route.facts, route.provider)
        return Estimate(self.chunks, self.to_embed, self.to_write, self.tokens, price, price_source)


def estimate(source: Source, plan: Plan, route: Route) -> Estimate:
    """Read through a source, and count what would be done."""
    tally = Tally()
    for page in pages(source.chunks()):
        tally.add(page, plan.of(page))
    return tally.estimate(route)


def about_tokens(text: str) -> int:
    """About how many tokens a text has: one for each four bytes, as in English."""
    return len(text.encode("utf-8", "replace")) // 4 + 1
