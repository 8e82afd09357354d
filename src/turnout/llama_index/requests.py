"""A call's keyword arguments, and the model's own → a request that any wire can be made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import answer_format
from turnout.conversation.parameters import LIMITS, take_parameters
from turnout.conversation.request import Request
from turnout.conversation.tools import check_choice, check_tool, tool_choice_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.answer_formats import answer_format
from turnout.conversation.parameters import Policy

STRUCTURED = "structured_output"
"""Argument of a call that asks for an object, be it as a tool's call."""


def make_request(own: Mapping[str, Any], kwargs: Mapping[str, Any], policy: Policy = "warn") -> Request:
    """What a call asks for; its own arguments win over the model's attributes.

    Raises:
        UnsupportedError: A tool, a choice or a form of the answer is none that a service takes.
    """
    asked = {name: value for name, value in kwargs.items() if name not in LIMITS}
    allowed = asked.pop("allow_parallel_tool_calls", None)
    asked.setdefault("parallel_tool_calls", allowed)
    parameters = take_parameters(asked, own)
    asked = {**own["additional_kwargs"], **asked}
    wanted, response_format = asked.pop(STRUCTURED, None), asked.pop("response_format", None)
    tools = list(asked.pop("tools", None) or [])
    for number, tool in enumerate(tools):
        check_tool(tool, number)
    choice = tool_choice_name(asked.pop("tool_choice", None))
    if tools:
        check_choice(choice, tools)
    return Request(
        parameters=parameters,
        policy=policy,
        tools=tools,
        tool_choice=choice if tools else None,
        form=answer_format(wanted or response_format),
        as_text=wanted is None,
        first_call_only=False in {allowed, parameters["parallel_tool_calls"]},
        extra={name: value for name, value in asked.items() if value is not None},
    )
