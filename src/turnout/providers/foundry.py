"""Claude on Azure: Anthropic's Messages API on a Foundry resource."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from turnout.providers.anthropic import client_options
from turnout.providers.base import Client
from turnout.providers.credentials.azure import noting_refusals, resource, token_or_key
from turnout.settings.secrets import plain

if TYPE_CHECKING:
    from turnout.settings import AzureBackend


def base_url(backend: AzureBackend) -> str:
    """Where a resource serves Claude: on its Foundry host, whichever of its hosts, or projects, the settings name.

    Source: learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude
    """
    return on_foundry(backend, "/anthropic")


def on_foundry(backend: AzureBackend, path: str) -> str:
    """The address of a path on the resource's Foundry host; the settings may name that path already."""
    address = urlsplit(resource(backend))
    host = re.sub(r"\.(openai|cognitiveservices)\.azure\.(com|us|cn)$", r".services.ai.azure.\2", address.netloc)
    before = re.sub(r"/api/projects/[^/]+$", "", address.path).removesuffix(path)
    return urlunsplit((address.scheme, host, before + path, "", ""))


def connect(backend: AzureBackend) -> Client:
    """Make the clients."""
    import anthropic

    from turnout.providers.sdk_classes import http_clients

    key, tokens, credential = token_or_key(backend)
    common: dict[str, Any] = {"base_url": base_url(backend), **client_options(backend)}
    sync_http, async_http = http_clients(anthropic, backend, auth=noting_refusals(tokens, "anthropic"))
    sync, aio = _foundry_class(anthropic.AnthropicFoundry), _foundry_class(anthropic.AsyncAnthropicFoundry)
    return Client(
        sync(api_key=plain(key), azure_ad_token_provider=tokens, http_client=sync_http, **common),
        aio(api_key=plain(key), azure_ad_token_provider=tokens and tokens.aget, http_client=async_http, **common),
        credential,
    )


@cache
def _foundry_class(base: Any) -> Any:
    """The SDK's Foundry client with the constructor of its base.

    Its own looks up `ANTHROPIC_FOUNDRY_RESOURCE`, whatever it is given, and refuses that beside an address.
    """
    from turnout.providers.sdk_classes import anthropic_class

    class Foundry(base):  # type: ignore[misc] # the class comes when the SDK is first needed
        def __init__(self, *, azure_ad_token_provider: Any = None, **arguments: Any) -> None:
            super(base, self).__init__(**arguments)
            self._azure_ad_token_provider = azure_ad_token_provider

    Foundry.__name__ = base.__name__
    return anthropic_class(Foundry)
