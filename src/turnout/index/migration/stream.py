"""Chunks → vectors, many requests at once; each answer is kept the moment it comes."""

from __future__ import annotations

import asyncio
import queue
import threading
from array import array
from collections import deque
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from turnout.embedding.batching import Batch, Batcher, check
from turnout.errors import EmbeddingSpaceError, InvalidRequestError, ReindexError
from turnout.index.chunks import Embedded
from turnout.transport import background_loop as portal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from turnout.embedding.embedder import Embedder
    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Item

LARGEST_REQUEST = 128
"""Texts in a request at most: what one answer that never came back costs."""

PENDING = 4096
"""Chunks on their way at most, which bounds the memory."""

_MOMENT = 0.2  # seconds
_HOPELESS = 20  # texts refused and none answered: then it is not the texts


@dataclass(frozen=True, slots=True)
class Refused:
    """A chunk that can't be embedded, and why."""

    item: Item
    reason: str


@dataclass(frozen=True, slots=True)
class _Failed:
    items: Sequence[Item]
    error: BaseException


Outcome = Embedded | Refused


class Stream(Protocol):
    """Chunks → vectors, as `EmbeddingStream` does it here and an engine on other machines."""

    error: BaseException | None

    @property
    def pending(self) -> int:
        """Chunks that were added and whose outcome hasn't been taken."""
        ...

    @property
    def full(self) -> bool:
        """Whether so many are pending that no more should be added."""
        ...

    def add(self, item: Item) -> Refused | None:
        """Take a chunk; gives back why, if it can't be embedded and was never sent."""
        ...

    def flush(self) -> None:
        """Send what waits for more."""
        ...

    def take(self, *, patient: bool) -> list[Outcome]:
        """Outcomes that have come; `patient` waits a moment for one."""
        ...

    def end_early(self, within: float) -> None:
        """Send nothing more; wait so many seconds for what is in flight, and keep it."""
        ...

    def close(self) -> None:
        """End; what was answered until now is kept, and can be taken."""
        ...


class Streaming(Protocol):
    """Makes a stream."""

    def __call__(
        self, embedder: Embedder, space: EmbeddingSpace, keep: Callable[[list[Embedded]], object], /
    ) -> Stream:
        """A stream.

        Args:
            embedder: What it embeds with, or is like.
            space: The space that the vectors must be of.
            keep: Keeps answered vectors; called from one thread, before they are handed on.
        """
        ...


