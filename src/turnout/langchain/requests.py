"""One set of parameters → what each wire's class takes."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import BaseMessage

    from turnout.routes import Route


@dataclass(slots=True)
class Request:
    """A call as the application meant it, whichever wire will carry it.

    Attributes:
        parameters: `temperature`, `top_p`, `max_tokens`, `seed`, `reasoning_effort`,
            `parallel_tool_calls`; None where not given.
        stop: Stop sequences.
        tools: Tools in OpenAI's format.
        tool_choice: `auto`, `none`, `any`, or a tool's name; None where not given.
        schema: An answer's schema, as OpenAI's function format (`name`, `description`, `parameters`), if one is asked.
        method: `json_schema`, `function_calling` or `json_mode`, for the schema; None for the strongest.
        strict: Whether tools and schema are to be held to exactly.
        extra: What else the application passed, for the wire as it is.
    """

    parameters: dict[str, Any]
    stop: list[str] | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str | None = None
    schema: dict[str, Any] | None = None
    method: str | None = None
    strict: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def tool_choice_name(choice: Any) -> str | None:  # noqa: PLR0911 - one line for each way of writing it
    """One vocabulary for the ways of writing a tool choice: `auto`, `none`, `any`, or a tool's name."""
    match choice:
        case None | False:
            return None
        case True | "any" | "required":
            return "any"
        case {"type": "function", "function": {"name": str(name)}} | {"type": "tool", "name": str(name)}:
            return name
        case {"type": "function", "name": str(name)} | {"tool": {"name": str(name)}}:
            return name
        case {"type": "any"} | {"any": _}:
            return "any"
        case {"type": "auto"} | {"auto": _}:
            return "auto"
        case {"type": "none"}:
            return "none"
        case str(name):
            return name
        case _:
            msg = f"tool_choice {choice!r} is none of 'auto', 'none', 'any', True, a tool's name or {{'type': …}}"
            raise UnsupportedError(msg)


def _drop(route: Route, parameters: dict[str, Any], names: Sequence[str], why: str) -> None:
    for name in names:
        if parameters.pop(name, None) is not None:
            msg = f"{name} is left out: {why} ({route.deployment!r} on backend {route.backend!r})"
            warnings.warn(msg, UserWarning, stacklevel=2)


def _strongest(route: Route, request: Request) -> str:
    facts = route.facts
    if request.method is not None:
        return request.method
    if route.wire == "openai-chat":
        return "json_schema" if facts.structured or not facts.known else "function_calling"
    if facts.tools and {"any", "tool"} & set(facts.tool_choice):
        return "function_calling"
    return "json_schema" if facts.structured else "function_calling"


def _schema_as_tool(request: Request) -> None:
    assert request.schema is not None
    function = dict(request.schema)
    if request.strict is not None:
        function["strict"] = request.strict
    request.tools = [*request.tools, {"type": "function", "function": function}]
    request.tool_choice = request.schema["name"]


def _response_format(request: Request, method: str) -> dict[str, Any]:
    assert request.schema is not None
    if method == "json_mode":
        return {"type": "json_object"}
    schema = {
        "name": request.schema["name"],
        "description": request.schema.get("description", ""),
        "schema": request.schema.get("parameters", {"type": "object", "properties": {}}),
    }
    if request.strict is not None:
        schema["strict"] = request.strict
    return {"type": "json_schema", "json_schema": schema}


def _limit_output(route: Route, parameters: dict[str, Any]) -> None:
    """Send the output limit once, under the name that the model takes.

    Azure's models all take max_completion_tokens; an unknown server may know only the older max_tokens. The class
    would rename the latter, so it goes in the body past it.
    """
    facts, limit = route.facts, parameters.pop("max_tokens")
    name = facts.max_tokens if facts.known or route.provider != "azure" else "max_completion_tokens"
    if name == "max_tokens":
        parameters["extra_body"] = {**parameters.get("extra_body", {}), "max_tokens": limit}
    else:
        parameters[name] = limit


