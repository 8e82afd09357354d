"""OpenAI, or any server that speaks its API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError
from turnout.providers.base import Client, Provider
from turnout.providers.credentials.base import Credential

if TYPE_CHECKING:
    from turnout.providers.base import OpenAIClient
    from turnout.settings import BackendSettings, OpenAIBackend

OFFICIAL = "https://api.openai.com/v1"


def http_options(backend: BackendSettings, auth: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of the sync and the async SDK client, besides address and credential.

    Args:
        backend: Its timeouts and connection limits.
        auth: An `httpx.Auth` that signs each request, where the SDK's own way won't do.
    """
    import openai

    from turnout.transport.http_clients import async_transport, sync_transport

    timeout = openai.Timeout(backend.timeout, connect=backend.connect_timeout)
    common: dict[str, Any] = {"timeout": timeout, "max_retries": 0}
    http: dict[str, Any] = {"auth": auth, "trust_env": False}
    return (
        {**common, "http_client": openai.DefaultHttpxClient(transport=sync_transport(backend), **http)},
        {**common, "http_client": openai.DefaultAsyncHttpxClient(transport=async_transport(backend), **http)},
    )


def choose(backend: OpenAIBackend) -> Credential:
    """The credential that a backend's settings amount to.

    Raises:
        CredentialError: api.openai.com without a key.
    """
    if backend.api_key is not None:
        return Credential("api-key", f"from {backend.origin('api_key')}")
    if backend.base_url is None:
        msg = "No OpenAI credential: set OPENAI_API_KEY, or api_key in [backends.…]"
        raise CredentialError(msg, tried=("API key: lacks api_key (OPENAI_API_KEY)",))
    return Credential("none", f"no api_key for {backend.base_url}")


def connect(backend: OpenAIBackend) -> OpenAIClient:
    """Make the clients.

    Raises:
        CredentialError: api.openai.com without a key.
    """
    import openai

    from turnout.providers.sdk_classes import openai_class, plain

    credential = choose(backend)
    sync_options, async_options = http_options(backend)
    identity: dict[str, Any] = {
        "base_url": backend.base_url or OFFICIAL,
        "organization": backend.organization,
        "project": backend.project,
    }
    sync, aio = openai_class(openai.OpenAI), openai_class(openai.AsyncOpenAI)
    # A server that asks for no key ignores this one; the SDK insists on one.
    return Client(
        sync(**identity, api_key=plain(backend.api_key) or "none", **sync_options),
        aio(**identity, api_key=plain(backend.api_key) or "none", **async_options),
        credential,
    )


PROVIDER = Provider(choose, lambda backend, _: backend.base_url or OFFICIAL, lambda *_: connect)
