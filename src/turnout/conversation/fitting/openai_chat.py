"""Chat Completions: Azure v1 and dated, OpenAI, compatible servers, and Mantle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.request import Fitted, parameters_of
from turnout.conversation.tool_choices import asked_for
from turnout.facts.providers import PROVIDERS

if TYPE_CHECKING:
    from turnout.conversation.request import Request
    from turnout.routing import Route

TOOL_CHOICES: dict[str, Any] = {"auto": "auto", "none": "none", "any": "required"}


def fit(request: Request, route: Route) -> Fitted:
    """A request as Chat Completions takes it."""
    sent, facts = parameters_of(request, route), route.facts
    if "max_tokens" in sent:
        name = facts.max_tokens if facts.known else PROVIDERS[route.provider].max_tokens
        sent[name] = sent.pop("max_tokens")
    asked = asked_for(request, route)
    if asked.form is not None:
        sent["response_format"] = openai_format(asked.form)
    if asked.tools:
        sent["tools"] = [without_mark(tool) for tool in asked.tools]
        if asked.choice is not None:
            named = {"type": "function", "function": {"name": asked.choice}}
            sent["tool_choice"] = TOOL_CHOICES.get(asked.choice, named)
    else:
        sent.pop("parallel_tool_calls", None)
    return Fitted({"model": route.deployment, **sent, **without_mark(request.extra)}, asked)


def without_mark(block: dict[str, Any]) -> dict[str, Any]:
    """A tool, or a request, for a wire that caches on its own."""
    return {key: value for key, value in block.items() if key != "cache_control"}