def _openai_chat(route: Route, request: Request) -> dict[str, Any]:
    parameters = {k: v for k, v in request.parameters.items() if v is not None}
    facts = route.facts
    if not facts.temperature:
        _drop(route, parameters, ("temperature", "top_p"), "the model takes no sampling parameters")
    if facts.known and not facts.reasoning:
        _drop(route, parameters, ("reasoning_effort",), "the model doesn't reason")
    if not facts.stop and request.stop:
        _drop(route, {"stop": request.stop}, ("stop",), "the model takes no stop sequences")
        request.stop = None
    if "max_tokens" in parameters:
        _limit_output(route, parameters)
    if request.schema is not None:
        method = _strongest(route, request)
        if method == "function_calling":
            _schema_as_tool(request)
        else:
            parameters["response_format"] = _response_format(request, method)
    if request.tools:
        parameters["tools"] = request.tools
        if request.tool_choice is not None:
            named = {"type": "function", "function": {"name": request.tool_choice}}
            parameters["tool_choice"] = {"auto": "auto", "none": "none", "any": "required"}.get(
                request.tool_choice, named
            )
    elif "parallel_tool_calls" in parameters:
        del parameters["parallel_tool_calls"]
    return {"model": route.deployment, **parameters, **request.extra}


def _bedrock_converse(route: Route, request: Request) -> dict[str, Any]:
    parameters = {k: v for k, v in request.parameters.items() if v is not None}
    facts = route.facts
    if not facts.temperature:
        _drop(route, parameters, ("temperature", "top_p"), "the model takes no sampling parameters")
    if facts.known and not facts.reasoning:
        _drop(route, parameters, ("reasoning_effort",), "the model doesn't reason")
    _drop(route, parameters, ("seed",), "Converse has no such parameter")
    if parameters.pop("parallel_tool_calls", None) is False:
        msg = f"parallel_tool_calls=False is left out: Converse has no such parameter ({route.deployment!r})"
        warnings.warn(msg, UserWarning, stacklevel=2)
    if request.schema is not None:
        method = _strongest(route, request)
        if method == "json_schema" and facts.structured:
            parameters["response_format"] = _response_format(request, method)
        else:  # Converse has no JSON mode: the schema is held to, which is more
            _schema_as_tool(request)
    if request.tools and request.tool_choice != "none":
        parameters["toolConfig"] = {"tools": [_tool_spec(tool) for tool in request.tools]}
        choice = _converse_choice(route, request.tool_choice)
        if choice is not None:
            parameters["toolConfig"]["toolChoice"] = choice
    return {**parameters, **request.extra}


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


def _converse_choice(route: Route, choice: str | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    kind = choice if choice in {"auto", "any"} else "tool"
    if kind in route.facts.tool_choice:
        return {"tool": {"name": choice}} if kind == "tool" else {kind: {}}
    if kind == "tool" and "any" in route.facts.tool_choice:
        return {"any": {}}
    if kind == "auto":
        return None  # the service's own default
    msg = f"tool_choice {choice!r} is left out: {route.deployment!r} on backend {route.backend!r} can't be forced"
    warnings.warn(msg, UserWarning, stacklevel=2)
    return None


_WIRES: dict[str, Callable[[Route, Request], dict[str, Any]]] = {
    "openai-chat": _openai_chat,
    "bedrock-converse": _bedrock_converse,
}


def call_arguments(route: Route, request: Request) -> dict[str, Any]:
    """The keyword arguments that a route's class takes for a request."""
    return _WIRES[route.wire](route, request)


def own_copy(route: Route, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Messages that the wire's class may change without the caller seeing it."""
    if route.wire != "bedrock-converse":
        return list(messages)
    return [
        message.model_copy(update={"content": copy.deepcopy(message.content)})
        if isinstance(message.content, list)
        else message.model_copy()
        for message in messages
    ]
