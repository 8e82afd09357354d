"""Chat Completions: Azure v1 and dated, OpenAI, compatible servers, and Mantle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.parameters import api_lacks
from turnout.langchain.upstream import Wire, chat_openai
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.request import Fitted
    from turnout.routing import Route
    from turnout.settings import Backend

_PAST_THE_CLASS = ("max_tokens", "response_format")
"""The class renames the first. It would have the SDK parse the second, which wants every tool strict, and tells less of
an answer that isn't whole."""


def build(route: Route, backend: Backend) -> Wire:
    """`ChatOpenAI` with the shared client."""
    usage = not api_lacks(route, "stream_options")
    return Wire(route.wire, with_client(route, backend, use_responses_api=False, stream_usage=usage), _arguments)


def with_client(route: Route, backend: Backend, **options: Any) -> BaseChatModel:
    """`ChatOpenAI` with the shared client and no model name to judge by.

    The class strips and adds parameters by what the model's *name* looks like, and a deployment may have any name. So
    it gets a name that means nothing, and the deployment goes with each call. Azure's dated API needs no class of its
    own: the SDK client makes its paths.
    """
    client = client_for(route, backend)
    options |= {
        "model": "turnout",
        "api_key": "never-sent",
        "client": client.sync.chat.completions,
        "root_client": client.sync,
        "async_client": client.aio.chat.completions,
        "root_async_client": client.aio,
        "stream_chunk_timeout": None,
    }
    return chat_openai()(**options)


def _arguments(fitted: Fitted) -> dict[str, Any]:
    sent = dict(fitted.arguments)
    body = {name: sent.pop(name) for name in _PAST_THE_CLASS if name in sent}
    return {**sent, "extra_body": {**body, **sent.get("extra_body", {})}} if body else sent
