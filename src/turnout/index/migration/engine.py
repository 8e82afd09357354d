"""The reindex itself: chunks of a source → vectors → a target, with a checkpoint between each two."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.embedding.embedder import Embedder
from turnout.errors import ReindexError
from turnout.facts.spaces import space_of
from turnout.index.chunks import Searchable, Source, Target
from turnout.index.disk import room_for
from turnout.index.lock import locked
from turnout.index.migration.checking import look
from turnout.index.migration.checkpoint import Checkpoint, State
from turnout.index.migration.plan import Plan, about_tokens, estimate, pages
from turnout.index.migration.report import Estimate, ReindexProgress, ReindexReport
from turnout.index.migration.stream import EmbeddingStream, Refused, Streaming

if TYPE_CHECKING:
    from turnout.index.chunks import Embedded, Item

PAGE = 256
"""Chunks that are read, and chunks that are written, at once."""

DRAIN = 8.0
"""Seconds that a run which ends early waits for what is in flight; service managers kill after ten."""


def reindex(
    source: Source,
    target: Target,
    embedder: Embedder,
    *,
    checkpoint: Path,
    lock: Path | None = None,
    old: Searchable | None = None,
    sample: int = 16,
    dry_run: bool = False,
    retry_skipped: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
    on_progress: Callable[[ReindexProgress], object] | None = None,
    stop: threading.Event | None = None,
    stream: Streaming = EmbeddingStream,
    unwanted: Collection[str] = (),
) -> ReindexReport:
    """Embed the chunks of a source into a target; only those that are new or changed since the last time.

    Args:
        source: Where the chunks are. It is only read.
        target: What is filled: an empty collection, or one of the embedder's space.
        embedder: Embeds in the target's space.
        checkpoint: A file that remembers what was done. With the same file, a run that ended early is gone on with.
        lock: The lock's file; left out, beside the checkpoint.
        old: The collection that the chunks come from, if it can be searched, to compare with at the end.
        sample: How many chunks are embedded anew at the end to see that their vectors are right; 0 for none.
        dry_run: Whether to end with the estimate; then nothing is sent and nothing changed.
        retry_skipped: Whether chunks that couldn't be embedded the last time are tried again.
        confirm: Given the estimate, whether to begin.
        on_progress: Called with how far it is.
        stop: Set from elsewhere, it ends the run in good order: what is in flight is waited for and kept.
        stream: Where the texts are embedded: in this process, or on workers (`turnout.ray.RayWorkers`).
        unwanted: Ids of chunks that are removed from the target whoever wrote them, if the source hasn't got them.

    Raises:
        EmbeddingSpaceError: The target, or the checkpoint, has vectors of another space.
        ReindexLockedError: Another run fills the target.
        DiskFullError: There is no room; what was done is kept.
        ModelCallError: The service failed for more than single texts; what was done is kept.
        ReindexError: The checkpoint isn't the target's or can't be read, or the source is empty.
    """
    began = time.monotonic()
    space = space_of(embedder.route)
    with nullcontext() if dry_run else locked(lock or checkpoint.with_name(f"{checkpoint.name}.lock"), target.name):
        target.claim(space, dry=dry_run)
        nothing_yet = dry_run and not checkpoint.exists()
        book = Checkpoint(Path(":memory:") if nothing_yet else checkpoint, target=target.name, space=space)
        try:
            plan = Plan(target, book, retry_skipped=retry_skipped)
            expected = estimate(source, plan, embedder.route, PAGE)
            report = ReindexReport(source.name, target.name, str(space), expected)
            if dry_run or (confirm is not None and not confirm(expected)):
                report.state = "estimated"
                return report
            if not expected.chunks and book.count(State.WRITTEN):
                msg = f"{source.name} is empty, but {target.name!r} was filled from it; nothing is deleted for that"
                raise ReindexError(msg)
            run = _Run(source, target, embedder, plan, report, on_progress, stop, stream, unwanted)
            with room_for(target.name):
                run.all()
                if report.state == "done" and (sample or old is not None):
                    report.check = look(target, book, embedder, old, sample=sample)
            report.seconds = time.monotonic() - began
            return report
        finally:
            book.close()


class _Run:
    """One run: reads ahead of the requests, and writes behind them."""

    def __init__(
        self,
        source: Source,
        target: Target,
        embedder: Embedder,
        plan: Plan,
        report: ReindexReport,
        on_progress: Callable[[ReindexProgress], object] | None,
        stop: threading.Event | None,
        stream: Streaming,
        unwanted: Collection[str],
    ) -> None:
        self._source = source
        self._target = target
        self._plan = plan
        self._book = plan.book
        self._report = report
        self._on_progress = on_progress
        self._stop = stop
        self._unwanted = set(unwanted)
        self._stream = stream(embedder, space_of(embedder.route), self._book.save)
        self._ready: list[Embedded] = []
        self._written: list[Item] = []  # in the target, but only in memory
        self._done = 0

    def all(self) -> None:
        """Everything, until it is done, stopped or failed."""
        try:
            self._read()
            if self._ends:
                self._end_early()
            self._write(everything=True)
        except Exception:  # of the source or the target: what is in flight is kept all the same
            self._stream.end_early(DRAIN)
            raise
        finally:
            self._stream.close()
        if self._stream.error is not None:
            raise self._stream.error
        if self._stopped:
            self._report.state = "stopped"
            return
        self._delete_gone()

    def _read(self) -> None:
        for page in pages(self._source.items(), PAGE):
            if self._ends:
                return
            self._page(page)
        self._stream.flush()
        while self._stream.pending and not self._ends:
            self._take(patient=True)

    def _end_early(self) -> None:
        self._stream.end_early(DRAIN)
        while self._take(patient=False):
            pass

    @property
    def _stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    @property
    def _ends(self) -> bool:
        return self._stopped or self._stream.error is not None

    def _page(self, page: list[Item]) -> None:
        self._unwanted.difference_update(item.id for item in page)
        planned = self._plan.of(page)
        self._book.seen(planned.known)
        self._report.unchanged += len(planned.unchanged)
        self._report.resumed += len(planned.resumed)
        self._report.rewritten += len(planned.rewritten)
        self._report.skipped += planned.skipped
        self._done += len(planned.unchanged) + len(planned.skipped)
        self._book.save(planned.rewritten)  # a store may remove a chunk before it writes it anew
        self._ready += planned.resumed + planned.rewritten
        self._done += len(planned.resumed) + len(planned.rewritten)
        self._book.written(planned.adopted)
        for item in planned.to_embed:
            refused = self._stream.add(item)
            if refused is not None:
                self._skip(refused)
            while self._stream.full and not self._ends:
                self._take(patient=True)
        self._take(patient=False)
        self._write()
        self._say()

    def _take(self, *, patient: bool) -> bool:
        """Take what was answered; whether there was anything."""
        outcomes = self._stream.take(patient=patient)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self._skip(outcome)
                continue
            self._ready.append(outcome)
            self._report.embedded += 1
            self._report.tokens += about_tokens(outcome.item.text)
            self._done += 1
        self._write()
        self._say()
        return bool(outcomes)

    def _skip(self, refused: Refused) -> None:
        """Say that a chunk can't be embedded; what the target has under its id is of an older text."""
        self._report.skipped.append((refused.item.id, refused.reason))
        self._done += 1
        if self._target.get([refused.item.id]):
            self._target.delete([refused.item.id])
            self._target.flush()
        self._book.skip(refused.item, refused.reason)

    def _write(self, *, everything: bool = False) -> None:
        while len(self._ready) >= (1 if everything else PAGE):
            some, self._ready = self._ready[:PAGE], self._ready[PAGE:]
            self._target.write(some)
            self._written += [chunk.item for chunk in some]
            if len(self._written) > self._target.flush_every:
                self._flush()
        if everything and self._written:
            self._flush()

    def _flush(self) -> None:
        self._target.flush()
        self._book.written(self._written)
        self._written = []

    def _delete_gone(self) -> None:
        while gone := self._book.gone(PAGE):
            self._target.delete(gone)
            self._target.flush()
            self._book.forget(gone)
            self._report.deleted += len(gone)
        there = list(self._target.get(sorted(self._unwanted)))
        if there:
            self._target.delete(there)
            self._target.flush()
            self._report.deleted += len(there)

    def _say(self) -> None:
        if self._on_progress is not None:
            total = max(self._report.estimate.chunks, self._done)
            self._on_progress(ReindexProgress(self._done, total, self._report.tokens, len(self._report.skipped)))
