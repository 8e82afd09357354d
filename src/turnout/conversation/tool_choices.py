"""Which tools and what form of answer a model is asked for: enforced by the service, forced, or asked for in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import AnswerFormat
from turnout.conversation.json_schemas import can_be_enforced, for_a_tool, refers_to_itself, strict
from turnout.conversation.request import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.conversation.request import Request
    from turnout.routing import Route

METHODS = ("json_schema", "function_calling", "json_mode")
_ALL = ("auto", "any", "tool")


def asked_for(request: Request, route: Route, *, thinks: bool = False) -> Asked:
    """What to ask of the route's model, which can't be forced to anything if it `thinks`."""
    asked = Asked(list(request.tools), request.tool_choice)
    if request.form is None and request.tool_choice is None:
        return asked
    forced = _ALL if route.wire.startswith("openai-") else ("auto",) if thinks else route.facts.tool_choice
    if request.form is not None:
        way = _way(route, request.form, request.method, prefer_schema=request.as_text or thinks)
        _ask(asked, request.form, way, strictly=request.strict, as_text=request.as_text)
    _force(asked, forced)
    return asked


def _ask(asked: Asked, form: AnswerFormat, way: str, *, strictly: bool | None, as_text: bool) -> None:
    if way == "schema":
        asked.form = form
    elif way == "json":
        asked.form = AnswerFormat()
    elif way == "words":
        asked.in_words = form.in_words()
    elif as_text and asked.tools and asked.choice not in {None, "auto", "none"}:
        return  # a tool is to be called first: the form is of a later answer
    else:
        if asked.choice == "none":
            asked.tools = []
        taken = {tool.get("function", {}).get("name") for tool in asked.tools}
        while form.name in taken:
            form = replace(form, name=f"{form.name[:63]}_")
        # Among other tools, it may be called when they have been.
        asked.choice = "any" if asked.tools else form.name
        asked.tools.append(as_tool(form, strictly=strictly))
        asked.answer_tool = form.name if as_text else None


def _way(route: Route, form: AnswerFormat, method: str | None, *, prefer_schema: bool) -> str:
    """By a `schema` that the service enforces, as `json` of any kind, by a `tool` that is called, or in `words`."""
    facts, openai = route.facts, route.wire.startswith("openai-")
    if form.schema is None or (method == "json_mode" and openai):
        return "json" if openai else "words"
    if openai:
        takes = facts.structured or not facts.known
        # What can't be held strictly isn't held at all: then a tool's schema says as much.
        holds = method == "json_schema" or (takes and (not form.strict or can_be_enforced(form.schema)))
        return "schema" if method != "function_calling" and (holds or not facts.tools) else "tool"
    # A forced call gives an object of the schema on every model that can be forced, whatever is in the schema.
    forced = facts.tools and {"any", "tool"} & set(facts.tool_choice)
    wanted = method == "json_schema" or (method is None and (prefer_schema or not forced))
    endless = facts.family == "claude" and refers_to_itself(form.schema)
    if wanted and facts.structured and can_be_enforced(form.schema) and not endless:
        return "schema"
    return "tool" if facts.tools else "words"


def as_tool(form: AnswerFormat, *, strictly: bool | None = None) -> dict[str, Any]:
    """A form as a tool in OpenAI's format: calling it gives the object."""
    assert form.schema is not None
    parameters = for_a_tool(form.schema)
    if strictly and can_be_enforced(parameters):
        parameters = strict(parameters)
    function: dict[str, Any] = {"name": form.name, "parameters": parameters}
    if form.description:
        function["description"] = form.description
    if strictly is not None:
        function["strict"] = strictly
    return {"type": "function", "function": function}


def _force(asked: Asked, forced: Sequence[str]) -> None:
    """Bring the choice to what the model takes; what it can't be forced to, it is told, and offered nothing else."""
    choice = asked.choice
    if not asked.tools:
        asked.choice = None
        return
    if choice is None or choice == "none":
        return
    kind = choice if choice in {"auto", "any"} else "tool"
    if kind in forced:
        return
    if kind == "auto":
        asked.choice = None  # the service's own default
        return
    if kind == "tool":
        asked.tools = [tool for tool in asked.tools if tool.get("function", {}).get("name") == choice]
    if "any" in forced:
        asked.choice = "any"
    else:
        asked.must_call, asked.choice = choice, None
