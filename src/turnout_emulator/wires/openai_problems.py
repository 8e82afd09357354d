"""Members that OpenAI's wires miss or find wrong, and the checks that chat and Responses share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout_emulator.refusals import RequestInvalid, refuse

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


def missing(param: str) -> RequestInvalid:
    """A member that must be there."""
    return refuse("openai.missing", param=param)


def wrong_type(param: str, expected: str, value: object) -> RequestInvalid:
    """A member of the wrong JSON type."""
    return refuse("openai.wrong_type", param=param, expected=expected, got=_JSON_TYPES[type(value)])


def not_one_of(value: object, allowed: Sequence[str], param: str) -> RequestInvalid:
    """A value outside an enumeration."""
    *first, last = map(repr, allowed)
    listed = f"{', '.join(first)}{',' if len(first) > 1 else ''} and {last}"
    return refuse("openai.not_one_of", param=param, value=value, allowed=listed)


def too_long(param: str, value: Sequence[Any], most: int) -> RequestInvalid:
    """A string or a list above its greatest length."""
    kind = "string" if isinstance(value, str) else "array"
    return refuse(f"openai.{kind}_too_long", param=param, most=most, length=len(value))


def check_decimal(param: str, value: object) -> None:
    """Check a number that has a range."""
    low, high = RANGES[param]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(param, "a decimal", value)
    if value < low:
        raise refuse("openai.decimal_below", param=param, bound=low, value=value)
    if value > high:
        raise refuse("openai.decimal_above", param=param, bound=high, value=value)


def check_integer(param: str, value: object, least: int | None) -> None:
    """Check a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(param, "an integer", value)
    if least is not None and value < least:
        raise refuse("openai.integer_below", param=param, bound=least, value=value)


def check_function(function: Mapping[str, Any], where: str) -> str:
    """Check the name and the schema of a tool, and return the name."""
    name: str = function["name"]
    if _TOOL_NAME.fullmatch(name) is None:
        raise refuse("openai.wrong_pattern", param=f"{where}.name")
    schema = function.get("parameters")
    if schema is not None:
        what, param = f"function '{name}'", f"{where}.parameters"
        if schema.get("type") != "object":
            why = refuse("openai.no_object", got=json.dumps(schema.get("type"))).message
            raise refuse("openai.bad_function", param=param, what=what, why=why)
        if function.get("strict"):
            check_strict(schema, "function", name, param)
    return name


def check_strict(schema: Mapping[str, Any], kind: str, name: str, param: str) -> None:
    """Strict schemas close every object and require every property."""
    for path, node in _nodes(schema, ()):
        properties = node.get("properties")
        if node.get("type") != "object" and not isinstance(properties, Mapping):
            continue
        absent = [name for name in properties or {} if name not in node.get("required", ())]
        if node.get("additionalProperties") is not False:
            problem = refuse("openai.open_object", path=repr(path))
        elif absent:
            problem = refuse("openai.optional_property", path=repr(path), name=absent[0])
        else:
            continue
        entry = "openai.bad_function" if kind == "function" else "openai.bad_format"
        raise refuse(entry, param=param, what=f"{kind} '{name}'", why=problem.message)


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
