"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.langchain.wires.openai_chat import with_client

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> BaseChatModel:
    """`ChatOpenAI` on the Responses API, with the shared client."""
    return with_client(route, backend, use_responses_api=True)


def arguments(fitted: Fitted) -> dict[str, Any]:
    """A request as the class takes it."""
    return fitted.arguments
