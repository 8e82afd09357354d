"""Anthropic's SDK, for whichever service speaks its Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.providers.base import Client
from turnout.settings.secrets import plain

if TYPE_CHECKING:
    from turnout.providers.credentials import Credential
    from turnout.settings import BackendSettings


def make_clients(backend: BackendSettings, credential: Credential, *, auth: Any = None, **more: Any) -> Client:
    """The SDK's clients, sync and async; `auth` is an `httpx.Auth` for each request."""
    import anthropic

    from turnout.providers.sdk_classes import anthropic_class, http_clients

    more |= client_options(backend)
    sync_http, async_http = http_clients(anthropic, backend, auth=auth)
    sync, aio = (anthropic_class(base) for base in (anthropic.Anthropic, anthropic.AsyncAnthropic))
    return Client(sync(http_client=sync_http, **more), aio(http_client=async_http, **more), credential)


def client_options(backend: BackendSettings) -> dict[str, Any]:
    """What every client of the SDK is made with."""
    import anthropic

    return {
        "timeout": anthropic.Timeout(backend.timeout, connect=backend.connect_timeout),
        "max_retries": 0,
        "default_headers": {name: plain(value) for name, value in backend.headers.items()} or None,
    }
