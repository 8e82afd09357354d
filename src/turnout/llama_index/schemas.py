"""Pydantic classes as tools and as strict JSON schemas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class JSONSchema:
    """A class's schema.

    Attributes:
        name: A name that every service takes.
        plain: As pydantic gives it.
        strict: With no member left out and none added.
    """

    name: str
    plain: dict[str, Any]
    strict: dict[str, Any]


@lru_cache(maxsize=256)
def json_schema(schema: type[BaseModel]) -> JSONSchema:
    """The schema of a class."""
    plain = schema.model_json_schema()
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(plain.get("title", schema.__name__)))[:64]
    return JSONSchema(name=name, plain=plain, strict=_strict(plain))


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    made = {key: _strict(value) for key, value in node.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    return made


def as_tool(schema: type[BaseModel]) -> dict[str, Any]:
    """A class as a tool in OpenAI's format: calling it gives the object."""
    found = json_schema(schema)
    function: dict[str, Any] = {"name": found.name, "parameters": found.plain}
    if found.plain.get("description"):
        function["description"] = found.plain["description"]
    return {"type": "function", "function": function}


def holds_strictly(schema: type[BaseModel]) -> bool:
    """Whether the service can hold an answer to the schema: not with objects of any members, or with `oneOf`.

    Source, seen 2026-11-21: platform.openai.com/docs/guides/structured-outputs, "Supported schemas".
    """
    return not _open(json_schema(schema).plain)


def _open(node: Any) -> bool:
    if isinstance(node, list):
        return any(_open(part) for part in node)
    if not isinstance(node, dict):
        return False
    free = node.get("type") == "object" and not node.get("properties") and "$ref" not in node
    extra = node.get("additionalProperties", False) is not False or "patternProperties" in node or "oneOf" in node
    return free or extra or any(_open(part) for part in node.values())
