"""A chat call that moves on: from a place that can't answer it to the next, with its conversation made anew for that.

A place is a route: a deployment of the backend's list, or a fallback's. What moves on is what another place may answer;
a request that is wrong, and a credential that is refused, are wrong everywhere.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from contextlib import aclosing, closing
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from turnout import errors as e
from turnout.calls.attempts import Share
from turnout.calls.circuit import OUTAGES
from turnout.calls.context import circuit_at, deadline_of
from turnout.runtime import renew_in_child

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Hashable, Sequence

    from turnout.calls.chat import ChatCall
    from turnout.routing import Route
    from turnout.settings import Settings

A = TypeVar("A")
C = TypeVar("C")

_log = logging.getLogger(__name__)
_random = Random()  # noqa: S311 - no secret
_WAIT = 1.0  # seconds that a call without a deadline waits where it is, rather than move on
_WARM = 300.0  # seconds that a service keeps a prompt at least: OpenAI's and Anthropic's caches
_MOST_WARM = 10_000


@dataclass(frozen=True, slots=True)
class Failover:
    """A call that moves on.

    Attributes:
        route: What the application called it: `default`.
        backend: The backend that it leaves.
        deployment: The deployment that it leaves.
        to_backend: The backend that is asked next.
        to_deployment: The deployment that is asked next.
        error: Why.
        after: Seconds since the call began.
    """

    route: str
    backend: str
    deployment: str
    to_backend: str
    to_deployment: str
    error: e.ModelCallError
    after: float


def moves_on(error: e.ModelCallError, here: Route, there: Route, settings: Settings) -> bool:
    """Whether a call that failed here may be answered there."""
    if isinstance(error, OUTAGES):
        return True
    if isinstance(error, e.ContentFilterError):
        return settings.failover.content_filter
    if isinstance(error, e.ContextOverflowError) and settings.failover.context_overflow:
        return not there.facts.known or there.facts.context > here.facts.context
    return False


def announce(failover: Failover, hook: Callable[[Failover], object] | None) -> None:
    """Log that a call moves on, and tell the application; its hook's own failure doesn't end the call."""
    _log.warning(
        "a call of route %r moves from %r on backend %r to %r on backend %r: %s",
        *(failover.route, failover.deployment, failover.backend, failover.to_deployment, failover.to_backend),
        failover.error.condition,
    )
    if hook is not None:
        try:
            hook(failover)
        except Exception:  # noqa: BLE001 - whatever the application's function raises
            _log.exception("on_failover failed")


class _WarmPlaces:
    """Where the service's cache has the beginning of a conversation: there it is answered sooner and for less."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._places: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()

    def get(self, conversation: Hashable) -> str | None:
        place, until = self._places.get(conversation, ("", 0.0))
        return place if time.monotonic() < until else None

    def put(self, conversation: Hashable, place: str) -> None:
        self._places.pop(conversation, None)  # the latest go last
        self._places[conversation] = place, time.monotonic() + _WARM
        while len(self._places) > _MOST_WARM:
            self._places.popitem(last=False)


_warm = _WarmPlaces()
renew_in_child(_warm.renew)


def ordered(places: Sequence[Route], warm: str | None = None) -> list[Route]:
    """The places in the order of preference: where the prompt is kept, then as listed; by weights where they have them.

    Weights are of neighbours: how often each of them comes first.
    """
    if warm is None and all(place.weight is None for place in places):
        return list(places)
    drawn: list[Route] = []
    group: list[Route] = []
    for place in (*places, None):
        if place is not None and place.weight is not None:
            group.append(place)
            continue
        drawn += sorted(group, key=_draw, reverse=True)
        group = []
        if place is not None:
            drawn.append(place)
    return sorted(drawn, key=lambda place: place.key != warm)


def take(places: list[Route], settings: Settings) -> Route:
    """Take the place to ask next out of the list: the first that doesn't rest, or the one that rests least."""
    chosen, least = places[0], float("inf")
    for place in places:
        circuit = circuit_at(place, settings)
        if circuit is None or circuit.admits():
            chosen = place
            break
        if circuit.rest < least:
            chosen, least = place, circuit.rest
    places.remove(chosen)
    return chosen


def _draw(place: Route) -> float:
    """A number whose order is a weighted draw (Efraimidis and Spirakis, 2006)."""
    return _random.random() ** (1 / place.weight) if place.weight else 0.0


