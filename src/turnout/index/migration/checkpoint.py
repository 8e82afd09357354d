"""What a reindex has done so far, in SQLite: a run that was killed goes on from there."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, NamedTuple

from turnout.errors import EmbeddingSpaceError, ReindexError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk
from turnout.index.database import Database

_FORMAT = "1"

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
    """A reindex's memory; its methods may be called from several threads.

    Raises:
        EmbeddingSpaceError: It is the checkpoint of another space.
        ReindexError: It is another target's, or can't be read.
    """

    tables: ClassVar[str] = _TABLES
    kind: ClassVar[str] = "checkpoint"
    remedy: ClassVar[str] = "what is in the target is found there, and only what wasn't written yet is embedded again"
    patience: ClassVar[float] = 10

    def __init__(self, path: Path, *, target: str, space: EmbeddingSpace) -> None:
        self._target = target
        self._space = space
        super().__init__(path)

    def _open(self) -> None:
        self._check()
        with self._change():
            self.run = int(self._about().get("run", 0)) + 1
            self._say("run", str(self.run))

    def _check(self) -> None:
        about, target, space = self._about(), self._target, self._space
        expected = {"format": _FORMAT, "target": target, "space": str(space)}
        if not about:
            with self._change():
                for key, value in expected.items():
                    self._say(key, value)
            return
        fix = "name another checkpoint"
        if about.get("format") != _FORMAT:
            msg = f"{self.path} has format {about.get('format')!r}, and this turnout reads {_FORMAT}; {fix}"
            raise ReindexError(msg)
        if about.get("space") != expected["space"]:
            msg = f"{self.path} has vectors of {about.get('space')}, not of {space}; {fix}"
            raise EmbeddingSpaceError(msg, index=target, wanted_space=space, fix=fix)
        if about.get("target") != target:
            msg = f"{self.path} is the checkpoint of {about.get('target')!r}, not of {target!r}; name another one"
            raise ReindexError(msg)

    # --- reading

    def find(self, ids: Sequence[str]) -> dict[str, _ChunkStatus]:
        """What is known of chunks."""
        rows = self._of_ids("SELECT id, text, metadata, state, reason FROM chunk WHERE id IN ({})", ids)
        return {row[0]: _ChunkStatus(row[1], row[2], State(row[3]), row[4]) for row in rows}

    def vectors(self, ids: Sequence[str]) -> dict[str, array[float]]:
        """The vectors that were saved and not yet written."""
        rows = self._of_ids("SELECT id, vector FROM chunk WHERE vector IS NOT NULL AND id IN ({})", ids)
        return {row[0]: array("d", row[1]) for row in rows}

    def count(self, state: State) -> int:
        """How many chunks are in a state."""
        return self._one("SELECT count(*) FROM chunk WHERE state = ?", state)

    def sample(self, number: int) -> list[str]:
        """Ids of chunks that were written, chosen at random."""
        return self._ids("SELECT id FROM chunk WHERE state = ? ORDER BY random() LIMIT ?", State.WRITTEN, number)

    def unseen(self, number: int) -> list[str]:
        """Ids that this run hasn't seen in the source."""
        return self._ids("SELECT id FROM chunk WHERE run < ? LIMIT ?", self.run, number)

    # --- writing

    def seen(self, ids: Iterable[str]) -> None:
        """Chunks are still in the source."""
        with self._change():
            self._base.executemany("UPDATE chunk SET run = ? WHERE id = ?", ((self.run, found) for found in ids))

    def save(self, chunks: Iterable[EmbeddedChunk]) -> None:
        """Keep answered vectors until they are in the target."""
        with self._change():
            for chunk in chunks:
                self._put(chunk, State.SAVED, vector=chunk.vector.tobytes())

    def written(self, chunks: Iterable[Chunk]) -> None:
        """Chunks are in the target, for good."""
        with self._change():
            for chunk in chunks:
                self._put(chunk, State.WRITTEN)

    def skip(self, chunk: Chunk, reason: str) -> None:
        """A chunk can't be embedded."""
        with self._change():
            self._put(chunk, State.SKIPPED, reason=reason)

    def forget(self, ids: Iterable[str]) -> None:
        """Chunks are neither in the source nor in the target any more."""
        with self._change():
            self._base.executemany("DELETE FROM chunk WHERE id = ?", ((found,) for found in ids))

    def _put(self, chunk: Chunk, state: State, *, reason: str | None = None, vector: bytes | None = None) -> None:
        self._base.execute(
            "INSERT OR REPLACE INTO chunk (id, text, metadata, state, run, reason, vector) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (chunk.id, *chunk.digests, state, self.run, reason, vector),
        )

    def _about(self) -> dict[str, str]:
        return dict(self._base.execute("SELECT key, value FROM about"))

    def _say(self, key: str, value: str) -> None:
        self._base.execute("INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)", (key, value))
