"""What a call's errors and `--explain` say of where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.classify import CallSite
from turnout.clients import openai
from turnout.clients.pool import bedrock_client
from turnout.credentials import aws, azure
from turnout.errors import TurnoutError

if TYPE_CHECKING:
    from turnout.credentials.base import Chosen
    from turnout.routes import Route
    from turnout.settings import Backend, Settings


def resource(backend: Backend, wire: str = "") -> str:
    """The endpoint or region that a backend asks, on a wire."""
    match backend.provider:
        case "azure":
            if backend.endpoint is not None and wire == "anthropic-messages":
                from turnout.clients.foundry import base_url

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
    """The credential that a backend goes by. Bedrock Runtime's default chain is asked what it found."""
    if backend.provider == "azure":
        return azure.choose(backend)
    if backend.provider == "openai":
        return openai.choose(backend)
    return aws.choose(backend) if wire.startswith("openai-") else bedrock_client(backend).chosen


def call_site(route: Route, settings: Settings) -> CallSite:
    """Where a route's calls go."""
    backend = settings.backends[route.backend]
    try:
        chosen = credential(backend, route.wire)
    except TurnoutError:
        chosen = None
    return CallSite(route=route, resource=resource(backend, route.wire), chosen=chosen, source=settings.source)
