"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.langchain.upstream import Wire
from turnout.langchain.wires.openai_chat import with_client

if TYPE_CHECKING:
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> Wire:
    """`ChatOpenAI` on the Responses API, with the shared client."""
    return Wire(route.wire, with_client(route, backend, use_responses_api=True))
