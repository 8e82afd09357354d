"""The providers, and the process's clients, made once for each backend's settings.

Chat and embeddings, LangChain and LlamaIndex all get the same client for the same backend. Clients are safe to share
between threads and event loops. A forked child makes its own: sockets are not for sharing, so the parent's clients are
neither used nor closed there.

A new provider is a row here and in `turnout.facts.providers`, and a settings class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.providers import azure, bedrock, openai
from turnout.providers.base import Client
from turnout.redaction import without_secrets
from turnout.runtime import Cache
from turnout.sdk_logs import redact_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.providers.base import Connect, Provider
    from turnout.providers.credentials import Credential
    from turnout.routing import Route
    from turnout.settings import Backend

_PROVIDERS: dict[str, Provider] = {"azure": azure.PROVIDER, "bedrock": bedrock.PROVIDER, "openai": openai.PROVIDER}
_clients: Cache[tuple[Connect, Backend], Client] = Cache(size=None, close=Client.close)


def provider_of(backend: Backend) -> Provider:
    """The provider of a backend."""
    return _PROVIDERS[backend.provider]


def endpoint(backend: Backend, route: Route | None = None) -> str:
    """The address or region that a backend asks, for a route."""
    return provider_of(backend).endpoint(backend, route)


def client_for(route: Route, backend: Backend) -> Client:
    """The client that a route's calls go through.

    Raises:
        SettingsError: The backend's settings are incomplete (no endpoint, region or profile) or don't fit the wire.
        CredentialError: No credential was found, or `auth` names a method whose settings are incomplete.
    """
    connect = _connector(route, backend)

    def make() -> Client:
        redact_logs(_secrets)
        try:
            made = connect(backend)
        except Exception as error:
            without_secrets(error)
            raise
        redact_logs(_secrets)  # the SDK came with the client
        return made

    return _clients.get_or_make((connect, backend), make)


def _secrets() -> Iterator[str]:
    """The secrets of the clients that there are."""
    for (_, backend), _ in _clients.kept():
        yield from backend.secrets()


def existing_client(route: Route, backend: Backend) -> Client | None:
    """The client of a route, if it has been made."""
    return _clients.get((_connector(route, backend), backend))


def _connector(route: Route, backend: Backend) -> Connect:
    return provider_of(backend).connector(backend, route)


def credential_for(route: Route, backend: Backend) -> Credential:
    """The credential of a route's calls: its client's, which says what a default chain found, or the settings'.

    Raises:
        CredentialError: `auth` names a method whose settings are incomplete.
    """
    client = existing_client(route, backend)
    return provider_of(backend).credential(backend) if client is None else client.credential
