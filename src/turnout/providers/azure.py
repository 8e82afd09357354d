"""A client of an Azure OpenAI or Foundry resource: v1 API, or a dated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.providers.credentials.azure import DATED_SCOPE, V1_SCOPE, TokenSource, choose, token_source
from turnout.providers.explicit import explicit
from turnout.providers.openai import http_options, plain
from turnout.transport.http_clients import bearer_auth, key_auth

if TYPE_CHECKING:
    import openai
    from pydantic import SecretStr

    from turnout.providers.credentials.base import Chosen
    from turnout.settings import AzureBackend


def connect(backend: AzureBackend) -> tuple[openai.OpenAI, openai.AsyncOpenAI, Chosen]:
    """Make the clients and say which credential they use.

    The credential is always given explicitly, so that no stray variable decides (`AZURE_OPENAI_AD_TOKEN` would
    otherwise beat a fresh token, and `OPENAI_API_KEY` stand in for a missing Azure key).

    Raises:
        SettingsError: The endpoint is missing.
        CredentialError: `auth` names a method whose settings are incomplete.
    """
    key, tokens, chosen = token_or_key(backend, V1_SCOPE if backend.api_version is None else DATED_SCOPE)
    if backend.api_version is None:
        return (*_v1(backend, key, tokens), chosen)
    return (*_dated(backend, key, tokens), chosen)


def _v1(
    backend: AzureBackend, key: SecretStr | None, tokens: TokenSource | None
) -> tuple[openai.OpenAI, openai.AsyncOpenAI]:
    import openai

    sync_options, async_options = http_options(backend)
    base_url = f"{resource(backend)}/openai/v1/"
    return (
        explicit(openai.OpenAI)(base_url=base_url, api_key=tokens or plain(key), **sync_options),
        explicit(openai.AsyncOpenAI)(base_url=base_url, api_key=tokens.aget if tokens else plain(key), **async_options),
    )


def _dated(
    backend: AzureBackend, key: SecretStr | None, tokens: TokenSource | None
) -> tuple[openai.OpenAI, openai.AsyncOpenAI]:
    import openai

    sync_options, async_options = http_options(backend, key_auth(key) if tokens is None else bearer_auth(tokens))
    address: dict[str, Any] = {
        "azure_endpoint": resource(backend),
        "api_version": backend.api_version,
        # Left to itself the SDK takes AZURE_OPENAI_AD_TOKEN before a key or a token provider. A fixed value keeps it
        # from that, and the HTTP client puts the real key or token in its place.
        "azure_ad_token": "set-by-the-http-client",
    }
    sync, aio = explicit(openai.AzureOpenAI), explicit(openai.AsyncAzureOpenAI)
    return sync(**address, **sync_options), aio(**address, **async_options)


def token_or_key(backend: AzureBackend, scope: str) -> tuple[SecretStr | None, TokenSource | None, Chosen]:
    """The API key or the source of tokens that a backend authenticates with, and which it is.

    Raises:
        SettingsError: The endpoint is missing.
        CredentialError: `auth` names a method whose settings are incomplete.
    """
    if backend.endpoint is None:
        msg = (
            "an azure backend needs its endpoint, like endpoint = 'https://contoso.openai.azure.com' "
            "(or AZURE_OPENAI_ENDPOINT)"
        )
        raise SettingsError(msg)
    chosen = choose(backend)
    key = backend.api_key if chosen.method == "api-key" else None
    return key, None if key is not None else token_source(backend, chosen, scope), chosen


def resource(backend: AzureBackend) -> str:
    """The resource's address, without the API's own path if the user copied that too."""
    endpoint = backend.endpoint or ""
    return endpoint.removesuffix("/v1").removesuffix("/openai").rstrip("/")
