"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.parameters import fitted
from turnout.errors import SettingsError
from turnout.langchain.tools import without_mark
from turnout.langchain.wires.openai_chat import chat_openai, tool_choice

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.langchain.requests import Request
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> BaseChatModel:
    """`ChatOpenAI` on the Responses API, with the shared client.

    Nothing is stored at the service: a conversation must be able to go on elsewhere, so all of it travels with each
    call, encrypted reasoning included.

    Raises:
        SettingsError: The backend speaks a dated Azure API, which has no Responses.
    """
    if backend.provider == "azure" and backend.api_version is not None:
        msg = (
            f"backend {route.backend!r} has api_version {backend.api_version!r}, and Responses needs the v1 API; "
            "leave api_version out"
        )
        raise SettingsError(msg)
    reasoning = {"include": ["reasoning.encrypted_content"]} if route.facts.reasoning else {}
    return chat_openai(route, backend, use_responses_api=True, store=False, **reasoning)


def arguments(route: Route, request: Request) -> dict[str, Any]:
    """What Responses is sent; the class turns these into its own form."""
    sent = fitted(route, request.parameters, request.policy)
    if "max_tokens" in sent:
        sent["max_completion_tokens"] = sent.pop("max_tokens")
    asked = request.ask(route)
    if asked.form is not None:
        sent["response_format"] = openai_format(asked.form)
    if asked.tools:
        sent["tools"] = [without_mark(tool) for tool in asked.tools]
        sent |= tool_choice(asked)
    else:
        sent.pop("parallel_tool_calls", None)
    extra = {name: value for name, value in request.extra.items() if name != "cache_control"}
    return {"model": route.deployment, **sent, **extra}
