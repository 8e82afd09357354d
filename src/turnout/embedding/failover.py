"""Requests that move on to another place of the same space, once its vectors were seen to be the same.

Vectors of different models can't be compared, and what settings call the same model may be another version, or asked in
another way. So texts are embedded at both places before one stands in for the other.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from functools import partial
from operator import mul
from typing import TYPE_CHECKING

from turnout.calls.context import deadline_of
from turnout.calls.failover import FailoverCall
from turnout.embedding.batching import Batch
from turnout.embedding.sending import EmbeddingCall
from turnout.errors import ModelCallError, TurnoutError
from turnout.facts.spaces import space_of
from turnout.routing import other_places, resolve
from turnout.runtime import Cache, renew_in_child
from turnout.transport import background_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from turnout.calls.failover import Failover
    from turnout.embedding.requests import Purpose, Vector
    from turnout.routing import Route
    from turnout.settings import Settings

_log = logging.getLogger(__name__)

SAME = 0.999
"""The cosine from which two vectors of one text are the same: services round differently, models differ by far more."""

SAMPLES = (
    "The depot opens at seven in the morning.",
    "How do I rotate an access key?",
    "Quarterly revenue grew by 4.2 % to 1.3 million euros.",
    "def add(a, b): return a + b",
    "Der Vertrag endet am 31. März.",
    "La réunion est reportée à jeudi.",
    "El pedido llegará mañana.",
    "東京の天気は晴れです。",
    "SELECT name FROM customers WHERE city = 'Lyon';",
    "A cat sleeps on the warm roof.",
    "Error 504: the gateway did not answer in time.",
    "Mix flour, butter and sugar, and bake for an hour.",
    "The treaty was signed in 1648.",
    "photosynthesis",
    "Please confirm the receipt of invoice 2024-118.",
    "Terms and conditions apply.",
)
"""What is embedded at both places."""

_NOTHING = 1e-9  # not 0, which a cache takes for nothing
_WITHIN = 10.0  # seconds that a comparison may take
_HELD_UP = 1.0  # seconds that the request waits for it which began it

_compared: Cache[tuple[str, str, str], float] = Cache(size=1000)  # the smallest cosine of a sample's two vectors
_comparing: set[tuple[str, str, str]] = set()
renew_in_child(_comparing.clear)


class RequestsAtPlaces:
    """Sends the requests of one route, to another place of its space where that can't answer.

    Args:
        route: The route.
        settings: The settings.
        max_retries: How often a request is repeated, over the backend's.
        deadline: Seconds that one may take in all, over the backend's.
        hook: Told when one moves on.
    """

    def __init__(
        self,
        route: Route,
        settings: Settings,
        max_retries: int | None,
        deadline: float | None,
        hook: Callable[[Failover], object] | None = None,
    ) -> None:
        self._route = route
        self._settings = settings
        self._max_retries = max_retries
        self._deadline = deadline
        self._hook = hook
        self._others = other_places(route, settings)

    def send(self, batch: Batch, purpose: Purpose) -> list[Vector]:
        """The vectors of a request's texts."""
        began = time.monotonic()
        try:
            vectors = self._call(batch, purpose).answer()
        except ModelCallError as error:
            self._explain(error)
            raise
        if missing := self._not_compared():
            background_loop.wait(self._begin_comparing(missing), self._wait(began))
        return vectors

    async def asend(self, batch: Batch, purpose: Purpose, *, patience: float) -> list[Vector]:
        """Likewise, without blocking the event loop; throttling is waited out for so many seconds."""
        began = time.monotonic()
        try:
            vectors = await self._call(batch, purpose, patience).aanswer()
        except ModelCallError as error:
            self._explain(error)
            raise
        if missing := self._not_compared():
            await background_loop.await_(self._begin_comparing(missing), self._wait(began))
        return vectors

    def _wait(self, began: float) -> float:
        """Seconds that a request which was answered waits for a comparison."""
        deadline = deadline_of(self._route, self._settings, self._deadline)
        return _HELD_UP if deadline is None else max(min(_HELD_UP, began + deadline - time.monotonic()), 0)

    def _call(
        self, batch: Batch, purpose: Purpose, patience: float = 0
    ) -> EmbeddingCall | FailoverCall[list[Vector], list[Vector]]:
        call = partial(
            EmbeddingCall,
            settings=self._settings,
            batch=batch,
            purpose=purpose,
            max_retries=self._max_retries,
            deadline=self._deadline,
            patience=patience,
        )
        same = [place for place in self._others if (_compared.get(self._pair(place)) or 0.0) >= SAME]
        if not same:
            return call(self._route)
        return FailoverCall(
            (self._route, *same),
            self._settings,
            call,
            deadline=self._deadline,
            conversation=None,
            cached=lambda _: 0,
            hook=self._hook,
        )

    def _pair(self, other: Route) -> tuple[str, str, str]:
        places = (f"{place.backend}/{place.deployment}" for place in (self._route, other))
        return (str(space_of(self._route)), *places)  # type: ignore[return-value] # of two

    def _not_compared(self) -> list[Route]:
        """The other places whose vectors nobody has seen, nor is looking at."""
        return [
            other
            for other in self._others
            if _compared.get(pair := self._pair(other)) is None and pair not in _comparing
        ]

    def _begin_comparing(self, others: list[Route]) -> Future[None]:
        """Compare beside the calls: a place that doesn't answer holds up none for long."""
        pairs = {self._pair(other) for other in others}
        _comparing.update(pairs)
        return background_loop.submit(self._compare(others, pairs))

    async def _compare(self, others: list[Route], pairs: set[tuple[str, str, str]]) -> None:
        """Embed the samples here and there. A place that doesn't answer is asked again after another request."""
        try:
            async with asyncio.timeout(_WITHIN):
                here = await self._samples(self._route)
                for other in others:
                    least = max(min(map(_cosine, here, await self._samples(other))), _NOTHING)
                    _compared.get_or_make(self._pair(other), partial(float, least))
                    if least < SAME:
                        _log.warning("%s", self._differs(other, least))
        except (TimeoutError, TurnoutError) as error:
            _log.info("vectors of %r can't be compared yet: %s", self._route.key, error)
        finally:
            _comparing.difference_update(pairs)

    async def _samples(self, place: Route) -> list[Vector]:
        most = place.facts.max_inputs if place.facts.known or place.wire == "bedrock-invoke" else len(SAMPLES)
        batches = [Batch(list(SAMPLES[start : start + most])) for start in range(0, len(SAMPLES), most)]
        calls = (EmbeddingCall(place, self._settings, batch, "document", max_retries=0).aanswer() for batch in batches)
        return [vector for vectors in await asyncio.gather(*calls) for vector in vectors]

    def _differs(self, other: Route, cosine: float) -> str:
        return (
            f"{other.deployment!r} on backend {other.backend!r} makes other vectors than {self._route.deployment!r} on "
            f"backend {self._route.backend!r} (cosine {cosine:.3f}), so no request moves there; "
            "correct the model or the dimensions of one of them"
        )

    def _explain(self, error: ModelCallError) -> None:
        """Have an error say why the request didn't move on, and which index could."""
        reasons = []
        for other in self._others:
            least = _compared.get(self._pair(other))
            if least is None:
                reasons.append(
                    f"It can't move to backend {other.backend!r} before vectors of both places were compared, "
                    "which is done with the first request that is answered."
                )
            elif least < SAME:
                reasons.append(f"{self._differs(other, least)}.")
        reasons += self._indexes()
        if reasons:
            error.args = (f"{error.args[0]} {' '.join(reasons)}",)

    def _indexes(self) -> list[str]:
        """The named indexes that have a collection for a fallback of another space."""
        name, own, found = self._route.name, space_of(self._route), []
        targets = self._settings.embedding.get(name, {})
        for fallback in self._settings.route_fallbacks.get(f"embedding.{name}", self._settings.fallbacks):
            if fallback == self._route.backend or fallback not in targets:
                continue
            space = space_of(resolve(name, kind="embedding", backend=fallback, settings=self._settings))
            if not space.fits(own):
                found.append(f"It can't move to backend {fallback!r}, whose vectors are of the space {space}.")
                indexes = [
                    repr(index)
                    for index, kept in self._settings.index.items()
                    if kept.embedding == name and fallback in kept.also
                ]
                if indexes:
                    whose = f"index {indexes[0]}" if len(indexes) == 1 else f"indexes {', '.join(indexes)}"
                    found.append(f"The {whose} can be searched there: set TURNOUT_EMBEDDING_BACKEND={fallback}.")
        return found


def _cosine(one: Vector, other: Vector) -> float:
    length = math.hypot(*one) * math.hypot(*other) if len(one) == len(other) else 0.0
    return sum(map(mul, one, other)) / length if length else 0.0
