"""Anthropic's Messages API: Claude on Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import messages_format
from turnout.conversation.effort import settle_effort
from turnout.conversation.request import Fitted, parameters_of
from turnout.conversation.tool_choices import asked_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.answer_formats import AnswerFormat
    from turnout.conversation.request import Request
    from turnout.routing import Route

DEFAULT_OUTPUT = 8_192
"""Tokens, for a model that turnout knows nothing of: the service insists on a limit."""

_STRUCTURED = "structured-outputs-2025-11-13"


def fit(request: Request, route: Route) -> Fitted:
    """A request as Messages takes it."""
    sent = parameters_of(request, route)
    if "stop" in sent:
        sent["stop_sequences"] = sent.pop("stop")
    parallel = sent.pop("parallel_tool_calls", None)
    fields, thinks = settle_effort(route, sent, request.extra, request.policy)
    sent.setdefault("max_tokens", route.facts.output or DEFAULT_OUTPUT)
    asked = asked_for(request, route, thinks=thinks)
    if asked.tools:
        sent["tools"] = [_tool(tool) for tool in asked.tools]
        choice = _choice(asked.choice, parallel=parallel)
        if choice is not None:
            sent["tool_choice"] = choice
    body = {**request.extra, **fields}
    return Fitted({"model": route.deployment, **sent, **_with_format(body, asked.form)}, asked)


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function: Mapping[str, Any] | None = tool.get("function")
    if function is None:  # a tool of the service's own
        return tool
    made: dict[str, Any] = {
        "name": function["name"],
        "input_schema": {"type": "object", **(function.get("parameters") or {"properties": {}})},
    }
    made |= {key: function[key] for key in ("description", "strict") if function.get(key) is not None}
    return made | ({"cache_control": tool["cache_control"]} if tool.get("cache_control") else {})


def _choice(choice: str | None, *, parallel: bool | None) -> dict[str, Any] | None:
    """Which tool is to be called; None for the service's own default."""
    if choice is None and parallel is None:
        return None
    made: dict[str, Any] = {"type": choice or "auto"}
    if choice not in {None, "auto", "any", "none"}:
        made = {"type": "tool", "name": choice}
    if parallel is False and choice != "none":
        made["disable_parallel_tool_use"] = True
    return made


def _with_format(body: dict[str, Any], form: AnswerFormat | None) -> dict[str, Any]:
    """A request's arguments with the form that the service holds the answer to, if there is one.

    On Foundry that is a beta, of which other places take the header too.
    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, seen 2026-11-21
    """
    if form is None:
        return body
    headers = {"anthropic-beta": _STRUCTURED, **(body.get("extra_headers") or {})}
    return {
        **body,
        "output_config": {**(body.get("output_config") or {}), "format": messages_format(form)},
        **({} if "betas" in body else {"extra_headers": headers}),
    }
