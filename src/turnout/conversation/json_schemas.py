"""JSON schemas: checked, and in the forms that services hold answers and tools to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from turnout.errors import UnsupportedError

_BY_NAME = ("properties", "$defs", "definitions", "dependentSchemas")  # hold schemas by names of the application's
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_ONE = ("items", "additionalProperties", "contains", "not")
_SAYS_WHAT = frozenset({"type", "enum", "const", "anyOf", "allOf", "oneOf", "$ref"})
_UNENFORCED = frozenset(
    [
        *("minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
        *("minProperties", "maxProperties"),
    ]
)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})


def check_schema(schema: Any, what: str) -> None:
    """Refuse a schema, of a tool's arguments or of an answer, that no service takes."""
    if not isinstance(schema, Mapping):
        msg = f"{what} has a {type(schema).__name__} for a schema; it must be a JSON schema as a dict"
        raise UnsupportedError(msg)
    if schema and schema.get("type", "object") != "object":
        msg = f"{what} has a schema of type {schema['type']!r}; services take an object: put it in one, as a property"
        raise UnsupportedError(msg)
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnsupportedError(f"{what} has a schema that can't be written as JSON: {error}") from error
    for pointer in _references(schema):
        if not pointer.startswith("#") or _referred(schema, pointer) is None:
            msg = f"{what} has a schema that refers to {pointer!r:.80}, which isn't in it; put it under $defs"
            raise UnsupportedError(msg)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = schema.values()
    elif not isinstance(schema, list | tuple):
        return
    for inner in schema:
        yield from _references(inner)


def can_be_enforced(schema: Mapping[str, Any]) -> bool:
    """Whether a service can hold an answer to a schema: not with objects of any members, or tuples.

    `oneOf` becomes `anyOf`, which is the same for a union whose members differ, like pydantic's with a discriminator.

    Source, seen 2026-11-21: platform.openai.com/docs/guides/structured-outputs, "Supported schemas", and
    platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema limitations".
    """
    return schema.get("type") == "object" and not any(_is_open(node) for node in _nodes(schema))


def all_required(schema: Mapping[str, Any]) -> bool:
    """Whether no member may be left out, so that a strict schema asks for nothing that this one doesn't."""
    return all(
        set(node.get("properties", {})) <= set(node.get("required", ()))
        for node in _nodes(schema)
        if isinstance(node, dict)
    )


def _is_open(node: Any) -> bool:
    if not isinstance(node, dict):
        return True  # `true`: anything at all
    free = node.get("type") == "object" and not node.get("properties") and "$ref" not in node
    extra = node.get("additionalProperties", False) is not False
    unheld = {"patternProperties", "prefixItems"} & node.keys()
    return free or extra or bool(unheld) or not _SAYS_WHAT & node.keys()


def _nodes(node: Any) -> Iterator[Any]:
    """A schema and every schema in it."""
    yield node
    for key, value in node.items() if isinstance(node, dict) else ():
        inner: Iterable[Any] = ()
        if key in _BY_NAME and isinstance(value, dict):
            inner = value.values()
        elif key in _LISTS and isinstance(value, list):
            inner = value
        elif key in _ONE and isinstance(value, dict):
            inner = (value,)
        for one in inner:
            yield from _nodes(one)


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as OpenAI holds to it: every object closed, no member left out, no default, nothing beside a `$ref`."""
    made: dict[str, Any] = _closed(schema, schema, all_members=True)
    return made


def strict_for_claude(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as Claude holds to it: every object closed; limits that it isn't held to go to the description.

    Source, seen 2026-11-21: anthropic 1.17, lib/_parse/_transform.py, which does the same.
    """
    made: dict[str, Any] = _describe_limits(_closed(schema, schema, all_members=False))
    return made


_ANY = {"oneOf": "anyOf"}


