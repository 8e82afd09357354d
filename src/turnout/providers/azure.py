"""An Azure OpenAI or Foundry resource: v1 API, or a dated one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import SettingsError
from turnout.providers import cohere, foundry
from turnout.providers.base import Client, Provider
from turnout.providers.credentials.azure import choose, http_auth, noting_refusals, resource, token_or_key
from turnout.providers.openai import make_clients

if TYPE_CHECKING:
    from turnout.providers.base import Connect
    from turnout.routing import Route
    from turnout.settings import AzureBackend


def connect(backend: AzureBackend) -> Client:
    """Make the clients, with an explicit credential, so that no stray variable decides."""
    key, tokens, credential = token_or_key(backend, dated=backend.api_version is not None)
    if backend.api_version is None:
        auth, url = noting_refusals(tokens), f"{resource(backend)}/openai/v1/"
        return make_clients(backend, credential, key, tokens, auth=auth, base_url=url)
    return make_clients(
        backend,
        credential,
        sdk="Azure",
        auth=http_auth(key, tokens),
        azure_endpoint=resource(backend),
        api_version=backend.api_version,
        # Left to itself the SDK takes AZURE_OPENAI_AD_TOKEN before a key or a token provider. A fixed value keeps it
        # from that, and the HTTP client puts the real key or token in its place.
        azure_ad_token="set-by-the-http-client",  # noqa: S106
    )


def _endpoint(backend: AzureBackend, route: Route | None) -> str:
    if backend.endpoint is None:
        return "no endpoint"
    urls = {"anthropic-messages": foundry.base_url, "cohere-embed": cohere.base_url}
    url = None if route is None else urls.get(route.wire)
    return backend.endpoint if url is None else url(backend)


def _connector(backend: AzureBackend, route: Route) -> Connect:
    if route.wire == "openai-responses" and backend.api_version is not None:
        msg = f"Responses needs the v1 API, and the backend has api_version {backend.api_version!r}; leave that out"
        raise SettingsError(msg)
    return {"anthropic-messages": foundry.connect, "cohere-embed": cohere.connect}.get(route.wire, connect)


PROVIDER = Provider(choose, _endpoint, _connector)
