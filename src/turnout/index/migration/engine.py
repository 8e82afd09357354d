"""The reindex itself: chunks of a source → vectors → a target, with a checkpoint between each two."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from turnout.embedding.embedder import Embedder
from turnout.errors import ChunkRefusedError, ReindexError
from turnout.facts.spaces import space_of
from turnout.index.chunks import PAGE, Chunk, EmbeddedChunk, RefusedChunk, Searchable, Source, Target, pages
from turnout.index.databases.places import Place
from turnout.index.files import writing_to
from turnout.index.guard.checks import ALIKE, cosine
from turnout.index.locks import reindex_lock
from turnout.index.migration.checkpoint import Checkpoint, Found, Plan, State, Tally, about_tokens, estimate
from turnout.index.migration.report import Check, Estimate, ReindexProgress, ReindexReport
from turnout.index.stream import DRAIN, ChunkStream, EmbeddingStream, StreamFactory

_NEIGHBOURS = 10


def reindex(
    source: Source,
    target: Target,
    embedder: Embedder,
    *,
    checkpoint: Path,
    lock: Place | None = None,
    old: Searchable | None = None,
    sample: int = 16,
    dry_run: bool = False,
    retry_skipped: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
    on_progress: Callable[[ReindexProgress], object] | None = None,
    stop: threading.Event | None = None,
    stream: StreamFactory = EmbeddingStream,
    state: Callable[[], str | None] | None = None,
    found: Found | None = None,
    unwanted: Callable[[], Iterable[str]] = tuple,
    on_written: Callable[[Sequence[Chunk]], object] | None = None,
) -> ReindexReport:
    """Embed the chunks of a source into a target; only those that are new or changed since the last time.

    With `dry_run` or `confirm` the source is read through for the estimate first. Otherwise what there is to do is
    counted while it is done.

    Args:
        source: Where the chunks are. It is only read.
        target: What is filled: an empty collection, or one of the embedder's space.
        embedder: Embeds in the target's space.
        checkpoint: A file that remembers what was done. With the same file, a run that ended early is gone on with.
        lock: The lock's file, or the schema that it is in; left out, beside the checkpoint.
        old: The collection that the chunks come from, if it can be searched, to compare with at the end.
        sample: How many chunks are embedded anew at the end to see that their vectors are right; 0 for none.
        dry_run: Whether to end with the estimate; then nothing is sent and nothing changed.
        retry_skipped: Whether chunks that couldn't be embedded the last time are tried again.
        confirm: Given the estimate, whether to begin.
        on_progress: Called with how far it is.
        stop: Set from elsewhere, it ends the run in good order: what is in flight is waited for and kept.
        stream: Where the texts are embedded: in this process, or on workers (`turnout.ray.RayWorkers`).
        state: Gives what changes whenever source or target do, or None if that can't be told. A run that finds it as a
            complete run left it reads and checks nothing.
        found: Gives what the target has of chunks, where the source has looked already; left out, the target is asked.
        unwanted: Gives ids of chunks that are removed from the target whoever wrote them, if the source hasn't got
            them; called once the source was read.
        on_written: Called with chunks once the target has them for good.

    Raises:
        EmbeddingSpaceError: The target, or the checkpoint, has vectors of another space.
        ReindexLockedError: Another run fills the target.
        DiskFullError: There is no room; what was done is kept.
        ModelCallError: The service failed for more than single texts; what was done is kept.
        ReindexError: The checkpoint isn't the target's or can't be read, or the source is empty.
    """
    began = time.monotonic()
    space = space_of(embedder.route)
    lock = lock or checkpoint.with_name(f"{checkpoint.name}.lock")
    with nullcontext() if dry_run else reindex_lock(lock, target.name):
        target.claim(space, dry=dry_run)
        nothing_yet = dry_run and not checkpoint.exists()
        book = Checkpoint(Path(":memory:") if nothing_yet else checkpoint, target=target.name, space=space)
        try:
            plan = Plan(target, book, retry_skipped=retry_skipped, found=found)
            known = None if state is None or retry_skipped else state()
            is_as_left = known is not None and known == book.state
            asked = (dry_run or confirm is not None) and not is_as_left
            tally = Tally(book.count(State.WRITTEN) + book.count(State.SKIPPED)) if is_as_left else Tally()
            expected = estimate(source, plan, embedder.route) if asked else tally.estimate(embedder.route)
            report = ReindexReport(source.name, target.name, str(space), expected)
            if dry_run or (confirm is not None and not confirm(expected)):
                report.state = "estimated"
                return report
            if is_as_left:
                report.unchanged, report.skipped = book.count(State.WRITTEN), book.skipped()
                report.seconds = time.monotonic() - began
                return report
            book.remember(None)
            total = expected.chunks if asked else _count(source)
            running = stream(embedder, space, book.save)
            run = _Run(source, target, plan, report, running, on_progress, stop, unwanted, on_written, total)
            with writing_to(target.name):
                run.all()
                report.estimate = expected if asked else run.tally.estimate(embedder.route)
                if report.state == "done" and (sample or old is not None):
                    report.check = _check_target(target, book, embedder, old, sample=sample)
            if state is not None and report.complete_but_for_skipped:
                book.remember(state())
            report.seconds = time.monotonic() - began
            return report
        finally:
            book.close()


@dataclass(slots=True)
class _Run:
    """One run: reads ahead of the requests, and writes behind them."""

    source: Source
    target: Target
    plan: Plan
    report: ReindexReport
    stream: ChunkStream
    on_progress: Callable[[ReindexProgress], object] | None
    stop: threading.Event | None
    unwanted: Callable[[], Iterable[str]]
    on_written: Callable[[Sequence[Chunk]], object] | None
    total: int  # chunks in the source, as far as is known
    tally: Tally = field(default_factory=Tally)
    ready: list[EmbeddedChunk] = field(default_factory=list)
    written: list[Chunk] = field(default_factory=list)  # in the target, but only in memory
    done: int = 0

    def all(self) -> None:
        """Everything, until it is done, stopped or failed."""
        try:
            self._read()
            if self._ends:
                self.stream.end_early(DRAIN)
                while self._take(patient=False):
                    pass
            self._write(everything=True)
        except Exception:  # of the source or the target: what is in flight is kept all the same
            self.stream.end_early(DRAIN)
            raise
        finally:
            self.stream.close()
        if self.stream.error is not None:
            raise self.stream.error
        if self._stopped:
            self.report.state = "stopped"
            return
        self._delete_gone()

    def _read(self) -> None:
        for page in pages(self.source.chunks()):
            if self._ends:
                return
            self._page(page)
        self.total = self.tally.chunks
        if not self.total and self.plan.checkpoint.count(State.WRITTEN):
            name, target = self.source.name, self.target.name
            raise ReindexError(f"{name} is empty, but {target!r} was filled from it; nothing is deleted for that")
        self.stream.flush()
        while self.stream.pending and not self._ends:
            self._take(patient=True)

    @property
    def _stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    @property
    def _ends(self) -> bool:
        return self._stopped or self.stream.error is not None

    def _page(self, page: list[Chunk]) -> None:
        planned = self.plan.of(page)
        self.tally.add(page, planned)
        self.plan.checkpoint.seen(planned.known)
        self.report.unchanged += len(planned.unchanged)
        resumed, rewritten = self.plan.embedded(planned)
        self.report.resumed += len(resumed)
        self.report.rewritten += len(rewritten)
        self.report.skipped += planned.skipped
        self.plan.checkpoint.save(rewritten)  # a store may remove a chunk before it writes it anew
        self.ready += resumed + rewritten
        self.done += len(page) - len(planned.to_embed)
        self.plan.checkpoint.written(planned.adopted)
        for chunk in self._holdable(planned.to_embed):
            if (refused := self.stream.add(chunk)) is not None:
                self._skip(refused)
            while self.stream.full and not self._ends:
                self._take(patient=True)
        self._take(patient=False)
        self._write()
        self._tell_progress()

    def _holdable(self, chunks: list[Chunk]) -> Iterator[Chunk]:
        """Chunks that the target can hold; the others are skipped before they are embedded."""
        normalize = getattr(self.target, "normalize", None)  # which a collection has, and a target needn't
        for chunk in chunks:
            try:
                if normalize is not None:
                    normalize([chunk])
            except ChunkRefusedError as error:
                self._skip(RefusedChunk(chunk, error.reason))
            else:
                yield chunk

    def _take(self, *, patient: bool) -> bool:
        """Take what was answered; whether there was anything."""
        outcomes = self.stream.take(patient=patient)
        for outcome in outcomes:
            if isinstance(outcome, RefusedChunk):
                self._skip(outcome)
                continue
            self.ready.append(outcome)
            self.report.embedded += 1
            self.report.tokens += about_tokens(outcome.text)
            self.done += 1
        self._write()
        self._tell_progress()
        return bool(outcomes)

    def _skip(self, refused: RefusedChunk) -> None:
        """Say that a chunk can't be embedded; what the target has under its id is of an older text."""
        self.report.skipped.append((refused.chunk.id, refused.reason))
        self.done += 1
        self._delete(list(self.target.get([refused.chunk.id])))
        self.plan.checkpoint.skip(refused.chunk, refused.reason)

    def _write(self, *, everything: bool = False) -> None:
        size = getattr(self.target, "write_page", PAGE)  # which a collection has, and a target needn't
        while len(self.ready) >= (1 if everything else size):
            some, self.ready = self.ready[:size], self.ready[size:]
            self.target.write(some)
            self.written += [Chunk(one.id, one.text, one.metadata) for one in some]  # without vectors, for the memory
            if len(self.written) > self.target.flush_every:
                self._flush()
        if everything and self.written:
            self._flush()

    def _flush(self) -> None:
        self.target.flush()
        self.plan.checkpoint.written(self.written)
        if self.on_written is not None:
            self.on_written(self.written)
        self.written = []

    def _delete(self, ids: list[str]) -> int:
        if ids:
            self.target.delete(ids)
            self.target.flush()
        return len(ids)

    def _delete_gone(self) -> None:
        while gone := self.plan.checkpoint.unseen(PAGE):
            self.report.deleted += self._delete(gone)
            self.plan.checkpoint.forget(gone)
        if unwanted := sorted(self.unwanted()):
            self.report.deleted += self._delete(list(self.target.get(unwanted)))
            self.plan.checkpoint.forget(unwanted)

    def _tell_progress(self) -> None:
        if self.on_progress is not None:
            total = max(self.total, self.tally.chunks)
            self.on_progress(ReindexProgress(self.done, total, self.report.tokens, len(self.report.skipped)))


