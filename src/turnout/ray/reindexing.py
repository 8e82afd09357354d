"""A reindex whose texts Ray Data embeds: the process that began it reads, keeps and writes, and the workers embed."""

from __future__ import annotations

import logging
import pickle
import queue
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.data
from ray.exceptions import RayError

from turnout.embedding.embedder import Embedder
from turnout.errors import ReindexError, TurnoutError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.chunks import Chunk, EmbeddedChunk, RefusedChunk
from turnout.index.migration.named import NamedIndex
from turnout.index.migration.report import ReindexReport
from turnout.index.stream import ChunkStream, Keep, Outcome
from turnout.ray.batches import VECTOR_TYPE, EmbedTask
from turnout.settings import Settings
from turnout.settings.fields import portable_settings

BATCH = 512  # texts that a worker embeds at once: what is embedded again if it dies
WINDOW = 16_384  # texts of one Ray Data job; two windows are in memory at most

_SLOT = 5.0  # seconds that a worker waits to hear whether it should stop


class _Step:
    """Embeds a batch and gives back what became of each text; on a worker."""

    def __init__(self, task: EmbedTask, stop: Any) -> None:
        self._task = task
        self._stop = stop

    def __call__(self, table: pa.Table) -> pa.Table:
        number = table.num_rows
        vectors: pa.Array = pa.nulls(number, VECTOR_TYPE)
        reasons: pa.Array = pa.nulls(number, pa.string())
        failed: BaseException | None = None
        if not self._stops():
            try:
                vectors, reasons, outcome = self._task.embed(table.column("text").to_pylist())
                failed = outcome.failed
            except TurnoutError as error:
                failed = error
        errors = pa.array([pickle.dumps(failed) if failed is not None else None] * number, pa.binary())
        return pa.table({"place": table.column("place"), "vector": vectors, "reason": reasons, "failed": errors})

    def _stops(self) -> bool:
        try:
            return bool(ray.get(self._stop.is_set.remote(), timeout=_SLOT))
        except RayError:  # the process that began it has ended
            return True


@dataclass(frozen=True, slots=True)
class RayWorkers:
    """Embeds a reindex's texts on workers of a Ray cluster: the `stream` of `turnout.reindex.reindex`.

    Reading, checkpoint and writing stay in the process that began it, so that a collection has one writer. What a
    worker had in hand when it died is embedded again: `batch` texts at most.

    Args:
        workers: How many; each takes its part of the deployment's limits.
        settings: The settings file, as the workers see it; left out, what they find.
        batch: Texts that a worker embeds at once.
        window: Texts of one Ray Data job, which begins its workers anew; two windows are in memory at most.
        cpus: CPUs that a worker is reckoned at; it mostly waits for the service.

    Raises:
        ReindexError: The cluster has too few CPUs for so many workers.
    """

    workers: int = 2
    settings: str | None = None
    batch: int = BATCH
    window: int = WINDOW
    cpus: float = 0.5

    def __post_init__(self) -> None:
        if min(self.workers, self.batch, self.window) < 1:
            msg = f"workers, batch and window are at least 1, not {self.workers}, {self.batch} and {self.window}"
            raise ValueError(msg)

    @classmethod
    def of(cls, index: NamedIndex, workers: int = 2, **options: Any) -> RayWorkers:
        """Workers for a named index, with the settings file that it has, or with what they find if it has none."""
        seen = portable_settings(index.all_settings)
        return cls(workers, **{"settings": None if seen is None else str(seen), **options})

    def __call__(self, embedder: Embedder, space: EmbeddingSpace, keep: Keep, /) -> _RayStream:
        """A stream whose texts are embedded on the embedder's route, as the workers' settings have it."""
        return _RayStream(self, embedder, space, keep)


