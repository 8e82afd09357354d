"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import openai_format
from turnout.conversation.fitting.openai_chat import TOOL_CHOICES, without_mark
from turnout.conversation.request import Fitted, parameters_of
from turnout.conversation.tool_choices import asked_for

if TYPE_CHECKING:
    from turnout.conversation.request import Request
    from turnout.routing import Route


def fit(request: Request, route: Route) -> Fitted:
    """A request as Responses takes it.

    Nothing is stored at the service: a conversation must be able to go on elsewhere, so all of it travels with each
    call, encrypted reasoning included.
    """
    sent = parameters_of(request, route)
    if "max_tokens" in sent:
        sent["max_output_tokens"] = sent.pop("max_tokens")
    if "reasoning_effort" in sent:
        sent["reasoning"] = {"effort": sent.pop("reasoning_effort")}
    if route.facts.reasoning:
        sent["include"] = ["reasoning.encrypted_content"]
    asked = asked_for(request, route)
    if asked.form is not None:
        form = openai_format(asked.form)
        sent["text"] = {"format": {"type": form["type"], **form.get("json_schema", {})}}
    if asked.tools:
        sent["tools"] = [_tool(tool) for tool in asked.tools]
        if asked.choice is not None:
            named = {"type": "function", "name": asked.choice}
            sent["tool_choice"] = TOOL_CHOICES.get(asked.choice, named)
    else:
        sent.pop("parallel_tool_calls", None)
    return Fitted({"model": route.deployment, "store": False, **sent, **without_mark(request.extra)}, asked)


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    # Left out, strict is true here, where Chat Completions takes it for false: a tool with optional arguments would be
    # another tool on this wire.
    return without_mark(tool) if function is None else {"type": "function", "strict": False, **function}
