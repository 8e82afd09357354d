"""What a call goes by besides its request: when it is repeated, what its deployment takes, where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.calls import limits
from turnout.calls.attempts import Call
from turnout.calls.classification import CallSite
from turnout.errors import TurnoutError
from turnout.providers import openai
from turnout.providers.credentials import aws, azure
from turnout.providers.pool import bedrock_client, is_made
from turnout.transport.deadline import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.providers.credentials.base import Chosen
    from turnout.routing import Route
    from turnout.settings import Backend, Settings


def resource(backend: Backend, wire: str = "") -> str:
    """The endpoint or region that a backend asks, on a wire."""
    match backend.provider:
        case "azure":
            if backend.endpoint is not None and wire == "anthropic-messages":
                from turnout.providers.foundry import base_url

                return base_url(backend)
            return backend.endpoint or "no endpoint"
        case "bedrock":
            region = backend.region or "the default region"
            if wire.startswith("openai-"):
                return backend.mantle_endpoint or f"Mantle in {region}"
            return backend.endpoint or f"Bedrock in {region}"
        case _:
            return backend.base_url or "https://api.openai.com/v1"


def credential(backend: Backend, wire: str = "") -> Chosen:
    """The credential that a backend goes by; of AWS's default chain what it found, if Bedrock was asked already."""
    if backend.provider == "azure":
        return azure.choose(backend)
    if backend.provider == "openai":
        return openai.choose(backend)
    if wire.startswith("openai-") or not is_made(backend):
        return aws.choose(backend)
    return bedrock_client(backend).chosen


def backend_of(route: Route, settings: Settings, timeout: float | None = None) -> Backend:
    """A route's backend, with a call's own timeout if it has one; another timeout means another client."""
    backend = settings.backends[route.backend]
    if timeout is None or timeout == backend.timeout:
        return backend
    return backend.model_copy(update={"timeout": timeout})


def call_site(route: Route, settings: Settings) -> CallSite:
    """Where a route's calls go."""
    backend = settings.backends[route.backend]
    try:
        chosen = credential(backend, route.wire)
    except TurnoutError:
        chosen = None
    return CallSite(
        route=route,
        resource=resource(backend, route.wire),
        chosen=chosen,
        source=settings.source,
        secret=backend.secrets,
    )


def limiter_of(route: Route, settings: Settings) -> limits.Limiter:
    """The limiter that all of a deployment's calls share."""
    backend = settings.backends[route.backend]
    most = backend.max_connections
    return limits.shared(
        (route.backend, resource(backend, route.wire), route.deployment),
        rpm=route.rpm,
        tpm=route.tpm,
        # A chat deployment is let alone until it throttles; texts to embed come by the thousand, so they begin slowly.
        start=most if route.kind == "chat" else limits.FIRST_WINDOW,
        most=most,
    )


def new_call(
    route: Route,
    settings: Settings,
    translate: Callable[[Exception], TurnoutError | None],
    *,
    max_retries: int | None = None,
    deadline: float | None = None,
    tokens: Callable[[], float] | None = None,
    used: Callable[[Any], float | None] | None = None,
    patience: float = 0.0,
) -> Call:
    """A call on a route.

    Args:
        route: Where it goes.
        settings: The settings; their backend says when calls are repeated.
        translate: Turnout's error for what an SDK raised.
        max_retries: How often it is repeated at most, over the backend's.
        deadline: Seconds that it may take in all, over the backend's.
        tokens: Estimates its tokens; asked only where tokens are limited.
        used: The tokens that an answer says it took.
        patience: Seconds of throttling that are waited out without counting as retries.
    """
    backend = settings.backends[route.backend]
    limiter = limiter_of(route, settings)
    policy = RetryPolicy(
        max_retries=backend.max_retries if max_retries is None else max_retries,
        deadline=backend.deadline if deadline is None else deadline,
        max_retry_wait=backend.max_retry_wait,
        patience=patience,
    )
    return Call(
        policy,
        limiter,
        translate,
        backend=route.backend,
        deployment=route.deployment,
        tokens=tokens() if tokens is not None and limiter.counts_tokens else 0,
        used=used,
    )
