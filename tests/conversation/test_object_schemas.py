"""Schemas as every service takes them at their top: an object with its members, and no union."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnout.conversation.answer_formats import answer_format, converse_output, messages_format, openai_format
from turnout.conversation.object_schemas import as_object
from turnout.conversation.tools import as_tool, checked_tool

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
A = {"type": "object", "properties": {"kind": {"const": "a"}, "name": TEXT}, "required": ["kind", "name"]}
B = {"type": "object", "properties": {"kind": {"const": "b"}, "number": NUMBER}, "required": ["kind", "number"]}
MEMBERS = {"kind": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "name": TEXT, "number": NUMBER}


@pytest.mark.parametrize("union", ["anyOf", "oneOf"])
def test_of_alternatives_is_required_what_each_requires(union: str) -> None:
    schema = {"type": "object", "properties": {"name": {"minLength": 2}}, "required": ["name"], union: [A, B]}
    made, note = as_object(schema)
    assert made == {
        "type": "object",
        "properties": {**MEMBERS, "name": {"minLength": 2}},
        "required": ["name", "kind"],
    }
    assert json.loads(note) == {union: [A, B]}
    assert union in schema, "it was changed"


def test_of_what_holds_together_all_is_required() -> None:
    made, _ = as_object({"allOf": [A, {"$ref": "#/$defs/B"}], "$defs": {"B": B}})
    assert made == {
        "type": "object",
        "properties": MEMBERS,
        "required": ["kind", "name", "number"],
        "$defs": {"B": B},
    }


@pytest.mark.parametrize("alternatives", [[{"required": ["name"]}, {"required": ["number"]}], [True, A], []])
def test_alternatives_that_require_nothing_together(alternatives: list[Any]) -> None:
    made, note = as_object({"type": "object", "properties": {"name": TEXT}, "anyOf": alternatives})
    assert "required" not in made
    assert made["properties"]["name"] == TEXT
    assert note


@pytest.mark.parametrize("more", [{"not": {"required": ["name"]}}, {"enum": [{"name": "Xa"}]}])
def test_what_else_services_refuse_there_is_told(more: dict[str, Any]) -> None:
    made, note = as_object({"type": "object", "properties": {"name": TEXT}, **more})
    assert made == {"type": "object", "properties": {"name": TEXT}}
    assert json.loads(note) == more


def test_arrays_have_items_at_any_depth() -> None:
    array = {"type": "array"}
    schema = {"properties": {"a": array, "b": {"anyOf": [array, TEXT]}, "c": {**array, "items": array}}}
    made, note = as_object({**schema, "$defs": {"Pair": {**array, "prefixItems": [NUMBER, TEXT]}}})
    filled = {"type": "array", "items": {}}
    assert made["properties"] == {
        "a": filled,
        "b": {"anyOf": [filled, TEXT]},
        "c": {"type": "array", "items": filled},
    }
    assert made["$defs"]["Pair"]["items"] == {"anyOf": [NUMBER, TEXT]}
    assert not note


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {}}])
def test_an_object_without_members(schema: dict[str, Any]) -> None:
    assert as_object(schema) == ({"type": "object", "properties": {}}, "")


def test_a_tool_says_what_its_schema_does_not() -> None:
    function = {"name": "find", "description": "Find.", "parameters": {"anyOf": [A, B]}}
    made = checked_tool({"type": "function", "function": function}, 0)["function"]
    assert made["description"].startswith('Find.\n\n{"anyOf": [')
    assert made["parameters"]["properties"] == MEMBERS
    assert checked_tool({"type": "function", "function": {"name": "x", "parameters": {"not": A}}}, 0)["function"][
        "description"
    ].startswith('{"not"')
    assert checked_tool({"type": "web_search"}, 0) == {"type": "web_search"}


def test_an_answers_form_says_it_on_every_wire() -> None:
    schema = {"type": "object", "description": "A thing.", "anyOf": [A, B]}
    form = answer_format({"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}})
    assert form is not None
    for made in (
        openai_format(form)["json_schema"],
        json.loads(converse_output(form, "claude")["textFormat"]["structure"]["jsonSchema"]["schema"]),
        messages_format(form)["schema"],
        as_tool(form)["function"],
    ):
        assert '{"anyOf": [' in made["description"]
