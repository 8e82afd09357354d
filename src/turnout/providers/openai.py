"""OpenAI, or any server that speaks its API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError
from turnout.facts.providers import PROVIDERS
from turnout.providers.base import Client, Provider
from turnout.providers.credentials import Credential
from turnout.settings.secrets import Secret, plain

if TYPE_CHECKING:
    from pydantic import SecretStr

    from turnout.routing import Route
    from turnout.settings import BackendSettings, OpenAIBackend


def make_clients(
    backend: BackendSettings,
    credential: Credential,
    key: SecretStr | None = None,
    tokens: Any = None,
    *,
    sdk: str = "",
    auth: Any = None,
    **more: Any,
) -> Client:
    """The SDK's clients, sync and async.

    A source of `tokens` has an `aget` for coroutines. `sdk` is what stands before `OpenAI` in the names of the SDK's
    classes, `auth` an `httpx.Auth` that signs each request, where the SDK's own way won't do.
    """
    import openai

    from turnout.providers.sdk_classes import http_clients, openai_class

    more |= {"timeout": openai.Timeout(backend.timeout, connect=backend.connect_timeout), "max_retries": 0}
    more["default_headers"] = {name: plain(value) for name, value in backend.headers.items()} or None
    sync_http, async_http = http_clients(openai, backend, auth=auth)
    sync, aio = (openai_class(getattr(openai, f"{prefix}{sdk}OpenAI")) for prefix in ("", "Async"))
    return Client(
        sync(api_key=tokens or plain(key), http_client=sync_http, **more),
        aio(api_key=tokens.aget if tokens else plain(key), http_client=async_http, **more),
        credential,
    )


def choose(backend: OpenAIBackend) -> Credential:
    """The credential that a backend's settings amount to."""
    if backend.api_key is not None:
        return Credential("api-key", f"from {backend.origin('api_key')}")
    if backend.base_url is None:
        msg = "No OpenAI credential: set OPENAI_API_KEY, or api_key in [backends.…]"
        raise CredentialError(msg, tried=("API key: lacks api_key (OPENAI_API_KEY)",))
    return Credential("none", f"no api_key for {backend.base_url}")


def connect(backend: OpenAIBackend) -> Client:
    """Make the clients."""
    return make_clients(
        backend,
        choose(backend),
        backend.api_key or Secret("none"),  # a server that asks for no key ignores this one; the SDK insists on one
        base_url=_endpoint(backend),
        organization=backend.organization or None,  # OpenAI refuses empty headers
        project=backend.project or None,
    )


def _endpoint(backend: OpenAIBackend, _route: Route | None = None) -> str:
    return backend.base_url or PROVIDERS["openai"].default_address


PROVIDER = Provider(choose, _endpoint, lambda *_: connect)
