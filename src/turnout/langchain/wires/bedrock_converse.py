"""Bedrock's Converse."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

from turnout.conversation.answer_formats import converse_output
from turnout.conversation.effort import settle_effort
from turnout.conversation.parameters import fitted, one_call_fields
from turnout.facts.models import base_id
from turnout.langchain.history.caching import cache_point, mark_in
from turnout.providers.clients import client_for

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from turnout.conversation.tool_choices import Asked
    from turnout.langchain.requests import Request
    from turnout.routing import Route
    from turnout.settings import BedrockBackend


def build(route: Route, backend: BedrockBackend) -> BaseChatModel:
    """`ChatBedrockConverse` with the shared client."""
    from langchain_aws import ChatBedrockConverse

    client = client_for(route, backend).sync
    model = base_id(route.model or route.deployment)
    facts = route.facts
    options: dict[str, Any] = {}
    if facts.known:
        options["supports_tool_choice_values"] = facts.tool_choice
    return cast(
        "BaseChatModel",
        ChatBedrockConverse(
            model_id=route.deployment,
            base_model_id=model,
            provider=model.partition(".")[0],
            client=client,
            bedrock_client=client,  # the control plane is never asked: base_model_id says what it would
            disable_streaming=False,
            **options,
        ),
    )


def arguments(route: Route, request: Request) -> dict[str, Any]:
    """What Converse is sent."""
    sent = fitted(route, request.parameters, request.policy)
    extra = dict(request.extra)
    fields = {**extra.pop("additionalModelRequestFields", {}), **extra.pop("additional_model_request_fields", {})}
    parallel = sent.pop("parallel_tool_calls", None)
    if "stop" in sent:
        sent["stop_sequences"] = sent.pop("stop")
    effort = settle_effort(route, sent, fields, request.policy)
    fields = effort.fields
    asked = request.ask(route, thinks=effort.thinks)
    if asked.form is not None:
        sent["outputConfig"] = converse_output(asked.form, route.facts.family)
    if asked.choice == "none":  # Converse has no such choice, so the model sees no tools
        asked.tools = []
    if asked.tools:
        choice = _choice(asked)
        sent["toolConfig"] = {"tools": _tool_specs(route, asked.tools)}
        if parallel is False:
            choice = None if choice == {"auto": {}} else choice
            fields = {**one_call_fields(forced=choice is not None), **fields}
        if choice is not None:
            sent["toolConfig"]["toolChoice"] = choice
    sent |= _cached(route, request, extra.pop("cache_control", None))
    return {**sent, **({"additional_model_request_fields": fields} if fields else {}), **extra}


def _tool_specs(route: Route, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools, and after those that are marked for caching a cache point."""
    specs: list[dict[str, Any]] = []
    for tool in tools:
        specs.append(_tool_spec(tool))
        mark = mark_in(tool)
        point = cache_point(mark, "tools", route) if mark is not None else None
        specs += [point] if point is not None else []
    return specs


def _cached(route: Route, request: Request, mark: Any) -> dict[str, Any]:
    """The class's `cache_control`, which sets cache points itself, where the model takes them in all those places."""
    places = {"system", "messages", *(["tools"] if request.asked.tools else [])}
    found = mark_in({"cache_control": mark})
    if found is None or not places <= set(route.facts.cache_points):
        return {}
    return {
        "cache_control": {"type": "ephemeral"} | ({"ttl": found.ttl} if found.ttl and route.facts.cache_hour else {})
    }


def _tool_spec(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:  # a tool of the wire's own
        return tool
    spec: dict[str, Any] = {
        "name": function["name"],
        # Copied: the class renames keys in place. Under inputSchema it leaves them alone.
        "inputSchema": {"json": copy.deepcopy(function.get("parameters") or {"type": "object", "properties": {}})},
    }
    spec["inputSchema"]["json"].setdefault("type", "object")
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict") is not None:
        spec["strict"] = function["strict"]
    return {"toolSpec": spec}


def _choice(asked: Asked) -> dict[str, Any] | None:
    if asked.choice is None:
        return None
    return {asked.choice: {}} if asked.choice in {"auto", "any"} else {"tool": {"name": asked.choice}}
