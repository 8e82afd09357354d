"""Chunks → vectors, many requests at once; each answer is kept the moment it comes."""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from turnout.embedding.batching import Batch, Batcher, batches, check
from turnout.embedding.embedder import Embedder
from turnout.errors import EmbeddingSpaceError, InvalidRequestError, ReindexError
from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.index.chunks import Chunk, EmbeddedChunk, RefusedChunk
from turnout.routing import Route
from turnout.transport import background_loop

LARGEST_REQUEST = 128  # texts at most: what one answer that never came back costs
PENDING = 4096  # chunks on their way at most, which bounds the memory
DRAIN = 8.0  # seconds that work which ends early waits for what is in flight; service managers kill after ten
MOMENT = 0.2  # seconds that a patient `take` waits for an outcome
_HOPELESS = 20  # texts refused and none answered: then it is not the texts


Outcome = EmbeddedChunk | RefusedChunk
Keep = Callable[[list[EmbeddedChunk]], object]  # keeps vectors before they are handed on


class ChunkStream(ABC):
    """Chunks → vectors on a route, in this process or on other machines."""

    def __init__(self, route: Route, capacity: int) -> None:
        self.pending = 0  # chunks that were added and whose outcome hasn't been taken
        self.error: BaseException | None = None  # what ended the stream, if something did: nothing more is sent then
        self._route = route
        self._capacity = capacity  # how many may be pending before no more should be added
        self._filling: list[Chunk] = []  # not sent yet
        self._outcomes: queue.SimpleQueue[tuple[list[Outcome], int]] = queue.SimpleQueue()  # and how many these were

    @property
    def full(self) -> bool:
        """Whether so many are pending that no more should be added."""
        return self.pending >= self._capacity

    def add(self, chunk: Chunk) -> RefusedChunk | None:
        """Take a chunk; gives back why, if it can't be embedded and was never sent."""
        try:
            check(0, chunk.text, self._route)
        except InvalidRequestError as error:
            return RefusedChunk(chunk, str(error).replace("text 0 ", "the text ", 1))
        self.pending += 1
        self._add(chunk)
        return None

    @abstractmethod
    def _add(self, chunk: Chunk) -> None:
        """Put a chunk among those that are sent next."""

    @abstractmethod
    def flush(self) -> None:
        """Send what waits for more to fill its request."""

    def take(self, *, patient: bool) -> list[Outcome]:
        """Outcomes that have come, waiting a moment for them if `patient`; chunks of a failed request have none."""
        with suppress(queue.Empty):
            while True:
                outcomes, number = self._outcomes.get(timeout=MOMENT) if patient else self._outcomes.get_nowait()
                self.pending -= number
                if outcomes:
                    return outcomes
                patient = False
        return []

    @abstractmethod
    def end_early(self, within: float) -> None:
        """Send nothing more; wait so many seconds for what is in flight, and keep it."""

    @abstractmethod
    def close(self) -> None:
        """End; what was answered until now is kept, and can be taken."""


StreamFactory = Callable[[Embedder, EmbeddingSpace, Keep], ChunkStream]


