"""Arguments of a call, brought into one shape."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel
from turnout.llama_index.request import Request, make_request

from turnout.conversation.answer_formats import AnswerFormat
from turnout.errors import UnsupportedError

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}


class Thing(BaseModel):
    name: str


def made(defaults: dict[str, Any] | None = None, additional: dict[str, Any] | None = None, **call: Any) -> Request:
    return make_request([ChatMessage("Hello.")], defaults or {}, additional or {}, call)


@pytest.mark.parametrize("choice", [True, "required", {"type": "any"}])
def test_ways_of_writing_a_choice(choice: Any) -> None:
    assert made(tools=[TOOL], tool_choice=choice).choice == "any"


def test_the_call_wins_over_the_model() -> None:
    request = made({"temperature": 0.1, "max_tokens": 5, "seed": 1}, temperature=0.9, max_completion_tokens=7)
    assert request.parameters == {"temperature": 0.9, "max_tokens": 7, "seed": 1}


def test_none_in_the_call_leaves_a_parameter_out() -> None:
    assert made({"temperature": 0.1}, temperature=None).parameters == {}


def test_a_timeout_is_no_parameter_of_the_model() -> None:
    request = made({"timeout": 5.0}, timeout=2.0)
    assert (request.timeout, request.parameters) == (2.0, {})


def test_one_stop_sequence_is_a_list() -> None:
    assert made(stop="END").parameters == {"stop": ["END"]}


def test_what_is_not_known_goes_to_the_wire() -> None:
    request = made({}, {"user": "ada", "store": True}, store=None, logprobs=True)
    assert request.extra == {"user": "ada", "logprobs": True}


def test_parallel() -> None:
    assert made().parallel is None
    assert made(allow_parallel_tool_calls=False).parallel is False
    assert made(parallel_tool_calls=True, allow_parallel_tool_calls=False).parallel is True


def test_a_choice_without_tools_is_none() -> None:
    assert made(tool_choice="weather").choice is None
    assert made(tools=[TOOL], tool_choice="weather").choice == "weather"


def test_a_choice_of_no_tool() -> None:
    with pytest.raises(UnsupportedError, match="'wether' is no tool that was given; there is 'weather'"):
        made(tools=[TOOL], tool_choice="wether")


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
