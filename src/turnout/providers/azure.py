"""An Azure OpenAI or Foundry resource: v1 API, or a dated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.providers import foundry
from turnout.providers.base import Client, Provider
from turnout.providers.credentials.azure import DATED_SCOPE, V1_SCOPE, choose, resource, token_or_key
from turnout.providers.openai import make_clients
from turnout.settings.secrets import plain

if TYPE_CHECKING:
    from pydantic import SecretStr

    from turnout.providers.base import Connect
    from turnout.providers.credentials.azure import TokenSource
    from turnout.routing import Route
    from turnout.settings import AzureBackend


def connect(backend: AzureBackend) -> Client:
    """Make the clients, with an explicit credential, so that no stray variable decides."""
    if backend.api_version is None:
        key, tokens, credential = token_or_key(backend, V1_SCOPE)
        return make_clients(backend, credential, key, tokens, base_url=f"{resource(backend)}/openai/v1/")
    key, tokens, credential = token_or_key(backend, DATED_SCOPE)
    return make_clients(
        backend,
        credential,
        sdk="Azure",
        auth=_auth(key, tokens),
        azure_endpoint=resource(backend),
        api_version=backend.api_version,
        # Left to itself the SDK takes AZURE_OPENAI_AD_TOKEN before a key or a token provider. A fixed value keeps it
        # from that, and the HTTP client puts the real key or token in its place.
        azure_ad_token="set-by-the-http-client",  # noqa: S106
    )


def _auth(key: SecretStr | None, tokens: TokenSource | None) -> Any:
    """An `httpx.Auth` that puts the key or a fresh token on each request."""
    from turnout.transport.http_clients import sdk_httpx

    def authorised(request: Any, token: str | None) -> Any:
        if token is None:
            request.headers.pop("Authorization", None)
            request.headers["api-key"] = plain(key)
        else:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    class Auth(sdk_httpx().Auth):  # type: ignore[misc] # the library comes when an SDK is first needed
        def sync_auth_flow(self, request: Any) -> Any:
            yield authorised(request, None if tokens is None else tokens())

        async def async_auth_flow(self, request: Any) -> Any:
            yield authorised(request, None if tokens is None else await tokens.aget())

    return Auth()


def _endpoint(backend: AzureBackend, route: Route | None) -> str:
    is_claude = route is not None and route.wire == "anthropic-messages" and backend.endpoint is not None
    return foundry.base_url(backend) if is_claude else backend.endpoint or "no endpoint"


def _connector(backend: AzureBackend, route: Route) -> Connect:
    if route.wire == "openai-responses" and backend.api_version is not None:
        msg = f"Responses needs the v1 API, and the backend has api_version {backend.api_version!r}; leave that out"
        raise SettingsError(msg)
    return foundry.connect if route.wire == "anthropic-messages" else connect


PROVIDER = Provider(choose, _endpoint, _connector)