class FailoverCall(Generic[A, C]):
    """One call at several places, asked in turn.

    Args:
        places: Where it may be answered, in order of preference.
        settings: The settings.
        call: Makes the call at a route, with what that may take of it as `share`: a `ChatCall`, or its like.
        deadline: Seconds that it may take in all, over the backend's.
        conversation: Tells the conversation from others, by its beginning.
        cached: The tokens that an answer, or a chunk of one, says were cached.
        hook: Told when the call moves on.
    """

    def __init__(
        self,
        places: Sequence[Route],
        settings: Settings,
        call: Callable[..., Any],
        *,
        deadline: float | None,
        conversation: Hashable,
        cached: Callable[[A | C], int],
        hook: Callable[[Failover], object] | None,
    ) -> None:
        self._settings = settings
        self._call = call
        self._conversation = (places[0].key, conversation)
        self._cached = cached
        self._hook = hook
        self._left = ordered(places, _warm.get(self._conversation))
        self._here = take(self._left, settings)
        self._began = time.monotonic()
        self._deadline = deadline_of(places[0], settings, deadline)
        self._failed: tuple[e.FailedAttempt, ...] = ()

    def answer(self) -> A:
        """One answer."""
        while True:
            try:
                answer: A = self._at_place().answer()
            except e.TurnoutError as error:
                if not self._moves_on(error):
                    raise
            else:
                self._see(answer)
                return answer

    async def aanswer(self) -> A:
        """One answer, without blocking the event loop."""
        while True:
            try:
                answer: A = await self._at_place().aanswer()
            except e.TurnoutError as error:
                if not self._moves_on(error):
                    raise
            else:
                self._see(answer)
                return answer

    def chunks(self) -> Generator[C]:
        """One answer in chunks; it moves on until the first of them has come."""
        begun = False
        while True:
            try:
                with closing(self._at_place().chunks()) as chunks:
                    for chunk in chunks:
                        begun = True
                        self._see(chunk)
                        yield chunk
            except e.TurnoutError as error:
                if begun or not self._moves_on(error):
                    raise
            else:
                return

    async def achunks(self) -> AsyncGenerator[C]:
        """One answer in chunks, without blocking the event loop."""
        begun = False
        while True:
            try:
                async with aclosing(self._at_place().achunks()) as chunks:
                    async for chunk in chunks:
                        begun = True
                        self._see(chunk)
                        yield chunk
            except e.TurnoutError as error:
                if begun or not self._moves_on(error):
                    raise
            else:
                return

    def _at_place(self) -> Any:
        """The call at this place, with its share of the time that is left."""
        now, places = time.monotonic(), len(self._left) + 1
        ends, wait = None, self._settings.failover.wait
        if self._deadline is not None:
            ends = now + max(self._began + self._deadline - now, 0.001) / places
            wait = ends - now if wait is None else min(wait, ends - now)
        if not self._left:
            ends = wait = None
        elif wait is None:
            wait = _WAIT
        return self._call(self._here, share=Share(self._began, self._deadline, ends, wait, self._failed))

    def _moves_on(self, error: e.TurnoutError) -> bool:
        """Whether another place may answer what failed at this one; it is asked next."""
        after = time.monotonic() - self._began
        if not isinstance(error, e.ModelCallError):
            if self._failed:
                before = self._failed[-1]
                error.add_note(f"The call had moved here from backend {before.backend!r}, after a {before.error}.")
            return False
        left = [place for place in self._left if moves_on(error, self._here, place, self._settings)]
        if not left or (self._deadline is not None and after >= self._deadline):
            return False
        here, self._left = self._here, left
        self._here = there = take(left, self._settings)
        self._failed = (*error.failed_attempts, e.FailedAttempt.of(error, after=after))
        moved = here.backend, here.deployment, there.backend, there.deployment
        announce(Failover(here.name, *moved, error, round(after, 3)), self._hook)
        return True

    def _see(self, answer: A | C) -> None:
        if self._cached(answer):
            _warm.put(self._conversation, self._here.key)


def at_places(
    places: Sequence[Route],
    settings: Settings,
    call: Callable[..., ChatCall[A, C]],
    *,
    deadline: float | None,
    conversation: Callable[[], Hashable],
    cached: Callable[[A | C], int],
    hook: Callable[[Failover], object] | None,
) -> ChatCall[A, C] | FailoverCall[A, C]:
    """A call at the first of its places, or where there are several, at each of them in turn."""
    if len(places) == 1:
        return call(places[0])
    return FailoverCall(
        places, settings, call, deadline=deadline, conversation=conversation(), cached=cached, hook=hook
    )
