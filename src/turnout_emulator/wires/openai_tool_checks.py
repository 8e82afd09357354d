"""What OpenAI and Azure OpenAI refuse in the tools and the response format of a chat request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from turnout_emulator.refusals import RequestInvalid

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_tools(body: Mapping[str, Any]) -> None:
    """Check the tools and what is said of them.

    Raises:
        RequestInvalid: The service would refuse them.
    """
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools:
        _check_no_tools(body)
        return
    names = {_check_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)}
    wanted = choice["function"]["name"] if isinstance(choice, dict) and "function" in choice else None
    if wanted is not None and wanted not in names:
        raise RequestInvalid(f"Tool choice 'function' not found in 'tools' parameter: {wanted}.", param="tool_choice")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise RequestInvalid(
            f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
            code="invalid_value",
            param="tool_choice",
        )


def check_format(body: Mapping[str, Any]) -> None:
    """Check the wanted form of the answer.

    Raises:
        RequestInvalid: The service would refuse it.
    """
    form = body.get("response_format")
    if form is None:
        return
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise RequestInvalid(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            code="invalid_value",
            param="response_format.type",
        )
    if kind == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise RequestInvalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    if kind == "json_schema":
        inner = form.get("json_schema")
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise missing("response_format.json_schema.name")
        if inner.get("strict"):
            check_strict(inner.get("schema", {}), f"response_format '{inner['name']}'", "response_format")


def _check_no_tools(body: Mapping[str, Any]) -> None:
    if isinstance(body.get("tools"), list):
        raise RequestInvalid(
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            code="empty_array",
            param="tools",
        )
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) not in (None, "none"):
            raise RequestInvalid(
                f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", param=name
            )


def _check_tool(tool: object, where: str) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise missing(f"{where}.function")
    name: str = function["name"]
    if TOOL_NAME.fullmatch(name) is None:
        raise RequestInvalid(
            f"Invalid '{where}.function.name': string does not match pattern. Expected a string that matches the "
            "pattern '^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=f"{where}.function.name",
        )
    schema = function.get("parameters")
    if schema is not None:
        what, param = f"function '{name}'", f"{where}.function.parameters"
        if schema.get("type") != "object":
            got = json.dumps(schema.get("type"))
            raise bad_schema(what, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.", param)
        if function.get("strict"):
            check_strict(schema, what, param)
    return name


def check_strict(schema: Mapping[str, Any], what: str, param: str) -> None:
    """Strict schemas close every object and require every property."""
    for path, node in _nodes(schema, ()):
        properties = node.get("properties")
        if node.get("type") != "object" and not isinstance(properties, Mapping):
            continue
        context = "(" + ", ".join(repr(part) for part in path) + ("," if len(path) == 1 else "") + ")"
        if node.get("additionalProperties") is not False:
            raise bad_schema(
                what, f"In context={context}, 'additionalProperties' is required to be supplied and to be false.", param
            )
        absent = [name for name in properties or {} if name not in node.get("required", ())]
        if absent:
            raise bad_schema(
                what,
                f"In context={context}, 'required' is required to be supplied and to be an array including every key "
                f"in properties. Missing '{absent[0]}'.",
                param,
            )


def _nodes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if not isinstance(node, Mapping):
        return
    yield path, node
    for key in ("properties", "$defs", "definitions"):
        for name, child in (node.get(key) or {}).items():
            yield from _nodes(child, (*path, key, name))
    yield from _nodes(node.get("items"), (*path, "items"))
    for key in ("anyOf", "allOf"):
        for number, child in enumerate(node.get(key) or ()):
            yield from _nodes(child, (*path, key, str(number)))


def missing(name: str) -> RequestInvalid:
    """A member that must be there."""
    return RequestInvalid(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def bad_schema(what: str, why: str, param: str) -> RequestInvalid:
    """A JSON schema that can't be taken."""
    code = "invalid_function_parameters" if what.startswith("function") else None
    return RequestInvalid(f"Invalid schema for {what}: {why}", code=code, param=param)
