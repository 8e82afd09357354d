"""One set of parameters for every wire."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.conversation.parameters import PARAMETERS, TAKES, fit_parameters
from turnout.conversation.tools import tool_choice_name
from turnout.errors import UnsupportedError
from turnout.routing import Route


def route(wire: str, model: str) -> Route:
    return Route("chat", "default", "here", "azure", wire, "prod", model)


GPT5, GPT4O = route("openai-chat", "gpt-5"), route("openai-chat", "gpt-4o")
CLAUDE = route("bedrock-converse", "anthropic.claude-sonnet-4-6")
NOVA = route("bedrock-converse", "amazon.nova-lite-v1:0")


@pytest.mark.parametrize(
    ("where", "given_", "left", "why"),
    [
        (GPT4O, {"temperature": 0.5, "seed": 1}, {"temperature": 0.5, "seed": 1}, None),
        (GPT5, {"temperature": 0.5, "max_tokens": 9}, {"max_tokens": 9}, "takes no sampling parameters"),
        (GPT5, {"stop": ["END"]}, {}, "takes no stop sequences"),
        (GPT4O, {"reasoning_effort": "low"}, {}, "doesn't reason"),
        (CLAUDE, {"seed": 1, "top_p": 0.9}, {"top_p": 0.9}, "the wire bedrock-converse has no such parameter"),
        (CLAUDE, {"parallel_tool_calls": False}, {"parallel_tool_calls": False}, None),
        (CLAUDE, {"parallel_tool_calls": True}, {"parallel_tool_calls": True}, None),
        (NOVA, {"parallel_tool_calls": False}, {}, "can't be told to call one tool at most"),
        (NOVA, {"parallel_tool_calls": True}, {}, None),
        (route("openai-responses", "gpt-4o"), {"stop": ["x"]}, {}, "the wire openai-responses has no such parameter"),
        (GPT4O, {"temperature": None, "stop": []}, {}, None),
    ],
)
def test_what_is_not_taken_is_left_out_with_a_reason(
    where: Route, given_: dict[str, Any], left: dict[str, Any], why: str | None
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert fit_parameters(where, given_, "warn") == left
    assert [why in str(w.message) for w in caught] == ([True] if why else []) if why else not caught
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit_parameters(where, given_, "drop") == left
    if why:
        with pytest.raises(UnsupportedError, match="is not possible"):
            fit_parameters(where, given_, "error")


@pytest.mark.parametrize(
    ("where", "given_", "said"),
    [
        (GPT4O, {"temperature": 2.5}, r"temperature = 2.5 is out of range for 'gpt-4o': it takes 0.0 to 2.0"),
        (CLAUDE, {"temperature": 1.5}, r"it takes 0.0 to 1.0"),
        (GPT4O, {"top_p": -0.1}, "top_p"),
        (GPT4O, {"max_tokens": 0}, "max_tokens = 0"),
        (GPT4O, {"max_tokens": 1_000_000}, "it takes 1 to 16384"),
        (GPT5, {"reasoning_effort": "hard"}, "'hard' is none of none, minimal"),
        (GPT4O, {"temperature": "hot"}, "temperature = 'hot' is a str; it must be a number"),
        (GPT4O, {"temperature": True}, "it must be a number"),
        (GPT4O, {"temperature": float("nan")}, "out of range"),
        (GPT4O, {"max_tokens": 9.5}, "it must be a whole number"),
        (CLAUDE, {"stop": "END"}, "it must be a list of strings"),
        (CLAUDE, {"stop": ["END", ""]}, "each is a string that isn't empty"),
        (CLAUDE, {"parallel_tool_calls": "no"}, "it must be True or False"),
    ],
)
def test_out_of_range_is_refused_before_anything_is_sent(where: Route, given_: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        fit_parameters(where, given_, "drop")


@given(
    st.sampled_from(sorted(TAKES)),
    st.sampled_from(["gpt-5", "gpt-4o", "anthropic.claude-sonnet-4-6", "meta.llama4-scout", "nobody-knows"]),
    st.dictionaries(st.sampled_from(PARAMETERS), st.none() | st.integers(-3, 3) | st.booleans() | st.just("low")),
)
def test_what_is_left_is_what_the_wire_takes(wire: str, model: str, given_: dict[str, Any]) -> None:
    try:
        left = fit_parameters(route(wire, model), given_, "drop")
    except UnsupportedError:
        return
    assert set(left) <= TAKES[wire] & set(given_)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (None, None),
        (False, None),
        (True, "any"),
        ("required", "any"),
        ({"type": "any"}, "any"),
        ({"any": {}}, "any"),
        ({"auto": {}}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "t"}, "t"),
        ({"type": "function", "name": "t"}, "t"),
        ({"type": "function", "function": {"name": "t"}}, "t"),
        ({"tool": {"name": "t"}}, "t"),
    ],
)
def test_a_tool_choice_in_any_way_of_writing_it(written: Any, name: str | None) -> None:
    assert tool_choice_name(written) == name


def test_a_tool_choice_that_is_none_of_them() -> None:
    with pytest.raises(UnsupportedError, match="tool_choice 7 is none of"):
        tool_choice_name(7)
