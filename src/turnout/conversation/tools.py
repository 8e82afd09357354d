"""Tools in OpenAI's format, checked before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from turnout.conversation.json_schemas import referred
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What every service takes: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_tool(tool: Mapping[str, Any], number: int) -> None:
    """Refuse a tool in OpenAI's format that no service takes; one of a wire's own isn't looked into.

    Raises:
        UnsupportedError: It has no name, or a name or a schema that no service takes.
    """
    function = tool.get("function")
    if function is None and tool.get("type") not in {None, "function"}:
        return
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UnsupportedError(f"tool {number} has no name; a function's dict has name, description and parameters")
    name = function["name"]
    if not _NAME.fullmatch(name):
        msg = f"tool {number} has the name {name!r:.80}; the services take 1 to 64 letters, digits, _ and -"
        raise UnsupportedError(msg)
    if function.get("parameters") is not None:
        check_schema(function["parameters"], f"tool {name!r}")


def check_choice(choice: str | None, tools: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a choice of a tool that isn't there.

    Raises:
        UnsupportedError: There is no such tool.
    """
    names = [tool.get("function", {}).get("name") for tool in tools]
    if choice is not None and choice not in {"auto", "none", "any", *names}:
        msg = f"tool_choice {choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
        raise UnsupportedError(msg)


def check_schema(schema: Any, what: str) -> None:
    """Refuse a schema, of a tool's arguments or of an answer, that no service takes.

    Raises:
        UnsupportedError: It isn't an object's, can't be written as JSON, or refers to what it doesn't have.
    """
    if not isinstance(schema, Mapping):
        raise UnsupportedError(f"{what} has a {type(schema).__name__} for a schema; it must be a JSON schema as a dict")
    if schema and schema.get("type", "object") != "object":
        msg = f"{what} has a schema of type {schema['type']!r}; services take an object: put it in one, as a property"
        raise UnsupportedError(msg)
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnsupportedError(f"{what} has a schema that can't be written as JSON: {error}") from error
    check_references(schema, what)


def check_references(schema: Mapping[str, Any], what: str) -> None:
    """Refuse a schema that refers to what it doesn't have.

    Raises:
        UnsupportedError: It does.
    """
    for pointer in _references(schema):
        if not pointer.startswith("#") or referred(schema, pointer) is None:
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
