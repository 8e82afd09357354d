"""Retry policy, limiter and error context for a call on a route."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from turnout.calls import limits
from turnout.calls.attempts import Attempts, Share
from turnout.calls.circuit import Circuit, circuit_of
from turnout.calls.classification import CallSite
from turnout.errors import TurnoutError
from turnout.providers.clients import credential_for, endpoint
from turnout.settings.options import Options
from turnout.transport.deadline import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.routing import Route
    from turnout.settings import Backend, Settings


def backend_of(route: Route, settings: Settings) -> Backend:
    """A route's backend; where the target has headers of its own, with those, and so with a client of its own."""
    backend = settings.backends[route.backend]
    if not route.headers:
        return backend
    own = {name.lower() for name in route.headers}
    kept = {name: value for name, value in backend.headers.items() if name.lower() not in own}
    return backend.model_copy(update={"headers": Options({**kept, **route.headers})})


def call_site(route: Route, settings: Settings) -> CallSite:
    """Where a route's calls go, for errors."""
    backend = backend_of(route, settings)
    try:
        credential = credential_for(route, backend)
    except TurnoutError:
        credential = None
    return CallSite(route, endpoint(backend, route), credential, settings.source, backend.secrets)


def limiter_of(route: Route, settings: Settings) -> limits.Limiter:
    """The limiter that all of a deployment's calls share."""
    backend = settings.backends[route.backend]
    most = backend.max_connections
    return limits.shared(
        (route.backend, endpoint(backend, route), route.deployment),
        rpm=route.rpm,
        tpm=route.tpm,
        # A chat deployment isn't limited until it throttles; texts to embed come by the thousand, so they begin slowly.
        start=most if route.kind == "chat" else limits.FIRST_WINDOW,
        most=most,
    )


def deadline_of(route: Route, settings: Settings, deadline: float | None) -> float | None:
    """Seconds that a call that begins on a route may take in all."""
    return settings.backends[route.backend].deadline if deadline is None else deadline


def circuit_at(route: Route, settings: Settings) -> Circuit | None:
    """The circuit that all of a deployment's calls share, unless the settings want none."""
    if not settings.failover.circuit:
        return None
    return circuit_of(route.backend, endpoint(settings.backends[route.backend], route), route.deployment)


def new_attempts(
    route: Route,
    settings: Settings,
    translate: Callable[[Exception], TurnoutError | None],
    *,
    max_retries: int | None = None,
    deadline: float | None = None,
    tokens: Callable[[], float] | None = None,
    used: Callable[[Any], float | None] | None = None,
    patience: float = 0.0,
    share: Share | None = None,
) -> Attempts:
    """The attempts of a call on a route; `max_retries` and `deadline` go over the backend's.

    `share` is what the route may take of the call, where there are other places for it.

    `translate` makes turnout's error of what an SDK raised. `tokens`, which is asked only where tokens are limited,
    estimates what the call takes, and `used` reads out of an answer what it took.
    """
    backend = settings.backends[route.backend]
    limiter = limiter_of(route, settings)
    policy = RetryPolicy(
        max_retries=backend.max_retries if max_retries is None else max_retries,
        deadline=share.deadline if share is not None else deadline_of(route, settings, deadline),
        max_retry_wait=backend.max_retry_wait,
        patience=patience,
    )
    return Attempts(
        policy,
        limiter,
        translate,
        backend=route.backend,
        deployment=route.deployment,
        tokens=tokens() if tokens is not None and limiter.counts_tokens else 0,
        used=used,
        circuit=circuit_at(route, settings),
        share=share,
        began=time.monotonic() if share is None else share.began,
    )
