"""Bedrock's Converse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation import caching
from turnout.conversation.answer_formats import converse_output
from turnout.conversation.effort import settle_effort
from turnout.conversation.request import Fitted, parameters_of
from turnout.conversation.tool_choices import asked_for

if TYPE_CHECKING:
    from turnout.conversation.request import Asked, Request
    from turnout.conversation.turns import CachePoint
    from turnout.routing import Route

_INFERENCE = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop": "stopSequences"}


def fit(request: Request, route: Route) -> Fitted:
    """A request as Converse takes it."""
    sent, extra = parameters_of(request, route), dict(request.extra)
    fields = {**extra.pop("additionalModelRequestFields", {}), **extra.pop("additional_model_request_fields", {})}
    fields, thinks = settle_effort(route, sent, fields, request.policy)
    asked = asked_for(request, route, thinks=thinks)
    arguments: dict[str, Any] = {"modelId": route.deployment}
    inference = {name: sent[ours] for ours, name in _INFERENCE.items() if ours in sent}
    if inference:
        arguments["inferenceConfig"] = inference
    if asked.form is not None:
        arguments["outputConfig"] = converse_output(asked.form, route.facts.family)
    if asked.choice == "none":  # Converse has no such choice, so the model sees no tools
        asked.tools = []
    if asked.tools:
        one_call = sent.get("parallel_tool_calls") is False
        arguments["toolConfig"] = {"tools": _tools(route, asked.tools)}
        forced = asked.choice not in {None, "auto"}
        if forced or (asked.choice == "auto" and not one_call):
            choice = {"tool": {"name": asked.choice}} if asked.choice not in {"auto", "any"} else {asked.choice: {}}
            arguments["toolConfig"]["toolChoice"] = choice
        if one_call:
            fields = {**_one_call(forced=forced), **fields}
    if fields:
        arguments["additionalModelRequestFields"] = fields
    cache = _cache(route, asked, extra.pop("cache_control", None))
    return Fitted({**arguments, **extra}, asked, cache)


def _tools(route: Route, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools, and after those that are marked for caching a cache point."""
    specs: list[dict[str, Any]] = []
    for tool in tools:
        specs.append(_tool(tool))
        mark = caching.mark_in(tool)
        point = caching.accepted(mark, "tools", route) if mark is not None else None
        specs += [caching.cache_point(point)] if point is not None else []
    return specs


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if function is None:  # a tool of the wire's own
        return tool
    parameters = {"type": "object", **(function.get("parameters") or {"properties": {}})}
    spec: dict[str, Any] = {"name": function["name"], "inputSchema": {"json": parameters}}
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict") is not None:
        spec["strict"] = function["strict"]
    return {"toolSpec": spec}


def _one_call(*, forced: bool) -> dict[str, Any]:
    """What says that an answer calls one tool at most (`ModelFacts.one_call`).

    Where `toolConfig.toolChoice` forces a call, the service refuses a `type` here; else, `auto` included, it insists.
    Source: https://github.com/BerriAI/litellm/pull/34347, https://github.com/BerriAI/litellm/issues/36536
    """
    return {"tool_choice": {"disable_parallel_tool_use": True} | ({} if forced else {"type": "auto"})}


def _cache(route: Route, asked: Asked, mark: Any) -> CachePoint | None:
    """The mark of the whole prompt, where the model takes one in all the places that it stands for."""
    found = caching.mark_in({"cache_control": mark})
    places = {"system", "messages", *(["tools"] if asked.tools else [])}
    if found is None or not places <= set(route.facts.cache_points):
        return None
    return caching.accepted(found, "messages", route)
