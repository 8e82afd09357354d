"""Tools and schemas as the application gives them → OpenAI's format, checked before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from turnout.conversation.parameters import tool_choice_name
from turnout.errors import UnsupportedError
from turnout.langchain.history.caching import cache_control, mark_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What every service takes: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def with_choice(tools: Sequence[Any], tool_choice: Any, *, strict: bool | None) -> dict[str, Any]:
    """Tools and the choice among them, as a call is given them.

    Raises:
        UnsupportedError: tool_choice names a tool that isn't there, or a tool is none.
    """
    converted = offered(tools, strict=strict)
    choice = tool_choice_name(tool_choice)
    names = [tool.get("function", {}).get("name") for tool in converted]
    if choice is not None and choice not in {"auto", "none", "any", *names}:
        msg = f"tool_choice {tool_choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
        raise UnsupportedError(msg)
    return {"tools": converted} | ({"tool_choice": choice} if choice is not None else {})


class _Checked(dict[str, Any]):
    """A tool that has been through this once, when it was bound."""


def offered(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in OpenAI's format, and a `cache_control` on each up to which the prompt is to be cached.

    Args:
        tools: Pydantic classes, functions, LangChain tools, dicts in OpenAI's, Anthropic's or Converse's format; and
            Converse's `cachePoint` among them.
        strict: Whether arguments are held to the schema exactly.

    Raises:
        UnsupportedError: One is no tool, or its name or schema is none that a service takes.
    """
    if all(isinstance(tool, _Checked) for tool in tools):
        return list(tools)
    made: list[dict[str, Any]] = []
    for number, tool in enumerate(tools):
        extras = getattr(tool, "extras", None)
        mark = mark_in(tool) if isinstance(tool, Mapping) else mark_in({"extras": extras})
        if mark is not None and mark.own:
            if made:
                made[-1] = _Checked(made[-1], cache_control=cache_control(mark))
            continue
        converted = _converted(tool, number, strict=strict)
        made.append(_Checked(converted) if mark is None else _Checked(converted, cache_control=cache_control(mark)))
    return made


def without_mark(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool for a wire that caches on its own."""
    return {key: value for key, value in tool.items() if key != "cache_control"}


def _converted(tool: Any, number: int, *, strict: bool | None) -> dict[str, Any]:
    try:
        made = convert_to_openai_tool(tool, strict=strict)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        msg = (
            f"tool {number} is {tool!r:.80}, which is no tool: give a function with type hints, a pydantic class, a "
            f"LangChain tool, or a dict with name, description and parameters"
        )
        raise UnsupportedError(msg) from error
    function = made.get("function")
    if function is None and made.get("type") not in {None, "function"}:  # a tool of one wire's own
        return made
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        msg = f"tool {number} has no name; a function's dict has name, description and parameters"
        raise UnsupportedError(msg)
    name = function["name"]
    if not _NAME.fullmatch(name):
        msg = f"tool {number} has the name {name!r:.80}; the services take 1 to 64 letters, digits, _ and -"
        raise UnsupportedError(msg)
    if function.get("parameters") is not None:
        check_schema(function["parameters"], f"tool {name!r}")
    return made


def check_schema(schema: Any, what: str) -> None:
    """Refuse a schema that no service takes.

    Args:
        schema: A JSON schema, of a tool's arguments or of an answer.
        what: Whose it is, for the error to say.

    Raises:
        UnsupportedError: It isn't an object's, can't be written as JSON, or refers to what it doesn't hold.
    """
    if not isinstance(schema, Mapping):
        msg = f"{what} has a {type(schema).__name__} for a schema; it must be a JSON schema as a dict"
        raise UnsupportedError(msg)
    if schema and schema.get("type", "object") != "object":
        msg = f"{what} has a schema of type {schema['type']!r}; services take an object: put it in one, as a property"
        raise UnsupportedError(msg)
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{what} has a schema that can't be written as JSON: {error}"
        raise UnsupportedError(msg) from error
    for pointer in _references(schema):
        if not _held(schema, pointer):
            msg = f"{what} has a schema that refers to {pointer!r:.80}, which isn't in it; put it under $defs"
            raise UnsupportedError(msg)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _references(inner)


def _held(schema: Any, pointer: str) -> bool:
    if not pointer.startswith("#"):
        return False
    found = schema
    for step in filter(None, pointer[1:].split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True
