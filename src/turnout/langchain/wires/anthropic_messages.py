"""Anthropic's Messages API: Claude on Azure, and on Bedrock where the settings say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.facts.models import base_id
from turnout.langchain.upstream import Wire, chat_anthropic
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> Wire:
    """`ChatAnthropic` with the shared client."""
    options: dict[str, Any] = {
        "model": base_id(route.model or route.deployment).removeprefix("anthropic."),
        "api_key": "never-sent",
        "clients": client_for(route, backend),
        "max_tokens_to_sample": 1,  # each call says its own
        "stream_usage": True,
    }
    return Wire(route.wire, chat_anthropic()(**options))