class EmbeddingStream:
    """Embeds chunks in whatever order the service answers.

    Args:
        embedder: Embeds them.
        space: The space that the vectors must be of.
        keep: Keeps answered vectors; called from one thread, before they are handed on.

    Attributes:
        error: What ended the stream, if something did: nothing more is sent then.
    """

    def __init__(
        self, embedder: Embedder, space: EmbeddingSpace, keep: Callable[[list[Embedded]], object] | None = None
    ) -> None:
        self._embedder = embedder
        self._space = space
        self._keep = keep
        self._batcher = Batcher(embedder.route, LARGEST_REQUEST)
        self._filling: list[Item] = []
        self._lock = threading.RLock()  # a callback may run where it is added
        self._waiting: deque[tuple[list[Item], Batch]] = deque()
        self._flying: set[Future[int]] = set()
        self._closed = False
        self._answers: queue.SimpleQueue[list[Embedded] | Refused | _Failed | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[list[Outcome] | _Failed] = queue.SimpleQueue()
        self._pending = 0
        self._answered = 0
        self._refused = 0
        self.error: BaseException | None = None
        self._keeper = threading.Thread(target=self._keep_answers, name="turnout-reindex-keeper", daemon=True)
        self._keeper.start()

    @property
    def pending(self) -> int:
        """Chunks that were added and whose outcome hasn't been taken."""
        return self._pending

    @property
    def full(self) -> bool:
        """Whether so many are pending that no more should be added."""
        return self._pending >= PENDING

    def add(self, item: Item) -> Refused | None:
        """Take a chunk; gives back why, if it can't be embedded and was never sent."""
        try:
            check(0, item.text, self._embedder.route)
        except InvalidRequestError as error:
            return Refused(item, str(error).replace("text 0 ", "the text ", 1))
        full = self._batcher.add(item.text)
        if full is not None:
            self._send(full)
        self._filling.append(item)
        self._pending += 1
        return None

    def flush(self) -> None:
        """Send what waits for more to fill its request."""
        last = self._batcher.rest()
        if last is not None:
            self._send(last)

    def take(self, *, patient: bool) -> list[Outcome]:
        """Outcomes that have come.

        Args:
            patient: Whether to wait a moment for one.

        Returns:
            Some, or none if none came or the stream has failed: then `error` says why.
        """
        try:
            found = self._outcomes.get(timeout=_MOMENT) if patient else self._outcomes.get_nowait()
        except queue.Empty:
            return []
        if isinstance(found, _Failed):
            self._pending -= len(found.items)
            self.error = self.error or found.error
            return []
        self._pending -= len(found)
        return found

    def end_early(self, within: float) -> None:
        """Send nothing more; wait for what is in flight, and keep it.

        Args:
            within: Seconds to wait at most.
        """
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
        items, self._filling = self._filling, []
        with self._lock:
            self._waiting.append((items, batch))
            self._begin()

    def _begin(self) -> None:
        """Begin what waits, as far as the deployment takes it now; called from any thread, with the lock."""
        while self._waiting and self.error is None and len(self._flying) < self._embedder.ahead:
            items, batch = self._waiting.popleft()
            future = portal.submit(self._request(items, batch))
            self._flying.add(future)
            future.add_done_callback(partial(self._ended, number=len(items)))

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
            self._answers.put(_Failed([], error))

    async def _request(self, items: list[Item], batch: Batch) -> int:
        """Embed some chunks; gives back how many of them have an outcome now."""
        if self.error is not None:
            self._answers.put(_Failed(items, self.error))
            return len(items)
        try:
            vectors = await self._embedder.aembed_batch(batch)
            self._check(vectors)
        except InvalidRequestError as error:
            return await self._one_by_one(items, error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcomes are taken
            self._answers.put(_Failed(items, error))
        else:
            packed = [array("d", vector) for vector in vectors]
            self._answered += len(items)
            self._answers.put([Embedded(item, packed[place]) for item, place in zip(items, batch.places, strict=True)])
        return len(items)

    async def _one_by_one(self, items: list[Item], error: InvalidRequestError) -> int:
        """Halve a request that was refused until the texts are found that it was refused for."""
        if len(items) > 1:
            middle = len(items) // 2
            halves = [items[:middle], items[middle:]]
            return sum(await asyncio.gather(*(self._request(half, self._batch(half)) for half in halves)))
        self._refused += 1
        if self._refused >= _HOPELESS and not self._answered:
            self.error = self.error or error
            self._answers.put(_Failed(items, error))
        else:
            self._answers.put(Refused(items[0], f"{error.condition}: {error}"))
        return 1

    def _batch(self, items: Sequence[Item]) -> Batch:
        batcher = Batcher(self._embedder.route, LARGEST_REQUEST)
        for item in items:
            batcher.add(item.text)
        batch = batcher.rest()
        assert batch is not None
        return batch

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
                self.error = self.error or error
                self._outcomes.put(_Failed([chunk.item for chunk in chunks], error))
                chunks = []
            outcomes: list[Outcome] = [*chunks, *(one for one in found if isinstance(one, Refused))]
            if outcomes:
                self._outcomes.put(outcomes)
            for one in found:
                if isinstance(one, _Failed):
                    self._outcomes.put(one)


def _lost(number: int) -> ReindexError:
    return ReindexError(
        f"of {number:,} chunks that were sent, it isn't known what became of them: their request ended without an "
        "answer. Give the same command again: what was answered is kept, and these are sent anew"
    )
