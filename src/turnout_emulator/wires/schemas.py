"""JSON schemas in requests: what is none, and what the services don't support in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SCHEMAS = ("properties", "$defs", "definitions")
_CHOICES = ("anyOf", "allOf", "oneOf")
_TYPES: Mapping[str, tuple[Any, str]] = {
    **dict.fromkeys(_SCHEMAS, (Mapping, "object")),
    **dict.fromkeys([*_CHOICES, "required", "enum"], (list, "array")),
    **dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems"], (int, "integer")),
    **dict.fromkeys(
        ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], (int | float, "number")
    ),
}


def schema_fault(schema: object) -> str | None:
    """What makes a schema none, in the words of Python's jsonschema, which OpenAI passes on."""
    return next(_faults(schema), None)


def _faults(schema: object) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield from [] if isinstance(schema, bool) else [f"{schema!r} is not of type 'object', 'boolean'"]
        return
    for key, value in schema.items():
        kind, name = _TYPES.get(key, (object, ""))
        if not isinstance(value, kind):
            yield f"{value!r} is not of type '{name}'"
        elif key == "enum" and not value:
            yield "[] should be non-empty"
        elif key == "required":
            yield from (f"{one!r} is not of type 'string'" for one in value if not isinstance(one, str))
        else:
            for _, inner in _inner(key, value):
                yield from _faults(inner)


def _inner(key: str, value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas under a keyword, with their paths."""
    if key in _SCHEMAS:
        yield from (((key, name), child) for name, child in value.items())
    elif key == "items":
        yield (key,), value
    elif key in _CHOICES:
        yield from (((key, str(number)), child) for number, child in enumerate(value))


def nodes(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every schema within a schema, with the path to it."""
    if isinstance(schema, Mapping):
        yield path, schema
        for key in (*_SCHEMAS, "items", "anyOf", "allOf"):
            for step, child in _inner(key, schema[key]) if key in schema else ():
                yield from nodes(child, (*path, *step))
