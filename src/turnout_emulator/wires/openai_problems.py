"""What OpenAI's wires say of a member that is missing or wrong, and the checks that chat and Responses share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.refusals import RequestInvalid

RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
FORMATS = ("json_object", "json_schema", "text")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_JSON_TYPES = {
    type(None): "null",
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}


def missing(name: str) -> RequestInvalid:
    """A member that must be there."""
    return RequestInvalid(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def wrong_type(name: str, expected: str, value: object) -> RequestInvalid:
    """A member of the wrong JSON type."""
    message = f"Invalid type for '{name}': expected {expected}, but got {_JSON_TYPES[type(value)]} instead."
    return RequestInvalid(message, code="invalid_type", param=name)


def not_one_of(value: object, allowed: Sequence[str], param: str) -> RequestInvalid:
    """A value outside an enumeration."""
    *first, last = map(repr, allowed)
    listed = f"{', '.join(first)}{',' if len(first) > 1 else ''} and {last}"
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return RequestInvalid(message, code="invalid_value", param=param)


def empty_array(name: str) -> RequestInvalid:
    """A list that must have an element."""
    message = f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return RequestInvalid(message, code="empty_array", param=name)


def too_long(name: str, value: Sequence[Any], most: int) -> RequestInvalid:
    """A string or a list above its greatest length."""
    kind = "string" if isinstance(value, str) else "array"
    article = "a" if kind == "string" else "an"
    message = (
        f"Invalid '{name}': {kind} too long. Expected {article} {kind} with maximum length {most}, but got {article} "
        f"{kind} with length {len(value)} instead."
    )
    return RequestInvalid(message, code=f"{kind}_above_max_length", param=name)


def unsupported(name: str, advice: str = "") -> RequestInvalid:
    """A parameter that the model doesn't take."""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{advice}"
    return RequestInvalid(message, code="unsupported_parameter", param=name)


def check_decimal(name: str, value: object) -> None:
    """Check a number that has a range."""
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a decimal", value)
    if low <= value <= high:
        return
    side, bound, relation = ("below min", low, ">=") if value < low else ("above max", high, "<=")
    message = (
        f"Invalid '{name}': decimal {side}imum value. Expected a value {relation} {bound}, but got {value} instead."
    )
    raise RequestInvalid(message, code=f"decimal_{side.replace(' ', '_')}_value", param=name)


def check_integer(name: str, value: object, least: int | None) -> None:
    """Check a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if least is not None and value < least:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        )
        raise RequestInvalid(message, code="integer_below_min_value", param=name)


def check_function(function: Mapping[str, Any], where: str) -> str:
    """Check the name and the schema of a tool, and return the name."""
    name: str = function["name"]
    if _TOOL_NAME.fullmatch(name) is None:
        raise RequestInvalid(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=f"{where}.name",
        )
    schema = function.get("parameters")
    if schema is not None:
        what, param = f"function '{name}'", f"{where}.parameters"
        if schema.get("type") != "object":
            got = json.dumps(schema.get("type"))
            raise _bad_schema(what, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.", param)
        if function.get("strict"):
            check_strict(schema, what, param)
    return name


def check_strict(schema: Mapping[str, Any], what: str, param: str) -> None:
    """Strict schemas close every object and require every property."""
    for path, node in _nodes(schema, ()):
        properties = node.get("properties")
        if node.get("type") != "object" and not isinstance(properties, Mapping):
            continue
        problem = None
        absent = [name for name in properties or {} if name not in node.get("required", ())]
        if node.get("additionalProperties") is not False:
            problem = "'additionalProperties' is required to be supplied and to be false."
        elif absent:
            problem = (
                "'required' is required to be supplied and to be an array including every key in properties. Missing "
                f"'{absent[0]}'."
            )
        if problem:
            raise _bad_schema(what, f"In context={path!r}, {problem}", param)


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


def _bad_schema(what: str, why: str, param: str) -> RequestInvalid:
    code = "invalid_function_parameters" if what.startswith("function") else None
    return RequestInvalid(f"Invalid schema for {what}: {why}", code=code, param=param)
