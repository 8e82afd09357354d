"""Clients of a backend, without settings around it."""

from __future__ import annotations

from typing import Any

from turnout.facts.providers import PROVIDERS
from turnout.providers.base import Client
from turnout.providers.clients import client_for
from turnout.routing import Route


def client_of(backend: Any, wire: str = "", model: str = "", home: str = "mantle") -> Client:
    """The process's client of a backend.

    Args:
        backend: Its settings.
        wire: Left out, the usual one for chat.
        model: The model behind the deployment.
        home: Which of Bedrock's endpoints, on the wires that both serve.
    """
    facts = PROVIDERS[backend.provider]
    wire = wire or facts.wires["chat"]
    home = home if wire in facts.homes else ""
    return client_for(Route("chat", "default", "here", backend.provider, wire, "deployment", model, home=home), backend)
