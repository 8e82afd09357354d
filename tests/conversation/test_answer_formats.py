"""What an answer is to be, in every way of writing it, and the schemas that services take."""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from turnout.conversation.answer_formats import AnswerFormat, answer_format, openai_format
from turnout.conversation.json_schemas import can_be_enforced, for_a_tool, strict, strict_for_claude
from turnout.conversation.tools import as_tool
from turnout.errors import UnsupportedError

T = TypeVar("T")


class Inner(BaseModel):
    number: int = 0


class Outer(BaseModel):
    """An outer thing."""

    inner: Inner
    several: list[Inner]
    maybe: str | None = None


class Free(BaseModel):
    values: dict[str, int]


class Anything(BaseModel):
    model_config = {"extra": "allow"}

    name: str


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Empty(BaseModel):
    pass


class Box(BaseModel, Generic[T]):
    content: T


class Pair(BaseModel):
    both: tuple[int, str]


class Untyped(BaseModel):
    value: Any


class Tree(BaseModel):
    name: str
    children: list[Tree]


class Bounded(BaseModel):
    name: Annotated[str, Field(min_length=2, description="A name")]
    share: Annotated[float, Field(ge=0, le=1)]


class PersonDict(TypedDict):
    """A person."""

    name: str
    age: NotRequired[int]


class OldInner(typing.TypedDict):
    number: int


class OldDict(typing.TypedDict):
    """An older thing."""

    name: str
    inner: list[OldInner]


@dataclass
class PersonData:
    """A person."""

    name: str
    age: int = 0


SCHEMA = {"title": "Thing", "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def held(schema: type[BaseModel]) -> bool:
    return can_be_enforced(schema.model_json_schema())


@pytest.mark.parametrize("schema", [Inner, Outer, Box[int], Bounded, Pet])
def test_what_can_be_held(schema: type[BaseModel]) -> None:
    assert held(schema)


@pytest.mark.parametrize("schema", [Free, Anything, Empty, Pair, Untyped])
def test_what_cannot_be_held(schema: type[BaseModel]) -> None:
    assert not held(schema)


def test_a_property_may_have_any_name() -> None:
    names = {name: {"type": "string"} for name in ("oneOf", "additionalProperties", "properties", "$ref", "default")}
    schema = {"type": "object", "properties": names, "required": list(names)}
    assert can_be_enforced(schema)
    assert strict(schema)["properties"] == names
    assert for_a_tool(schema)["properties"] == names


def test_strict_leaves_nothing_out_at_any_depth() -> None:
    plain = Outer.model_json_schema()
    made = strict(plain)
    assert made["required"] == ["inner", "several", "maybe"]
    assert made["additionalProperties"] is False
    assert made["$defs"]["Inner"] == {
        "additionalProperties": False,
        "properties": {"number": {"title": "Number", "type": "integer"}},
        "required": ["number"],
        "title": "Inner",
        "type": "object",
    }
    assert plain == Outer.model_json_schema(), "it was changed"


def test_nothing_stands_beside_a_reference() -> None:
    class Described(BaseModel):
        inner: Annotated[Inner, Field(description="The inner one")]

    inner = strict(Described.model_json_schema())["properties"]["inner"]
    assert "$ref" not in inner
    assert (inner["description"], inner["additionalProperties"]) == ("The inner one", False)


def test_claude_is_told_of_limits_that_it_is_not_held_to() -> None:
    made = strict_for_claude(Bounded.model_json_schema())
    assert made["additionalProperties"] is False
    assert made["properties"]["name"] == {
        "type": "string",
        "title": "Name",
        "description": "A name\n\n{minLength: 2}",
    }
    assert made["properties"]["share"]["description"] == "{maximum: 1, minimum: 0}"


def test_as_a_tool_there_is_no_more_at_the_top_than_nova_takes() -> None:
    function = as_tool(AnswerFormat("Outer", Outer.model_json_schema(), "An outer thing."))["function"]
    assert (function["name"], function["description"]) == ("Outer", "An outer thing.")
    assert function["parameters"].keys() == {"type", "properties", "required"}
    assert function["parameters"]["properties"]["inner"]["properties"]["number"]["type"] == "integer"
    assert "description" not in as_tool(AnswerFormat("Inner", Inner.model_json_schema()))["function"]


def test_a_schema_that_refers_to_itself_keeps_its_definitions() -> None:
    form = answer_format(Tree)
    assert form is not None
    assert form.schema is not None
    assert form.schema["type"] == "object"
    assert can_be_enforced(form.schema)
    assert "Tree" in for_a_tool(form.schema)["$defs"]


@pytest.mark.parametrize(
    ("given", "name", "members"),
    [
        (Outer, "Outer", {"inner", "several", "maybe"}),
        (Box[int], "Box_int_", {"content"}),
        (PersonDict, "PersonDict", {"name", "age"}),
        (PersonData, "PersonData", {"name", "age"}),
        (OldDict, "OldDict", {"name", "inner"}),
        (SCHEMA, "Thing", {"name"}),
        ({"type": "json_schema", "json_schema": {"name": "a b", "schema": SCHEMA}}, "a_b", {"name"}),
        ({"type": "json_schema", "name": "flat", "schema": SCHEMA}, "flat", {"name"}),
        ({"type": "json_schema", "schema": SCHEMA}, "Thing", {"name"}),
        ({"type": "json_schema", "jsonSchema": {"name": "b", "schema": json.dumps(SCHEMA)}}, "b", {"name"}),
        ({"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, "f", {"name"}),
        ({"name": "f", "parameters": SCHEMA}, "f", {"name"}),
    ],
)
def test_ways_of_writing_a_schema(given: Any, name: str, members: set[str]) -> None:
    form = answer_format(given)
    assert form is not None
    assert form.schema is not None
    assert form.name == name
    assert form.schema["properties"].keys() == members
    assert form.strict is (True if isinstance(given, type) else None)


def test_forms_without_a_schema() -> None:
    assert answer_format(None) is None
    assert answer_format({"type": "text"}) is None
    assert answer_format({"type": "json_object"}) == AnswerFormat()
    assert openai_format(AnswerFormat()) == {"type": "json_object"}


def test_what_is_said_of_strictness_is_sent() -> None:
    for said in (True, False):
        inner = {"name": "Thing", "schema": SCHEMA, "strict": said, "description": "A thing."}
        form = answer_format({"type": "json_schema", "json_schema": inner})
        assert form is not None
        sent = openai_format(form)["json_schema"]
        assert (sent["strict"], sent["description"]) == (said, "A thing.")
        assert ("additionalProperties" in sent["schema"]) is said


@pytest.mark.parametrize(
    "given", [int, "Thing", 7, {"type": "json_schema"}, {}, {"type": "json_schema", "schema": "{"}]
)
def test_what_is_no_form(given: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"response_format .* is none: give a pydantic class"):
        answer_format(given)


@pytest.mark.parametrize("schema", [{"type": "array", "items": {"type": "string"}}, {"type": "string"}])
def test_an_answer_is_an_object(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="is no object's"):
        answer_format({"type": "json_schema", "json_schema": {"name": "names", "schema": schema}})
