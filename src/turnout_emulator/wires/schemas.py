"""JSON schemas in requests: what is none, and what the services don't support in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} | {
    *("minLength", "maxLength", "minItems", "maxItems")
}
_SCHEMAS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf", "required", "enum")


def schema_fault(schema: object) -> str | None:
    """What makes a schema none, in the words of Python's jsonschema, which OpenAI passes on."""
    return next(_faults(schema), None)


def _faults(schema: object) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield from [] if isinstance(schema, bool) else [f"{schema!r} is not of type 'object', 'boolean'"]
        return
    for key, value in schema.items():
        if key in _NUMBERS and not isinstance(value, int | float):
            yield f"{value!r} is not of type 'number'"
        elif key in _LISTS and not isinstance(value, list):
            yield f"{value!r} is not of type 'array'"
        elif key in _SCHEMAS and not isinstance(value, Mapping):
            yield f"{value!r} is not of type 'object'"
        elif key == "enum" and not value:
            yield "[] should be non-empty"
        elif key == "required":
            yield from (f"{name!r} is not of type 'string'" for name in value if not isinstance(name, str))
        elif key != "enum":
            for _, inner in _inner(key, value):
                yield from _faults(inner)


def _inner(key: str, value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas under a keyword, with their paths."""
    if key in _SCHEMAS:
        yield from (((key, name), child) for name, child in value.items())
    elif key == "items":
        yield (key,), value
    elif key in ("anyOf", "allOf", "oneOf"):
        yield from (((key, str(number)), child) for number, child in enumerate(value))


def nodes(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every schema within a schema, with the path to it."""
    if isinstance(schema, Mapping):
        yield path, schema
        for key in (*_SCHEMAS, "items", "anyOf", "allOf"):
            for step, child in _inner(key, schema[key]) if key in schema else ():
                yield from nodes(child, (*path, *step))
