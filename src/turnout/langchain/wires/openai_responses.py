"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.langchain.wires.openai_chat import with_client

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> BaseChatModel:
    """`ChatOpenAI` on the Responses API, with the shared client.

    Raises:
        SettingsError: The backend speaks a dated Azure API, which has no Responses.
    """
    if backend.provider == "azure" and backend.api_version is not None:
        msg = (
            f"backend {route.backend!r} has api_version {backend.api_version!r}, and Responses needs the v1 API; "
            "leave api_version out"
        )
        raise SettingsError(msg)
    return with_client(route, backend, use_responses_api=True)


def arguments(fitted: Fitted) -> dict[str, Any]:
    """A request as the class takes it."""
    return fitted.arguments
