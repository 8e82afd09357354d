"""A schema of a tool's arguments or of an answer as every service takes it: an object that names its members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from turnout.conversation.json_schemas import dereferenced, with_items

_UNIONS = ("anyOf", "oneOf", "allOf")
# What no service takes at the top: https://github.com/cecli-dev/cecli/issues/281 (OpenAI),
# https://github.com/code-yeongyu/senpi/issues/1947 (Claude)
_NOT_AT_THE_TOP = (*_UNIONS, "not", "enum")


def as_object(schema: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """A schema that every service takes, and in words what it no longer says.

    A union at the top becomes one object with the members of all alternatives, of which those are required that each
    alternative requires. The model is told of the union, and what the application checks itself it checks as before.
    """
    made: dict[str, Any] = with_items(dict(schema))
    made = {"type": "object", "properties": {}, **made}
    union = {key: made.pop(key) for key in _NOT_AT_THE_TOP if key in made}
    if not union:
        return made, ""
    own, members = made["properties"], _Members()
    for key in _UNIONS:
        members.add([_resolved(one, made) for one in union.get(key, ())], together=key == "allOf")
    made["properties"] = {**members.properties, **own}
    required = [*made.get("required", ()), *members.required]
    made |= {"required": list(dict.fromkeys(required))} if required else {}
    return made, json.dumps(union, ensure_ascii=False)


def with_note(description: str | None, note: str) -> str:
    """A description, and what a schema no longer says."""
    return "\n\n".join(filter(None, (description, note)))


class _Members:
    """The members of a union's alternatives."""

    def __init__(self) -> None:
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []

    def add(self, alternatives: list[dict[str, Any]], *, together: bool) -> None:
        """Take over the members of alternatives, or of parts that hold `together`."""
        for one in alternatives:
            for name, schema in one.get("properties", {}).items():
                self.properties[name] = _either(self.properties[name], schema) if name in self.properties else schema
        needed = [list(one.get("required", ())) for one in alternatives]
        for name in (name for names in needed for name in names):
            if together or all(name in names for names in needed):
                self.required.append(name)


def _either(one: Any, other: Any) -> Any:
    if one == other:
        return one
    known = one["anyOf"] if isinstance(one, dict) and one.keys() == {"anyOf"} else [one]
    return {"anyOf": known if other in known else [*known, other]}


def _resolved(node: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        return {}
    return dereferenced(node, root) if isinstance(node.get("$ref"), str) else dict(node)
