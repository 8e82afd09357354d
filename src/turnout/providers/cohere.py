"""Cohere's embedding models on Azure: Cohere's own API on a Foundry resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.providers.credentials.azure import http_auth, token_or_key
from turnout.providers.foundry import on_foundry
from turnout.providers.openai import make_clients
from turnout.settings.secrets import Secret

if TYPE_CHECKING:
    from turnout.providers.base import Client
    from turnout.settings import AzureBackend


def base_url(backend: AzureBackend) -> str:
    """Where a resource serves Cohere's API.

    Source: github.com/cohere-ai/cohere-azure-workshops
    """
    return on_foundry(backend, "/providers/cohere")


def connect(backend: AzureBackend) -> Client:
    """Make the clients: the openai SDK's, whose `post` sends a request to any path."""
    key, tokens, credential = token_or_key(backend)
    auth = http_auth(key, tokens)
    url = f"{base_url(backend)}/v2/"
    return make_clients(backend, credential, Secret("set-by-the-http-client"), auth=auth, base_url=url)
