"""The providers. A new one is a row here and in `turnout.facts.providers`, and a settings class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.providers import azure, bedrock, openai

if TYPE_CHECKING:
    from turnout.providers.base import Provider
    from turnout.settings import Backend

_PROVIDERS: dict[str, Provider] = {"azure": azure.PROVIDER, "bedrock": bedrock.PROVIDER, "openai": openai.PROVIDER}


def provider_of(backend: Backend) -> Provider:
    """The provider of a backend."""
    return _PROVIDERS[backend.provider]


def endpoint(backend: Backend, wire: str = "") -> str:
    """The address or region that a backend asks, on a wire."""
    return provider_of(backend).endpoint(backend, wire)
