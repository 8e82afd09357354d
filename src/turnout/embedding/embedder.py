"""Texts → vectors on one route, for both frameworks: at the speed that the deployment's quota allows, order kept."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Any

from turnout.calls.context import limiter_of
from turnout.calls.failover import Failover
from turnout.embedding.batching import Batch, EmbeddingProgress, abatches, batches, check
from turnout.embedding.failover import RequestsAtPlaces
from turnout.embedding.requests import Purpose, Vector
from turnout.errors import ContextOverflowError, InvalidRequestError
from turnout.routing import Route
from turnout.settings import Settings
from turnout.transport import background_loop

_PATIENCE = 300.0  # seconds of throttling that bulk work waits out, as long as some of it is answered
_AHEAD = 2  # requests begun for each that may be in flight, so that a slow one doesn't hold up those behind it


class Embedder:
    """Embeds texts on one route.

    Args:
        route: Where the texts go.
        settings: The settings.
        max_retries: How often a failed request is repeated, over the backend's.
        deadline: Seconds that one request may take in all, over the backend's.
        progress: Called after each request, in order.
        on_failover: Called when a request moves on to another place of the same space.
    """

    def __init__(
        self,
        route: Route,
        settings: Settings,
        *,
        max_retries: int | None = None,
        deadline: float | None = None,
        progress: Callable[[EmbeddingProgress], object] | None = None,
        on_failover: Callable[[Failover], object] | None = None,
    ) -> None:
        self.route = route
        self._settings = settings
        self._requests = RequestsAtPlaces(route, settings, max_retries, deadline, on_failover)
        self._progress = progress

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> list[Vector]:
        """Embed texts, none of them empty, in order; those that repeat are embedded once.

        Some models embed a `document` and a `query` differently.

        Raises:
            InvalidRequestError: A text is empty; nothing was sent.
            ContextOverflowError: A text is longer than the model takes.
            ModelCallError: The service refused or failed.
        """
        unique = self._unique(texts)
        cut = list(batches(unique, self.route, unique.values()))
        if len(cut) == 1:
            vectors = self._embed_split(cut[0], purpose)
            self._say(len(texts), len(texts))
        else:
            vectors = list(self._in_order(iter(cut), purpose, Counter(texts)))
        return _for_each(texts, unique, vectors)

    async def aembed(self, texts: Sequence[str], purpose: Purpose = "document") -> list[Vector]:
        """Embed texts without blocking the event loop."""
        unique = self._unique(texts)
        cut = list(batches(unique, self.route, unique.values()))
        if len(cut) == 1:
            vectors = await self._aembed_split(cut[0], purpose, patience=0)
            self._say(len(texts), len(texts))
        else:
            vectors = [vector async for vector in self._ain_order(_each(cut), purpose, Counter(texts))]
        return _for_each(texts, unique, vectors)

    def embed_iter(self, texts: Iterable[str], purpose: Purpose = "document") -> Generator[Vector]:
        """Embed texts of any number in bounded memory, in order; read as far ahead as requests may be in flight.

        Texts that repeat within a request are embedded once.
        """
        return self._in_order(batches(texts, self.route), purpose, None)

    def aembed_iter(
        self, texts: Iterable[str] | AsyncIterable[str], purpose: Purpose = "document"
    ) -> AsyncGenerator[Vector]:
        """Embed texts of any number in bounded memory, without blocking the event loop."""
        if isinstance(texts, AsyncIterable):
            return self._ain_order(abatches(texts, self.route), purpose, None)
        return self._ain_order(_each(batches(texts, self.route)), purpose, None)

    async def aembed_batch(
        self, batch: Batch, purpose: Purpose = "document", *, patience: float = _PATIENCE
    ) -> list[Vector]:
        """Embed the texts of one request; throttling is waited out for that many seconds."""
        return await self._requests.asend(batch, purpose, patience=patience)

    def _embed_split(self, batch: Batch, purpose: Purpose) -> list[Vector]:
        """Embed the texts of a request, in halves if the service refuses it as too large."""
        try:
            return self._requests.send(batch, purpose)
        except InvalidRequestError as error:
            self._require_divisible(batch, error)
        return [vector for half in batch.halves() for vector in self._embed_split(half, purpose)]

    async def _aembed_split(self, batch: Batch, purpose: Purpose, *, patience: float = _PATIENCE) -> list[Vector]:
        """Likewise, without blocking the event loop."""
        try:
            return await self.aembed_batch(batch, purpose, patience=patience)
        except InvalidRequestError as error:
            self._require_divisible(batch, error)
        return [
            vector for half in batch.halves() for vector in await self._aembed_split(half, purpose, patience=patience)
        ]

    def _require_divisible(self, batch: Batch, error: InvalidRequestError) -> None:
        """Raise the error again unless half of the request may be taken; of one text, with its number and the limit."""
        too_long = isinstance(error, ContextOverflowError)
        if len(batch.texts) > 1 and (too_long or error.status == 413):
            return
        if too_long:
            known = self.route.facts
            limit = f", of which the model takes {known.context:,}" if known.known else ""
            error.args = (f"text {batch.numbers[0]} has too many tokens{limit}: {error.args[0]}",)
        raise error

    def _unique(self, texts: Sequence[str]) -> dict[str, int]:
        """The texts that differ, each with the number of the first that is so."""
        unique: dict[str, int] = {}
        for number, text in enumerate(texts):
            check(number, text, self.route)
            unique.setdefault(text, number)
        return unique

    def _in_order(self, cut: Iterator[Batch], purpose: Purpose, times: Counter[str] | None) -> Generator[Vector]:
        """Answers in order; `times` has how often each text was passed, where they don't come from an iterator."""
        begun: deque[tuple[Batch, Any]] = deque()
        done = 0
        try:
            while True:
                while len(begun) < self.ahead and (batch := next(cut, None)) is not None:
                    begun.append((batch, background_loop.submit(self._aembed_split(batch, purpose))))
                if not begun:
                    return
                batch, future = begun[0]
                vectors = future.result()
                begun.popleft()
                done = self._answered(done, batch, times)
                yield from _placed(batch.places, vectors)
        finally:
            for _, future in begun:
                future.cancel()

    async def _ain_order(
        self, cut: AsyncIterator[Batch], purpose: Purpose, times: Counter[str] | None
    ) -> AsyncGenerator[Vector]:
        begun: deque[tuple[Batch, asyncio.Task[list[Vector]]]] = deque()
        done, more = 0, True
        try:
            while True:
                while more and len(begun) < self.ahead:
                    batch = await anext(cut, None)
                    more = batch is not None
                    if batch is not None:
                        begun.append((batch, asyncio.create_task(self._aembed_split(batch, purpose))))
                if not begun:
                    return
                batch, task = begun[0]
                vectors = await task
                begun.popleft()
                done = self._answered(done, batch, times)
                for vector in _placed(batch.places, vectors):
                    yield vector
        finally:
            for _, task in begun:
                task.cancel()
            await asyncio.gather(*(task for _, task in begun), return_exceptions=True)

    @property
    def ahead(self) -> int:
        """Requests to begin at most, so that as many are in flight as the deployment takes now."""
        return _AHEAD * int(limiter_of(self.route, self._settings).window) + 1

    def _answered(self, done: int, batch: Batch, times: Counter[str] | None) -> int:
        done += len(batch.places) if times is None else sum(times[text] for text in batch.texts)
        self._say(done, None if times is None else times.total())
        return done

    def _say(self, done: int, total: int | None) -> None:
        if self._progress is not None:
            in_flight = limiter_of(self.route, self._settings).in_flight
            self._progress(EmbeddingProgress(done, total, in_flight))


def _placed(places: Sequence[int], vectors: list[Vector]) -> list[Vector]:
    """A vector of its own for each text of the caller."""
    if len(places) == len(vectors):
        return vectors
    return [list(vectors[place]) for place in places]


def _for_each(texts: Sequence[str], unique: Iterable[str], vectors: list[Vector]) -> list[Vector]:
    if len(vectors) == len(texts):
        return vectors
    places = {text: place for place, text in enumerate(unique)}
    return _placed([places[text] for text in texts], vectors)


async def _each(cut: Iterable[Batch]) -> AsyncGenerator[Batch]:
    for batch in cut:
        yield batch