def _closed(node: Any, root: Mapping[str, Any], *, all_members: bool) -> Any:
    if not isinstance(node, dict):
        return node
    if "$ref" in node and node.keys() - {"$ref", "$defs", "definitions"}:
        return _closed(dereferenced(node, root), root, all_members=all_members)
    close = partial(_closed, root=root, all_members=all_members)
    left_out = {"discriminator", "default"} if all_members else {"discriminator"}
    made = {_ANY.get(key, key): _changed(key, value, close) for key, value in node.items() if key not in left_out}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made["additionalProperties"] = False
        if all_members:
            made["required"] = list(made["properties"])
    return made


def _changed(key: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """A member of a schema with every schema in it changed."""
    if key in _BY_NAME and isinstance(value, dict):
        return {name: change(inner) for name, inner in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [change(inner) for inner in value]
    return change(value) if key in _ONE else value


def _describe_limits(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for key, value in node.items():
        few, odd = key == "minItems" and value not in {0, 1}, key == "format" and value not in _FORMATS
        if key in _UNENFORCED or few or odd:
            limits[key] = value
        else:
            made[key] = _changed(key, value, _describe_limits)
    if limits:
        note = "{" + ", ".join(f"{key}: {value}" for key, value in limits.items()) + "}"
        made["description"] = f"{made['description']}\n\n{note}" if made.get("description") else note
    return made


def for_a_tool(schema: Mapping[str, Any], *, flat: bool = False) -> dict[str, Any]:
    """A schema as every service takes it for a tool's arguments: at the top no more than Nova takes.

    A schema that refers to itself keeps its definitions; `flat`, as Nova has to have it, it is written out a few levels
    deep instead, and says no more of what is below them than that it is an object.

    Source: https://github.com/pydantic/pydantic-ai/issues/1623
    """
    made = dict(schema) if refers_to_itself(schema) and not flat else _inlined(schema, schema)
    kept = ("type", "properties", "required", "$defs", "definitions")
    return {key: made[key] for key in kept if key in made and (key != "required" or made[key])}


def _inlined(node: Any, root: Mapping[str, Any], on_the_way: tuple[str, ...] = ()) -> Any:
    if isinstance(node, list):
        return [_inlined(inner, root, on_the_way) for inner in node]
    if not isinstance(node, dict):
        return node
    pointer = node.get("$ref")
    if isinstance(pointer, str):
        if pointer in on_the_way and len(on_the_way) >= _LEVELS:
            return {"type": "object"}
        node, on_the_way = dereferenced(node, root), (*on_the_way, pointer)
    return {
        key: _inlined(value, root, on_the_way) for key, value in node.items() if key not in {"$defs", "definitions"}
    }


_LEVELS = 3  # of a schema that refers to itself


def with_items(node: Any) -> Any:
    """A schema of which every array says what is in it, a tuple too: OpenAI takes no other in a tool.

    Source: https://github.com/PrefectHQ/fastmcp/issues/2464
    """
    if not isinstance(node, dict):
        return node
    made = {key: _changed(key, value, with_items) for key, value in node.items()}
    kind = node.get("type")
    if (kind == "array" or (isinstance(kind, list) and "array" in kind)) and "items" not in node:
        first = made.get("prefixItems") or [{}]
        made["items"] = first[0] if all(one == first[0] for one in first) else {"anyOf": first}
    return made


def refers_to_itself(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is recursive."""

    def leads_back(node: Any, on_the_way: tuple[str, ...]) -> bool:
        pointers = [inner["$ref"] for inner in _nodes(node) if isinstance(inner, dict) and "$ref" in inner]
        return any(
            pointer in on_the_way or leads_back(_referred(schema, pointer), (*on_the_way, pointer))
            for pointer in pointers
            if isinstance(pointer, str)
        )

    return leads_back({key: value for key, value in schema.items() if key not in {"$defs", "definitions"}}, ("#",))


def _referred(root: Mapping[str, Any], pointer: str) -> Any:
    """What a `$ref` in a schema leads to; None if it leads nowhere."""
    found: Any = root
    for step in filter(None, pointer.removeprefix("#").split("/")):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def dereferenced(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with what its `$ref` leads to in the reference's place."""
    found = _referred(root, node["$ref"])
    return {**(found if isinstance(found, dict) else {}), **{key: node[key] for key in node if key != "$ref"}}
