"""Arguments of a call, brought into one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from turnout.conversation.answer_formats import AnswerFormat
from turnout.errors import UnsupportedError
from turnout.llama_index.calls import make_request

if TYPE_CHECKING:
    from turnout.conversation.request import Request

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


class Thing(BaseModel):
    name: str


def made(own: dict[str, Any] | None = None, additional: dict[str, Any] | None = None, **call: Any) -> Request:
    return make_request({"additional_kwargs": additional or {}, **(own or {})}, call)


def parameters(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.parameters.items() if value is not None}


@pytest.mark.parametrize("choice", [True, "required", {"type": "any"}])
def test_ways_of_writing_a_choice(choice: Any) -> None:
    assert made(tools=[TOOL], tool_choice=choice).tool_choice == "any"


def test_the_call_wins_over_the_model() -> None:
    request = made({"temperature": 0.1, "max_tokens": 5, "seed": 1}, temperature=0.9, max_completion_tokens=7)
    assert parameters(request) == {"temperature": 0.9, "max_tokens": 7, "seed": 1}


def test_none_in_the_call_leaves_a_parameter_out() -> None:
    assert parameters(made({"temperature": 0.1}, temperature=None)) == {}


def test_limits_of_a_call_are_not_sent() -> None:
    request = made({"timeout": 5.0}, timeout=2.0, max_retries=3, deadline=4)
    assert (parameters(request), request.extra) == ({}, {})


def test_one_stop_sequence_is_a_list() -> None:
    assert parameters(made(stop="END")) == {"stop": ["END"]}


def test_what_is_not_known_goes_to_the_wire() -> None:
    request = made({}, {"user": "ada", "store": True}, store=None, logprobs=True)
    assert request.extra == {"user": "ada", "logprobs": True}


def test_parallel() -> None:
    request = made(parallel_tool_calls=True)
    assert (request.parameters["parallel_tool_calls"], request.first_call_only) == (True, False)
    assert made().parameters["parallel_tool_calls"] is None
    request = made(allow_parallel_tool_calls=False)
    assert (request.parameters["parallel_tool_calls"], request.first_call_only) == (False, True)
    request = made(parallel_tool_calls=True, allow_parallel_tool_calls=False)
    assert (request.parameters["parallel_tool_calls"], request.first_call_only) == (True, True)


def test_a_choice_without_tools_is_none() -> None:
    assert made(tool_choice="weather").tool_choice is None
    assert made(tools=[TOOL], tool_choice="weather").tool_choice == "weather"


def test_a_choice_of_no_tool() -> None:
    with pytest.raises(UnsupportedError, match="'wether' is no tool that was given; there is 'weather'"):
        made(tools=[TOOL], tool_choice="wether")


def test_a_tool_that_no_service_takes() -> None:
    with pytest.raises(UnsupportedError, match="the name 'my tool'"):
        made(tools=[{"type": "function", "function": {"name": "my tool", "parameters": {}}}])
    broken = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}
    with pytest.raises(UnsupportedError, match=r"refers to '#/\$defs/X', which isn't in it"):
        made(response_format={"type": "json_schema", "json_schema": {"name": "X", "schema": broken}})


def test_a_schema_is_the_answers_form() -> None:
    for given in (
        Thing,
        {"type": "json_schema", "json_schema": {"name": "Thing", "schema": Thing.model_json_schema()}},
    ):
        request = made(response_format=given)
        assert request.form is not None
        assert request.form.schema == Thing.model_json_schema()
        assert (request.as_text, request.extra) == (True, {})
    assert made({}, {"response_format": {"type": "json_object"}}).form == AnswerFormat()


def test_a_class_that_is_no_schema() -> None:
    with pytest.raises(UnsupportedError, match="give a pydantic class"):
        made(response_format=int)
