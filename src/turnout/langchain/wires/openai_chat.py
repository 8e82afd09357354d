"""Chat Completions: Azure v1 and dated, OpenAI, compatible servers, and Mantle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.parameters import fitted
from turnout.langchain.tools import without_mark
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.tool_choices import Asked
    from turnout.langchain.requests import Request
    from turnout.routing import Route
    from turnout.settings import Backend


def build(route: Route, backend: Backend) -> BaseChatModel:
    """`ChatOpenAI` with the shared client."""
    return chat_openai(route, backend, use_responses_api=False, stream_usage=True)


def chat_openai(route: Route, backend: Backend, **options: Any) -> BaseChatModel:
    """`ChatOpenAI` with the shared client and no model name to judge by.

    The class strips and adds parameters by what the model's *name* looks like, and a deployment may have any name. So
    it gets a name that means nothing, and the deployment goes with each call. Azure's dated API needs no class of its
    own: the SDK client makes its paths.
    """
    from turnout.langchain.wires.openai_verdicts import chat_class

    client = client_for(route, backend)
    arguments: dict[str, Any] = {
        "model": "turnout",
        "api_key": "never-sent",
        "client": client.sync.chat.completions,
        "root_client": client.sync,
        "async_client": client.aio.chat.completions,
        "root_async_client": client.aio,
        "stream_chunk_timeout": None,
    }
    return chat_class()(**arguments, **options)


def arguments(route: Route, request: Request) -> dict[str, Any]:
    """What Chat Completions is sent."""
    sent = fitted(route, request.parameters, request.policy)
    body: dict[str, Any] = {}
    if "max_tokens" in sent:
        _limit_output(route, sent, body)
    asked = request.ask(route)
    # Past the class, which would have the SDK parse it: that wants every tool strict, and tells less of an answer that
    # isn't whole.
    if asked.form is not None:
        body["response_format"] = openai_format(asked.form)
    if asked.tools:
        sent["tools"] = [without_mark(tool) for tool in asked.tools]
        sent |= tool_choice(asked)
    else:
        sent.pop("parallel_tool_calls", None)
    extra = {name: value for name, value in request.extra.items() if name != "cache_control"}
    if body:
        sent["extra_body"] = {**body, **extra.pop("extra_body", {})}
    return {"model": route.deployment, **sent, **extra}


def tool_choice(asked: Asked) -> dict[str, Any]:
    """The tool choice in OpenAI's words."""
    if asked.choice is None:
        return {}
    named = {"type": "function", "function": {"name": asked.choice}}
    return {"tool_choice": {"auto": "auto", "none": "none", "any": "required"}.get(asked.choice, named)}


def _limit_output(route: Route, sent: dict[str, Any], body: dict[str, Any]) -> None:
    """Send the output limit once, under the name that the model takes.

    Azure's models all take max_completion_tokens; an unknown server may know only the older max_tokens. The class
    would rename the latter, so it goes in the body past it.
    """
    facts, limit = route.facts, sent.pop("max_tokens")
    name = facts.max_tokens if facts.known or route.provider != "azure" else "max_completion_tokens"
    if name == "max_tokens":
        body["max_tokens"] = limit
    else:
        sent[name] = limit
