"""Anthropic's Messages API: Claude on Azure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from turnout.conversation.effort import settle_effort
from turnout.conversation.messages_api import DEFAULT_OUTPUT, messages_tool, messages_tool_choice, with_format
from turnout.conversation.parameters import fitted
from turnout.facts.models import base_id
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.langchain.requests import Request
    from turnout.routing import Route
    from turnout.settings import AzureBackend


def build(route: Route, backend: AzureBackend) -> BaseChatModel:
    """`ChatAnthropic` with the shared client."""
    from langchain_anthropic import ChatAnthropic

    client = client_for(route, backend)

    class Injected(ChatAnthropic):
        # ChatAnthropic has no argument for a client; these two are where it makes its own.
        @cached_property
        def _client(self) -> Any:
            return client.sync

        @cached_property
        def _async_client(self) -> Any:
            return client.aio

    return Injected(
        model=base_id(route.model or route.deployment).removeprefix("anthropic."),
        api_key="never-sent",
        max_tokens_to_sample=route.facts.output or DEFAULT_OUTPUT,
        stream_usage=True,
    )


def arguments(route: Route, request: Request) -> dict[str, Any]:
    """What Messages is sent."""
    sent = fitted(route, request.parameters, request.policy)
    if "stop" in sent:
        sent["stop_sequences"] = sent.pop("stop")
    parallel = sent.pop("parallel_tool_calls", None)
    effort = settle_effort(route, sent, request.extra, request.policy)
    asked = request.ask(route, thinks=effort.thinks)
    if asked.tools:
        sent["tools"] = [_tool(tool) for tool in asked.tools]
        choice = messages_tool_choice(asked.choice, parallel=parallel)
        if choice is not None:
            sent["tool_choice"] = choice
    return {"model": route.deployment, **sent, **with_format({**request.extra, **effort.fields}, asked.form)}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    cached = {"cache_control": tool["cache_control"]} if tool.get("cache_control") else {}
    return messages_tool(tool) | cached
