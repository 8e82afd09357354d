"""The tools of a call, checked; and how its model is asked for a tool or a form: enforced, forced, or in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import AnswerFormat
from turnout.conversation.json_schemas import (
    can_be_enforced,
    check_schema,
    for_a_tool,
    refers_to_itself,
    strict,
    strict_for_claude,
)
from turnout.conversation.object_schemas import as_object, with_note
from turnout.conversation.parameters import Policy, api_lacks, unsupported
from turnout.conversation.request import Asked, Request
from turnout.errors import UnsupportedError
from turnout.facts.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.routing import Route

METHODS = ("json_schema", "function_calling", "json_mode")
_ALL = ("auto", "any", "tool")
# What every service takes: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def checked_tool(tool: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A tool in OpenAI's format with a schema that every service takes; one of a wire's own isn't looked into.

    Raises:
        UnsupportedError: No service takes it.
    """
    function = tool.get("function")
    if function is None and tool.get("type") not in {None, "function"}:
        return dict(tool)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UnsupportedError(f"tool {number} has no name; a function's dict has name, description and parameters")
    name = function["name"]
    if not _NAME.fullmatch(name):
        msg = f"tool {number} has the name {name!r:.80}; the services take 1 to 64 letters, digits, _ and -"
        raise UnsupportedError(msg)
    parameters = {} if function.get("parameters") is None else function["parameters"]
    check_schema(parameters, f"tool {name!r}")
    schema, note = as_object(parameters)
    described = {"description": with_note(function.get("description"), note)} if note else {}
    return {**tool, "function": {**function, **described, "parameters": schema}}


def check_choice(choice: str | None, tools: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a choice of a tool that isn't there."""
    names = [_name(tool) for tool in tools]
    if choice is not None and choice not in {"auto", "none", "any", *names}:
        msg = f"tool_choice {choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
        raise UnsupportedError(msg)


def tool_choice_name(choice: Any) -> str | None:
    """One vocabulary for the ways of writing a tool choice: `auto`, `none`, `any`, or a tool's name."""
    match choice:
        case None | False:
            return None
        case True | "any" | "required" | {"type": "any"} | {"any": _}:
            return "any"
        case {"type": "function", "function": {"name": str(name)}} | {"type": "tool" | "function", "name": str(name)}:
            return name
        case {"tool": {"name": str(name)}} | {"type": "auto" | "none" as name} | str(name):
            return name
        case {"auto": _}:
            return "auto"
    msg = f"tool_choice {choice!r} is none of 'auto', 'none', 'any', True, a tool's name or {{'type': …}}"
    raise UnsupportedError(msg)


def asked_for(request: Request, route: Route, *, thinks: bool = False) -> Asked:
    """What to ask of the route's model, which can't be forced to anything if it `thinks`."""
    asked = Asked(list(request.tools), request.tool_choice)
    if asked.tools and route.facts.known and not route.facts.tools:
        _leave_out_tools(asked, route, request.policy)
    if request.form is not None:
        held = bool(request.strict) and not route.facts.strict_tools  # by its schema, as a tool can't be
        way = _way(route, request.form, request.method, prefer_schema=request.as_text or thinks or held)
        _ask(asked, request.form, way, strictly=request.strict, as_text=request.as_text)
    if asked.tools:
        asked.tools = [_fitted_tool(tool, route, request.policy) for tool in asked.tools]
    if request.form is None and request.tool_choice is None:
        return asked
    _force(asked, _ALL if route.wire.startswith("openai-") else ("auto",) if thinks else route.facts.tool_choice)
    return asked


def _leave_out_tools(asked: Asked, route: Route, policy: Policy) -> None:
    if asked.choice not in {None, "auto", "none"}:
        place = f"{route.deployment!r} on backend {route.backend!r}"
        raise UnsupportedError(f"{place} calls no tools, and is to call one; use a model that does")
    unsupported(route, "a tool", "the model calls none", policy)
    asked.tools, asked.choice = [], None


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
        while form.name in map(_name, asked.tools):
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
        takes = (facts.structured or not facts.known) and not api_lacks(route, "json_schema")
        # What can't be held strictly isn't held at all: then a tool's schema says as much.
        holds = method == "json_schema" or (takes and (not form.strict or can_be_enforced(form.schema)))
        if api_lacks(route, "json_schema"):
            return "tool" if facts.tools else "json"
        return "schema" if method != "function_calling" and (holds or not facts.tools) else "tool"
    # A forced call gives an object of the schema on every model that can be forced, whatever is in the schema.
    forced = facts.tools and {"any", "tool"} & set(facts.tool_choice)
    wanted = method == "json_schema" or (method is None and (prefer_schema or not forced))
    endless = facts.family == "claude" and refers_to_itself(form.schema)
    if wanted and facts.structured and can_be_enforced(form.schema) and not endless:
        return "schema"
    return "tool" if facts.tools else "words"


def _fitted_tool(tool: dict[str, Any], route: Route, policy: Policy) -> dict[str, Any]:
    """A tool whose description and strictness are what the service takes."""
    function = tool.get("function")
    if function is None:  # a tool of the service's own
        return tool
    changed = dict(function)
    description, longest = function.get("description") or "", PROVIDERS[route.provider].longest_description
    if longest is not None and len(description) > longest and route.wire.startswith("openai-"):
        why = f"it has {len(description):,} characters, and the service takes {longest:,}"
        what = f"the description of tool {function['name']!r}"
        unsupported(route, what, why, policy, instead=f"its first {longest:,} characters")
        changed["description"] = description[:longest]
    if function.get("strict") is not None:
        _fit_strictness(changed, route, policy)
    return tool if changed == function else {**tool, "function": changed}


def _fit_strictness(function: dict[str, Any], route: Route, policy: Policy) -> None:
    """Prepare a strict tool's schema; a tool that can't be held to it exactly isn't strict."""
    wanted, parameters, why = function["strict"], function["parameters"], ""
    if route.wire == "bedrock-converse" and not route.facts.strict_tools:
        why = "the model takes no strict tools on Converse"
    elif wanted and not can_be_enforced(parameters):
        why = "no service holds to such a schema exactly"
    if why:
        del function["strict"]
        if wanted:
            unsupported(route, f"strict of tool {function['name']!r}", why, policy)
    elif wanted:
        openai = route.wire.startswith("openai-")
        function["parameters"] = strict(parameters) if openai else strict_for_claude(parameters)


def as_tool(form: AnswerFormat, *, strictly: bool | None = None) -> dict[str, Any]:
    """A form as a tool in OpenAI's format: calling it gives the object."""
    assert form.schema is not None
    parameters = for_a_tool(form.schema)
    said = {"description": form.description or None, "strict": strictly}
    function = {"name": form.name, "parameters": parameters, **{k: v for k, v in said.items() if v is not None}}
    return {"type": "function", "function": function}


def _force(asked: Asked, forced: Sequence[str]) -> None:
    """Bring the choice to what the model takes; what it can't be forced to, it is told, and offered nothing else."""
    choice = asked.choice
    kind = choice if choice in {None, "none", "auto", "any"} else "tool"
    if not asked.tools:
        asked.choice = None
    elif kind in {None, "none", *forced}:
        return
    elif kind == "auto":
        asked.choice = None  # the service's own default
    else:
        if kind == "tool":
            asked.tools = [tool for tool in asked.tools if _name(tool) == choice]
        if "any" in forced:
            asked.choice = "any"
        else:
            asked.must_call, asked.choice = choice, None


def _name(tool: Mapping[str, Any]) -> Any:
    return tool.get("function", {}).get("name")
