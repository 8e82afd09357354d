"""Members that OpenAI's wires miss or find wrong, and the checks that chat and Responses share."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout_emulator.refusals import RequestRefused, refuse, refuse_if
from turnout_emulator.wires.schemas import nodes, schema_fault

MEMBERS = tomllib.loads(Path(__file__).with_name("members.toml").read_text(encoding="utf-8"))
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
_FORMATS = ("json_object", "json_schema", "text")
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 64  # characters
# Of a tool, on Azure: learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling.
_LONGEST_DESCRIPTION = 1024
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs, "Supported schemas and limitations".
_TOP = ("oneOf", "anyOf", "allOf", "enum", "not")
_NOT_STRICT = (
    *("default", "oneOf", "allOf", "not", "patternProperties", "prefixItems", "if", "then", "else"),
    *("dependentRequired", "dependentSchemas"),
)
_JSON_TYPES = {
    type(None): "null",
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}


def missing(param: str) -> RequestRefused:
    """A member that must be there."""
    return refuse("openai.missing", param=param)


def require(value: object, param: str) -> None:
    """Check that a member is there."""
    if value is None:
        raise missing(param)


def wrong_type(param: str, expected: str, value: object) -> RequestRefused:
    """A member of the wrong JSON type."""
    return refuse("openai.wrong_type", param=param, expected=expected, got=_JSON_TYPES[type(value)])


def expect(kind: type, value: object, param: str) -> None:
    """Check the JSON type of a member that may be left out."""
    if value is not None and not isinstance(value, kind):
        raise wrong_type(param, _JSON_TYPES[kind], value)


def check_strings(value: object, param: str, *, most: int) -> None:
    """Check a string or a list of at most so many."""
    if isinstance(value, str | None):
        return
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong_type(param, "one of a string or array of strings", value)
    check_length(param, value, most)


def not_one_of(value: object, allowed: Sequence[str], param: str) -> RequestRefused:
    """A value outside an enumeration."""
    return refuse("openai.not_one_of", param=param, value=value, allowed=enumerate_values(allowed))


def enumerate_values(allowed: Sequence[str]) -> str:
    """The values of an enumeration as the services list them."""
    *first, last = map(repr, allowed)
    return f"{', '.join(first)}{',' if len(first) > 1 else ''} and {last}" if first else last


def check_one_of(value: object, allowed: Sequence[str], param: str) -> None:
    """Check a value of an enumeration."""
    if value not in allowed:
        raise not_one_of(value, allowed, param)


def check_length(param: str, value: Sequence[Any], most: int) -> None:
    """Check the length of a string or a list."""
    kind = "string" if isinstance(value, str) else "array"
    refuse_if(len(value) > most, f"openai.{kind}_too_long", param=param, most=most, length=len(value))


def check_decimal(param: str, value: object) -> None:
    """Check a number that has a range and may be left out."""
    if value is None:
        return
    low, high = RANGES[param]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(param, "a decimal", value)
    refuse_if(value < low, "openai.decimal_below", param=param, bound=low, value=value)
    refuse_if(value > high, "openai.decimal_above", param=param, bound=high, value=value)


def check_integer(param: str, value: object, least: int | None) -> None:
    """Check a whole number that may be left out."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(param, "an integer", value)
    refuse_if(least is not None and value < least, "openai.integer_below", param=param, bound=least, value=value)


def check_function(function: Mapping[str, Any], where: str, *, azure: bool) -> str:
    """Check the name, the description and the schema of a tool, and return the name."""
    name: str = function["name"]
    _check_name(name, f"{where}.name")
    description = function.get("description")
    expect(str, description, f"{where}.description")
    if azure:
        check_length(f"{where}.description", description or "", _LONGEST_DESCRIPTION)
    schema, param = function.get("parameters"), f"{where}.parameters"
    expect(dict, schema, param)
    if schema is not None:
        what = f"function '{name}'"
        if schema.get("type") != "object":
            no_object = refuse("openai.no_object", got=json.dumps(schema.get("type")))
            raise refuse("openai.bad_function", param=param, what=what, why=no_object)
        why = schema_fault(schema) or next(_function_problems(schema), None)
        why = why or (next(_strict_problems(schema), None) if function.get("strict") else None)
        refuse_if(why is not None, "openai.bad_function", param=param, what=what, why=why)
    return name


def format_kind(form: object, where: str) -> str:
    """The kind of an answer's form."""
    kind = form.get("type") if isinstance(form, dict) else None
    check_one_of(kind, _FORMATS, f"{where}.type")
    return str(kind)


def check_answer_schema(spec: Mapping[str, Any], where: str, param: str) -> None:
    """Check the name and the schema of an answer; `param` is what a wrong schema is reported for."""
    if not isinstance(spec.get("name"), str):
        raise missing(f"{where}.name")
    _check_name(spec["name"], f"{where}.name")
    expect(dict, spec.get("schema"), f"{where}.schema")
    schema = spec.get("schema") or {}
    why = schema_fault(schema) or (next(_strict_problems(schema), None) if spec.get("strict") else None)
    refuse_if(why is not None, "openai.bad_format", param=param, what=f"response_format '{spec['name']}'", why=why)


def _check_name(name: str, param: str) -> None:
    check_length(param, name, _LONGEST_NAME)
    refuse_if(_NAME.fullmatch(name) is None, "openai.wrong_pattern", param=param)


def _function_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    """What no tool may have in its schema, strict or not."""
    if any(name in schema for name in _TOP):
        yield str(refuse("openai.union"))
    if "properties" not in schema:
        yield str(refuse("openai.no_properties"))
    for path, node in nodes(schema):
        if node.get("type") == "array" and "items" not in node:
            yield str(refuse("openai.no_items", path=repr(path)))


def _strict_problems(schema: Mapping[str, Any]) -> Iterator[str]:
    """What a strict schema lacks, which closes every object and requires every property, or may not have."""
    if schema.get("type") != "object":
        yield str(refuse("openai.no_object", got=json.dumps(schema.get("type"))))
    if any(name in schema for name in _TOP):
        yield str(refuse("openai.union"))
    for path, node in nodes(schema):
        for name in _NOT_STRICT:
            if name in node:
                yield str(refuse("openai.not_permitted", path=repr(path), name=name))
        properties = node.get("properties")
        if node.get("type") != "object" and properties is None:
            continue
        if node.get("additionalProperties") is not False:
            yield str(refuse("openai.open_object", path=repr(path)))
        for name in properties or {}:
            if name not in node.get("required", ()):
                yield str(refuse("openai.optional_property", path=repr(path), name=name))
