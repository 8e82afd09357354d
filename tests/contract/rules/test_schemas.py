"""Schemas of answers and of tools, as each service takes them, in both frameworks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, ConfigDict, Field

from tests.contract.rules.test_wires import LOOK
from turnout.errors import StructuredOutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.rules.asking import Asking
    from turnout_emulator import Received

T = TypeVar("T")
OPENAI = pytest.mark.parametrize("target", ["azure gpt-4.1", "azure gpt-5 openai-responses"], ids=["chat", "responses"])
CLAUDE = pytest.mark.parametrize(
    "target", ["azure claude-sonnet-4-6", "bedrock us.anthropic.claude-sonnet-4-6"], ids=["messages", "converse"]
)
EVERY = pytest.mark.parametrize(
    "target",
    [
        "azure gpt-4.1",
        "azure gpt-5 openai-responses",
        "azure claude-sonnet-4-6",
        "bedrock us.anthropic.claude-sonnet-4-6",
        "bedrock amazon.nova-lite-v1:0",
        "bedrock us.meta.llama3-3-70b-instruct-v1:0",
        "bedrock openai.gpt-oss-120b-1:0",
    ],
    ids=["chat", "responses", "messages", "converse", "nova", "llama", "gpt-oss"],
)
LETTER = "name: Xa, tracks: 2. number: 7"


class Track(BaseModel):
    """A track."""

    number: int = 7


class Depot(BaseModel):
    """A depot."""

    name: str = Field(min_length=2, max_length=30)
    tracks: int = Field(default=3, ge=1, le=20)
    several: list[Track] = Field(default=[], max_length=9)
    first: Track = Field(default=Track(), description="The first of them.")


class Tree(BaseModel):
    """A tree."""

    name: str
    children: list[Tree] = []


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"] = "dog"


class Pet(BaseModel):
    """A pet."""

    pet: Cat | Dog = Field(discriminator="kind")


class Labels(BaseModel):
    """Labels."""

    labels: dict[str, str]


class Pair(BaseModel):
    """A pair."""

    both: tuple[int, str]


class Anything(BaseModel):
    """A name and anything beside it."""

    model_config = ConfigDict(extra="allow")

    name: str


PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {"both": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}},
    "required": ["both"],
}


class Page(BaseModel, Generic[T]):
    """A page."""

    name: T


def form_of(received: Received) -> Any:
    """The form of the answer in a request to OpenAI's wires."""
    body = received.body
    return body["text"]["format"] if "text" in body else body.get("response_format", {}).get("json_schema")


def held_by_claude(received: Received) -> Any:
    """The schema that Claude is held to."""
    if received.wire == "anthropic-messages":
        return received.body.get("output_config", {}).get("format", {}).get("schema")
    form = received.body.get("outputConfig", {}).get("textFormat")
    return None if form is None else json.loads(form["structure"]["jsonSchema"]["schema"])


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema, and the objects of schemas by their names."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from nodes(inner)


def function_of(received: Received) -> dict[str, Any]:
    """The one tool in a request, as its wire writes it."""
    (one,) = received.body.get("tools") or received.body["toolConfig"]["tools"]
    found: dict[str, Any] = one.get("function") or one.get("toolSpec") or one
    return found


def schema_of(received: Received) -> Any:
    """Its schema."""
    function = function_of(received)
    found: dict[str, Any] = function.get("parameters") or function.get("input_schema") or function["inputSchema"]
    return found.get("json", found)


def tool(parameters: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "find", "description": "Find.", "parameters": parameters, **more}}


@OPENAI
@pytest.mark.parametrize("schema", [Depot, Tree, Pet])
def test_openai_holds_a_class_to_a_strict_schema(asking: Asking, target: str, schema: type[BaseModel]) -> None:
    for received in (
        asking.found(target, schema, f"{LETTER}. kind: cat")[1],
        asking.sent(target, response_format=schema),
    ):
        form = form_of(received)
        assert form["strict"] is True
        assert form["schema"]["type"] == "object"
        assert "$ref" not in form["schema"]
        for node in nodes(form["schema"]):
            assert not {"default", "oneOf", "discriminator", "prefixItems"} & node.keys()
            if node.get("type") == "object" and "properties" in node:
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            if "$ref" in node:
                assert node.keys() == {"$ref"}


@OPENAI
@pytest.mark.parametrize("schema", [Labels, Pair, Anything, PAIR], ids=["mapping", "tuple", "more", "closed tuple"])
def test_what_openai_can_not_be_held_to_is_not_strict(asking: Asking, target: str, schema: Any) -> None:
    given = {"name": "pair", "schema": schema, "strict": True} if isinstance(schema, dict) else schema
    wanted = {"type": "json_schema", "json_schema": given} if isinstance(schema, dict) else schema
    received = asking.answered(target, response_format=wanted)
    assert '"strict": true' not in json.dumps(received.body)
    assert function_of(received)["name"] in {"Labels", "Pair", "Anything", "pair"}


