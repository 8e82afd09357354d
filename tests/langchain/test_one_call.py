"""`parallel_tool_calls=False`: the answer calls one tool at most, on every wire that can say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.tools import tool

from tests.langchain.history_support import BACKENDS, Bench, weather

if TYPE_CHECKING:
    pass

BOTH = "What is the weather in Paris and in Rome?"


@tool
def depot(name: str) -> str:
    """Look up a depot by its name."""
    return name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("choice", [None, "auto", "any", "weather"])
def test_one_call_at_most(bench: Bench, backend: str, choice: Any) -> None:
    model = bench.chat(backend)
    several = model.bind_tools([weather], tool_choice=choice).invoke(BOTH)
    assert len(several.tool_calls) == 2
    one = model.bind_tools([weather], tool_choice=choice, parallel_tool_calls=False).invoke(BOTH)
    assert len(one.tool_calls) == 1


def test_on_converse_the_choice_is_said_once(bench: Bench) -> None:
    model = bench.chat("bedrock")
    bodies = []
    for choice in (None, "auto", "any"):
        model.bind_tools([weather, depot], tool_choice=choice, parallel_tool_calls=False).invoke(BOTH)
        bodies.append(bench.emulator.requests[-1].body)
    told = [body["additionalModelRequestFields"]["tool_choice"] for body in bodies]
    assert told == [{"disable_parallel_tool_use": True, "type": "auto"}] * 2 + [{"disable_parallel_tool_use": True}]
    assert [body["toolConfig"].get("toolChoice") for body in bodies] == [None, None, {"any": {}}]


def test_it_goes_with_the_fields_that_the_caller_passes(bench: Bench) -> None:
    for name in ("additional_model_request_fields", "additionalModelRequestFields"):
        fields: dict[str, Any] = {name: {"top_k": 7}}
        bench.chat("bedrock").bind_tools([weather], parallel_tool_calls=False).invoke(BOTH, **fields)
        assert bench.emulator.requests[-1].body["additionalModelRequestFields"] == {
            "tool_choice": {"disable_parallel_tool_use": True, "type": "auto"},
            "top_k": 7,
        }


def test_a_model_that_can_not_be_told_says_so(bench: Bench) -> None:
    bound = bench.chat("bedrock", model="nova").bind_tools([weather], parallel_tool_calls=False)
    with pytest.warns(UserWarning, match="parallel_tool_calls is left out.*can't be told to call one tool at most"):
        bound.invoke(BOTH)


def test_without_tools_nothing_is_said_of_them(bench: Bench) -> None:
    bench.chat("bedrock").invoke("hello", parallel_tool_calls=False)
    assert "additionalModelRequestFields" not in bench.emulator.requests[-1].body
