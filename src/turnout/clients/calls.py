"""What a call's errors and `--explain` say of where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.classify import CallSite
from turnout.clients.pool import bedrock_client, openai_client
from turnout.errors import TurnoutError

if TYPE_CHECKING:
    from turnout.credentials.base import Chosen
    from turnout.routes import Route
    from turnout.settings import Backend, Settings


def resource(backend: Backend) -> str:
    """The endpoint or region that a backend asks."""
    match backend.provider:
        case "azure":
            return backend.endpoint or "no endpoint"
        case "bedrock":
            return backend.endpoint or f"Bedrock in {backend.region or 'the default region'}"
        case _:
            return backend.base_url or "https://api.openai.com/v1"


def credential(backend: Backend) -> Chosen:
    """The credential that a backend's client uses; makes the client if there is none yet."""
    if backend.provider == "bedrock":
        return bedrock_client(backend).chosen
    return openai_client(backend).chosen


def call_site(route: Route, settings: Settings) -> CallSite:
    """Where a route's calls go."""
    backend = settings.backends[route.backend]
    try:
        chosen = credential(backend)
    except TurnoutError:
        chosen = None
    return CallSite(route=route, resource=resource(backend), chosen=chosen, source=settings.source)