@EVERY
def test_a_mapping_may_have_any_names(asking: Asking, target: str) -> None:
    found, received = asking.found(target, Labels, "labels: colour: red")
    assert isinstance(found, Labels)
    assert schema_of(received)["properties"]["labels"]["additionalProperties"] == {"type": "string"}


@CLAUDE
def test_claude_is_told_of_limits_that_it_is_not_held_to(asking: Asking, target: str) -> None:
    held = held_by_claude(asking.sent(target, response_format=Depot))
    limits = {"minLength", "maxLength", "minimum", "maximum", "maxItems", "oneOf", "discriminator"}
    assert not [node for node in nodes(held) if limits & node.keys()]
    told = {name: held["properties"][name]["description"] for name in ("name", "tracks", "several")}
    assert sorted(told["name"].strip("{}").split(", ")) == ["maxLength: 30", "minLength: 2"]
    assert sorted(told["tracks"].strip("{}").split(", ")) == ["maximum: 20", "minimum: 1"]
    assert told["several"] == "{maxItems: 9}"
    assert held["additionalProperties"] is held["$defs"]["Track"]["additionalProperties"] is False


def test_what_an_answer_is_not_held_to_is_checked_afterwards(asking: Asking) -> None:
    thinks = {"reasoning_effort": "low"}  # so that Claude is held to the schema, not forced to a tool
    kind = OutputParserException if asking.langchain else StructuredOutputError
    with pytest.raises(kind, match=r"(?s)Depot.*name.*at least 2 characters"):
        asking.found("bedrock us.anthropic.claude-sonnet-4-6", Depot, "name: X, tracks: 2", **thinks)


UNION: dict[str, Any] = {
    "type": "object",
    "properties": {"depot": {"type": "string"}},
    "required": ["depot"],
    "anyOf": [
        {"properties": {"kind": {"const": "a"}, "name": {"type": "string"}}, "required": ["kind", "name"]},
        {"$ref": "#/$defs/Numbered"},
    ],
    "$defs": {
        "Numbered": {
            "type": "object",
            "properties": {"kind": {"const": "b"}, "number": {"type": "integer"}},
            "required": ["kind", "number"],
        }
    },
}


@EVERY
def test_a_union_at_the_top_becomes_one_object(asking: Asking, target: str) -> None:
    received = asking.sent(target, tools=[tool(UNION)])
    schema = schema_of(received)
    assert schema.keys() <= {"type", "properties", "required", "$defs"}
    assert schema["properties"] == {
        "kind": {"anyOf": [{"const": "a"}, {"const": "b"}]},
        "name": {"type": "string"},
        "number": {"type": "integer"},
        "depot": {"type": "string"},
    }
    assert schema["required"] == ["depot", "kind"]
    assert '{"anyOf": [' in function_of(received)["description"]
    wanted = {"type": "json_schema", "json_schema": {"name": "find", "schema": UNION}}
    assert "number" in str(asking.answered(target, response_format=wanted).body)


@EVERY
@pytest.mark.parametrize("parameters", [{}, {"type": "object"}, None, {"properties": {}}], ids=str)
def test_a_tool_without_parameters_has_properties(asking: Asking, target: str, parameters: Any) -> None:
    assert schema_of(asking.sent(target, tools=[tool(parameters)])) == {"type": "object", "properties": {}}


@EVERY
def test_a_tools_arrays_have_items(asking: Asking, target: str) -> None:
    arrays = {"some": {"type": "array"}, "both": {"type": "array", "prefixItems": [{"type": "integer"}]}}
    sent = schema_of(asking.sent(target, tools=[tool({"type": "object", "properties": arrays})]))
    assert [sent["properties"][name]["items"] for name in arrays] == [{}, {"type": "integer"}]


@OPENAI
def test_a_strict_tool_is_prepared(asking: Asking, target: str) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "integer", "default": 1}}}
    received = asking.sent(target, tools=[tool(parameters, strict=True)])
    assert function_of(received)["strict"] is True
    closed = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert schema_of(received) == {**closed, "additionalProperties": False}
    free = tool({"type": "object", "additionalProperties": {"type": "string"}}, strict=True)
    received = asking.sent_but("no service holds to such a schema", target, tools=[free])
    assert '"strict": true' not in json.dumps(received.body)


@EVERY
def test_a_schema_has_a_name_that_services_take(asking: Asking, target: str) -> None:
    found, received = asking.found(target, Page[str], "name: Xa")
    assert isinstance(found, Page)
    assert "Page_str_" in str(received.body)
    named = {"type": "json_schema", "json_schema": {"name": "Page[Item]", "schema": LOOK["function"]["parameters"]}}
    assert "Page[Item]" not in str(asking.answered(target, response_format=named).body)


def test_an_answer_is_an_object(asking: Asking) -> None:
    bare: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": bare}}
    asking.refused("is no object's, and services take no other", "azure gpt-4.1", response_format=wanted)