class EmbeddingStream(ChunkStream):
    """Embeds chunks in whatever order the service answers; `keep` gets vectors first, always in the same thread."""

    def __init__(self, embedder: Embedder, space: EmbeddingSpace, keep: Keep | None = None) -> None:
        super().__init__(embedder.route, PENDING)
        self._embedder = embedder
        self._space = space
        self._keep = keep
        self._batcher = Batcher(embedder.route, LARGEST_REQUEST)
        self._lock = threading.RLock()  # a callback may run where it is added
        self._waiting: deque[tuple[list[Chunk], Batch]] = deque()
        self._flying: set[Future[int]] = set()
        self._closed = False
        self._answers: queue.SimpleQueue[list[EmbeddedChunk] | RefusedChunk | None] = queue.SimpleQueue()
        self._answered = 0
        self._refused = 0
        self._keeper = threading.Thread(target=self._keep_answers, name="turnout-reindex-keeper", daemon=True)
        self._keeper.start()

    def _add(self, chunk: Chunk) -> None:
        if (batch := self._batcher.add(chunk.text)) is not None:
            self._send(batch)
        self._filling.append(chunk)

    def flush(self) -> None:
        """Send what waits for more to fill its request."""
        if (last := self._batcher.rest()) is not None:
            self._send(last)

    def end_early(self, within: float) -> None:
        """Send nothing more; wait for what is in flight, and keep it."""
        with self._lock:
            self._waiting.clear()
            flying = list(self._flying)
        wait(flying, timeout=within)
        self.close()

    def close(self) -> None:
        """Cancel what is in flight and end the keeper; what was answered until now is kept, and can be taken."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            flying = list(self._flying)
        for future in flying:
            future.cancel()
        if self._keeper.is_alive():
            self._answers.put(None)
            self._keeper.join()

    def _send(self, batch: Batch) -> None:
        chunks, self._filling = self._filling, []
        with self._lock:
            self._waiting.append((chunks, batch))
            self._begin()

    def _begin(self) -> None:
        """Begin what waits, as far as the deployment takes it now; called from any thread, with the lock."""
        while self._waiting and self.error is None and len(self._flying) < self._embedder.ahead:
            chunks, batch = self._waiting.popleft()
            future = background_loop.submit(self._request(chunks, batch))
            self._flying.add(future)
            future.add_done_callback(partial(self._ended, number=len(chunks)))

    def _ended(self, future: Future[int], number: int) -> None:
        """A request has ended, however it did: each of its chunks has an outcome, or the stream has failed."""
        with self._lock:
            self._flying.discard(future)
            self._begin()
            closed = self._closed
        if future.cancelled():
            error: BaseException | None = None if closed else _lost(number)
        else:
            error = future.exception()
            if error is None and future.result() != number:
                error = _lost(number - future.result())
        if error is not None:
            self._fail([], error)

    def _fail(self, chunks: Sequence[Chunk], error: BaseException) -> None:
        self.error = self.error or error
        self._outcomes.put(([], len(chunks)))

    async def _request(self, chunks: list[Chunk], batch: Batch) -> int:
        """Embed some chunks; gives back how many of them have an outcome now."""
        if self.error is not None:
            self._fail(chunks, self.error)
            return len(chunks)
        try:
            vectors = await self._embedder.aembed_batch(batch)
            self._check(vectors)
        except InvalidRequestError as error:
            return await self._one_by_one(chunks, error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcomes are taken
            self._fail(chunks, error)
        else:
            self._answered += len(chunks)
            placed = zip(chunks, batch.places, strict=True)
            self._answers.put([chunk.with_vector(vectors[place]) for chunk, place in placed])
        return len(chunks)

    async def _one_by_one(self, chunks: list[Chunk], error: InvalidRequestError) -> int:
        """Halve a request that was refused until the texts are found that it was refused for."""
        if len(chunks) > 1:
            middle = len(chunks) // 2
            halves = [chunks[:middle], chunks[middle:]]
            cut = [next(batches((chunk.text for chunk in half), self._embedder.route)) for half in halves]
            return sum(await asyncio.gather(*map(self._request, halves, cut)))
        self._refused += 1
        if self._refused >= _HOPELESS and not self._answered:
            self._fail(chunks, error)
        else:
            self._answers.put(RefusedChunk(chunks[0], f"{error.condition}: {error}"))
        return 1

    def _check(self, vectors: Sequence[Sequence[float]]) -> None:
        for vector in vectors:
            if len(vector) != self._space.dimensions:
                fix = "state the target's dimensions or space"
                msg = f"the service gave a vector of {len(vector)} numbers for {self._space}: {fix}"
                raise EmbeddingSpaceError(msg, wanted_space=self._space, fix=fix)

    def _keep_answers(self) -> None:
        """Keep what was answered, as much at a time as there is."""
        ending = False
        while not ending:
            found = [self._answers.get()]
            while not self._answers.empty():
                found.append(self._answers.get())
            ending = None in found
            chunks = [chunk for one in found if isinstance(one, list) for chunk in one]
            try:
                if chunks and self._keep is not None:
                    self._keep(chunks)
            except BaseException as error:  # noqa: BLE001 - it is raised where the outcomes are taken
                self._fail(chunks, error)
                chunks = []
            outcomes: list[Outcome] = [*chunks, *(one for one in found if isinstance(one, RefusedChunk))]
            if outcomes:
                self._outcomes.put((outcomes, len(outcomes)))


def _lost(number: int) -> ReindexError:
    return ReindexError(
        f"of {number:,} chunks that were sent, it isn't known what became of them: their request ended without an "
        "answer. Give the same command again: what was answered is kept, and these are sent anew"
    )


@dataclass(slots=True)
class EmbeddingOutcome:
    """What became of some chunks."""

    embedded: list[EmbeddedChunk]
    skipped: list[tuple[str, str]]  # id and reason
    failed: BaseException | None  # what ended the work before all of them were embedded


def embed_chunks(embedder: Embedder, chunks: Sequence[Chunk], *, drain: float = 0) -> EmbeddingOutcome:
    """Embed chunks; when the service fails, wait `drain` seconds for what is in flight."""
    stream = EmbeddingStream(embedder, space_of(embedder.route))
    outcomes: list[Outcome] = []
    try:
        outcomes += [refused for chunk in chunks if (refused := stream.add(chunk)) is not None]
        stream.flush()
        while stream.pending and stream.error is None:
            outcomes += stream.take(patient=True)
        if stream.error is not None:
            stream.end_early(drain)
            while taken := stream.take(patient=False):
                outcomes += taken
    finally:
        stream.close()
    embedded = [one for one in outcomes if isinstance(one, EmbeddedChunk)]
    skipped = [(one.chunk.id, one.reason) for one in outcomes if isinstance(one, RefusedChunk)]
    return EmbeddingOutcome(embedded, skipped, stream.error)