def _count(source: Source) -> int:
    """How many chunks a source has, as far as it can say without reading them."""
    count: Callable[[], int | None] | None = getattr(source, "count", None)
    return (count() if count is not None else None) or 0


def _check_target(
    target: Target, checkpoint: Checkpoint, embedder: Embedder, old: Searchable | None, *, sample: int
) -> Check:
    """Compare a target with what was written to it."""
    expected, found = checkpoint.count(State.WRITTEN), target.count()
    sampled = target.get(checkpoint.sample(sample)).items()
    chunks = {id_: chunk.text for id_, chunk in sampled if chunk.text.strip()}
    if not chunks:
        return Check(expected, found)
    ids, texts = list(chunks), list(chunks.values())
    stored = target.vectors(ids)
    cosines = [cosine(stored[id_], vector) for id_, vector in zip(ids, embedder.embed(texts), strict=True)]
    k = min(_NEIGHBOURS, found)
    hits = [[hit.text for hit in target.search(vector, k)] for vector in embedder.embed(texts, "query")]
    return Check(
        expected,
        found,
        sampled=len(ids),
        alike=sum(value >= ALIKE for value in cosines),
        lowest=min(cosines),
        k=k,
        recall=None if old is None else _recall(old, target, ids, k),
        own=sum(text in found_texts for text, found_texts in zip(texts, hits, strict=True)) / len(ids),
    )


def _recall(old: Searchable, new: Searchable, ids: Sequence[str], k: int) -> float | None:
    """Overlap of the k nearest, by text: with the vector that each index has for the same chunk as the query."""
    before, after = old.vectors(ids), new.vectors(ids)
    shares = []
    for id_ in [one for one in ids if one in before and one in after]:
        wanted = {chunk.text for chunk in old.search(before[id_], k)}
        got = {chunk.text for chunk in new.search(after[id_], k)}
        if wanted:
            shares.append(len(wanted & got) / len(wanted))
    return sum(shares) / len(shares) if shares else None