class _RayStream(ChunkStream):
    """Chunks → vectors, on Ray's workers; each window of chunks is a job of Ray Data."""

    def __init__(self, plan: RayWorkers, embedder: Embedder, space: EmbeddingSpace, keep: Keep) -> None:
        super().__init__(embedder.route, 2 * plan.window)
        self._plan = plan
        self._task = EmbedTask(embedder.route.name, embedder.route.backend, plan.settings, str(space), plan.workers)
        self._keep = keep
        self._windows: queue.SimpleQueue[list[Chunk] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stop: Any = None
        self._ending = self._closed = False
        self._thread: threading.Thread | None = None

    def _add(self, chunk: Chunk) -> None:
        self._filling.append(chunk)
        if len(self._filling) >= self._plan.window:
            self.flush()

    def flush(self) -> None:
        """Begin a job with what waits for more."""
        if not self._filling:
            return
        if self._thread is None:
            self._begin()
        window, self._filling = self._filling, []
        self._windows.put(window)

    def end_early(self, within: float) -> None:
        """Let the workers begin nothing more; wait so many seconds for what they have in hand, and keep it."""
        self._end()
        if self._thread is not None:
            self._thread.join(within)
        self.close()

    def close(self) -> None:
        self._end()
        if self._thread is not None and self.pending == 0:
            self._thread.join()
        with self._lock:
            self._closed = True
        if self._stop is not None:
            with suppress(RayError):
                ray.kill(self._stop)
            self._stop = None

    def _begin(self) -> None:
        there: float = ray.cluster_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]  # Ray's has no types
        workers, cpus = self._plan.workers, self._plan.cpus
        if there < workers * cpus:
            msg = (
                f"the Ray cluster has {there:g} CPUs, and {workers} workers of {cpus:g} each were asked for; ask for "
                "fewer workers, or reckon them at less with cpus="
            )
            raise ReindexError(msg)
        self._stop = ray.remote(num_cpus=0)(threading.Event).remote()  # says to all workers whether to stop
        self._thread = threading.Thread(target=self._serve, name="turnout-ray", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        if not self._ending:
            self._stop_workers()
        self._ending = True
        self._windows.put(None)

    def _serve(self) -> None:
        while (window := self._windows.get()) is not None:
            if self._ending or self.error is not None:
                continue
            try:
                for table in self._job(window):
                    self._take_in(window, table)
            except Exception as error:  # noqa: BLE001 - it is raised where the outcomes are taken
                self._fail(_cause(error))

    def _job(self, window: Sequence[Chunk]) -> Iterator[pa.Table]:
        size = self._plan.batch
        tables = []
        for start in range(0, len(window), size):
            texts = [chunk.text for chunk in window[start : start + size]]
            places = pa.array(range(start, start + len(texts)), pa.int64())
            tables.append(pa.table({"place": places, "text": pa.array(texts, pa.large_string())}))
        dataset = ray.data.from_arrow(tables)  # each a block, and a block is what a worker is given
        dataset.context.enable_progress_bars = False
        embedded = dataset.map_batches(
            _Step,
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(self._plan.workers, len(tables))),
            fn_constructor_kwargs={"task": self._task, "stop": self._stop},
            num_cpus=self._plan.cpus,
        )
        found: Iterator[pa.Table] = iter(embedded.iter_batches(batch_size=None, batch_format="pyarrow"))
        return found

    def _take_in(self, window: Sequence[Chunk], table: pa.Table) -> None:
        chunks: list[EmbeddedChunk] = []
        refused: list[Outcome] = []
        failed: BaseException | None = None
        undone = 0
        for place, vector, reason, error in zip(*(table.column(name) for name in table.column_names), strict=True):
            chunk = window[place.as_py()]
            if vector.is_valid:
                chunks.append(chunk.with_vector(array("d", vector.values.to_numpy().tobytes())))
            elif reason.is_valid:
                refused.append(RefusedChunk(chunk, reason.as_py()))
            elif error.is_valid:
                failed = failed or pickle.loads(error.as_py())  # noqa: S301 - by a worker of this run's own
            else:
                undone += 1
        with self._lock:
            if self._closed:
                return
            if chunks:
                self._keep(chunks)
        self._outcomes.put(([*chunks, *refused], table.num_rows))
        if failed is not None:
            self._fail(failed)
        elif undone and not self._ending and self.error is None:
            msg = f"{undone:,} chunks weren't embedded, for the workers were told to stop; give the same command again"
            self._fail(ReindexError(msg))

    def _fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self._stop_workers()

    def _stop_workers(self) -> None:
        if self._stop is not None:
            with suppress(RayError):
                self._stop.set.remote()


def _cause(error: BaseException) -> BaseException:
    """What made a job of Ray's fail, if that is an error of turnout's; the rest says that it was Ray's."""
    seen: list[BaseException] = []
    left: BaseException | None = error
    while left is not None and left not in seen:
        if isinstance(left, TurnoutError) and not isinstance(left, RayError):
            return left
        seen.append(left)
        left = getattr(left, "cause", None) or left.__cause__
    if not isinstance(error, RayError):
        return error
    wrapped = ReindexError(f"Ray could not go on: {error}. Give the same command again: it goes on from there")
    wrapped.__cause__ = error
    return wrapped


def reindex_with_ray(
    index: NamedIndex | str,
    to: str | None = None,
    *,
    workers: int = 2,
    settings: Settings | Path | str | None = None,
    worker_settings: str | None = None,
    batch: int = BATCH,
    window: int = WINDOW,
    cpus: float = 0.5,
    **options: Any,
) -> ReindexReport:
    """Fill a backend's collection of a named index, embedding on the workers of a Ray cluster.

    The result is that of a reindex on one machine: the same ids, vectors, checkpoint, manifest and report, and each
    goes on with what the other left.

    Args:
        index: The index.
        to: The backend; left out, the active one.
        workers: How many workers embed; each takes its part of the deployment's limits.
        settings: Settings, or the path of a settings file; left out, they are found.
        worker_settings: The settings file, as the workers see it; left out, the path of the one used here, or what the
            workers find if none is.
        batch: Texts that a worker embeds at once: what is embedded again if it dies.
        window: Texts of one Ray Data job, which begins its workers anew; two windows are in memory at most.
        cpus: CPUs that a worker is reckoned at; it mostly waits for the service.
        options: As for `turnout.index.migration.named.NamedIndex.reindex`.

    Raises:
        SettingsError: There is no such index, backend or settings file, here or where a worker is.
        EmbeddingSpaceError: A worker's settings give another space.
        ReindexError: The cluster has too few CPUs, or Ray could not go on.
        TurnoutError: As `turnout.reindex.reindex` says.
    """
    named = index if isinstance(index, NamedIndex) else NamedIndex(index, settings)
    own = {} if worker_settings is None else {"settings": worker_settings}
    plan = RayWorkers.of(named, workers, batch=batch, window=window, cpus=cpus, **own)
    with cluster():
        return named.reindex(to, stream=plan, **options)


@contextmanager
def cluster() -> Iterator[None]:
    """The Ray cluster that this process is part of or `RAY_ADDRESS` names; else one here, until the block ends."""
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.init(include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
