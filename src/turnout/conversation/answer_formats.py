"""What an answer is to be: `response_format`, however it is written → one form, and that as each service takes it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from turnout.conversation.json_schemas import all_required, can_be_enforced, check_schema, strict, strict_for_claude
from turnout.conversation.object_schemas import as_object, with_note
from turnout.errors import UnsupportedError

_JSON_OBJECT = "Answer with one JSON object and nothing else: no Markdown, and no words before or after it."


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """A form that an answer must have: any JSON object, or one of a schema."""

    name: str = "answer"  # which every service takes
    schema: dict[str, Any] | None = None
    description: str = ""
    strict: bool | None = None  # whether it is to fit exactly, where the service has a choice

    def in_words(self) -> str:
        """What a model is told of the form that it can't be held to."""
        if self.schema is None:
            return _JSON_OBJECT
        return f"{_JSON_OBJECT} It must fit this JSON schema: {json.dumps(self.schema, ensure_ascii=False)}"


def answer_format(wanted: Any) -> AnswerFormat | None:
    """The form that a `response_format` asks for; None for plain text.

    It is a pydantic class, a TypedDict, a dataclass; OpenAI's `{"type": "json_schema", …}`, as Chat Completions,
    Responses, Anthropic or Bedrock nests it; `{"type": "json_object"}`; a JSON schema; or a function's dict.
    """
    if wanted is None:
        return None
    if isinstance(wanted, type):
        return _of_class(wanted)
    if not isinstance(wanted, Mapping):
        raise _not_a_format(wanted)
    kind = wanted.get("type")
    if kind in {"text", "json_object"}:
        return None if kind == "text" else AnswerFormat()
    if kind == "json_schema":
        return _of_dict(wanted.get("json_schema") or wanted.get("jsonSchema") or wanted, wanted)
    if kind == "function" and isinstance(wanted.get("function"), Mapping):
        wanted = wanted["function"]
    if "parameters" in wanted:
        return _of_dict({**wanted, "schema": wanted["parameters"]}, wanted)
    if "properties" in wanted or "$ref" in wanted or kind is not None:
        return _of_dict({"schema": wanted, "description": wanted.get("description")}, wanted)
    raise _not_a_format(wanted)


def _of_dict(inner: Any, wanted: Any) -> AnswerFormat:
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if isinstance(schema, str):  # as in Bedrock's own
        try:
            schema = json.loads(schema)
        except ValueError:
            schema = None
    if not isinstance(schema, Mapping):
        raise _not_a_format(wanted)
    name = inner.get("name") or schema.get("title") or "answer"
    return _of_schema(schema, name, inner.get("description") or "", strict=inner.get("strict"))


@lru_cache(maxsize=256)
def _of_class(kind: type) -> AnswerFormat:
    from pydantic import BaseModel, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
    from typing_extensions import is_typeddict

    if not (is_typeddict(kind) or is_dataclass(kind) or issubclass(kind, BaseModel)):
        raise _not_a_format(kind)
    try:
        schema = TypeAdapter(_modern(kind)).json_schema()
    except (PydanticUserError, PydanticSchemaGenerationError) as error:
        raise _not_a_format(kind) from error
    name = schema.get("title") or kind.__name__
    return _of_schema(schema, name, None, strict=True)


def _modern(annotation: Any) -> Any:
    """A type for pydantic, which before Python 3.12 reads no `typing.TypedDict`, only typing_extensions'."""
    if sys.version_info >= (3, 12):
        return annotation
    from typing_extensions import TypedDict, get_type_hints, is_typeddict

    if is_typeddict(annotation):
        hints = {name: _modern(hint) for name, hint in get_type_hints(annotation, include_extras=True).items()}
        make: Any = TypedDict
        made: Any = make(annotation.__name__, hints, total=annotation.__total__)
        made.__doc__ = annotation.__doc__
        return made
    origin, inner = get_origin(annotation), get_args(annotation)
    changed = tuple(_modern(one) for one in inner)
    if origin is None or changed == inner:
        return annotation
    generic: Any = Union if origin is UnionType else origin
    return generic[changed if len(changed) > 1 else changed[0]]


def _of_schema(schema: Mapping[str, Any], name: Any, description: str | None, *, strict: bool | None) -> AnswerFormat:
    found: dict[str, Any] = dict(schema)
    pointer = found.pop("$ref", None)
    if isinstance(pointer, str) and pointer.startswith("#/$defs/"):  # a class that refers to itself
        found = {**found.get("$defs", {}).get(pointer.removeprefix("#/$defs/"), {}), **found}
    if not found.get("type") and "properties" in found:
        found = {"type": "object", **found}
    if found.get("type") != "object":
        msg = f"the schema {name!r} is no object's, and services take no other; put it in one, as a property"
        raise UnsupportedError(msg)
    check_schema(found, f"the schema {name!r}")
    found, note = as_object(found)
    described = found.get("description", "") if description is None else description
    if note:  # also in the schema, which is all that some wires have
        found["description"] = with_note(found.get("description"), note)
    return AnswerFormat(_name(name), found, with_note(described, note), strict)


def _name(name: Any) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", str(name))[:64] or "answer"


def _not_a_format(wanted: Any) -> UnsupportedError:
    return UnsupportedError(
        f"response_format {wanted!r:.200} is none: give a pydantic class, a TypedDict, a dataclass, "
        "{'type': 'json_schema', 'json_schema': {'name': …, 'schema': …}}, or {'type': 'json_object'}"
    )


def openai_format(form: AnswerFormat) -> dict[str, Any]:
    """A form as OpenAI's `response_format`."""
    if form.schema is None:
        return {"type": "json_object"}
    wanted = form.strict if form.strict is not None else all_required(form.schema)
    exactly = wanted and can_be_enforced(form.schema)
    schema = strict(form.schema) if exactly else form.schema
    said = exactly if exactly or form.strict is not None else None
    made = {"name": form.name, "schema": schema, "description": form.description or None, "strict": said}
    return {"type": "json_schema", "json_schema": {key: value for key, value in made.items() if value is not None}}


def converse_output(form: AnswerFormat, family: str) -> dict[str, Any]:
    """A form as Converse's `outputConfig`."""
    assert form.schema is not None
    schema = strict_for_claude(form.schema if family == "claude" else strict(form.schema))
    made = {"name": form.name, "schema": json.dumps(schema, ensure_ascii=False)}
    made |= {"description": form.description} if form.description else {}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": made}}}


def messages_format(form: AnswerFormat) -> dict[str, Any]:
    """A form as the `format` of Messages' `output_config`."""
    assert form.schema is not None
    return {"type": "json_schema", "schema": strict_for_claude(form.schema)}
