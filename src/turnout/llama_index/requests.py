"""A call's keyword arguments, and the model's own → a request that any wire can be made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.answer_formats import answer_format
from turnout.conversation.parameters import PARAMETERS, tool_choice_name
from turnout.conversation.request import Request
from turnout.conversation.tools import check_choice, check_schema, check_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.parameters import Policy

STRUCTURED = "structured_output"
"""Argument of a call that asks for an object, be it as a tool's call."""

_NOT_SENT = frozenset({"timeout", "max_retries", "deadline"})
_ALIASES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "stop_sequences": "stop"}


def make_request(own: Mapping[str, Any], kwargs: Mapping[str, Any], policy: Policy = "warn") -> Request:
    """What a call asks for; its own arguments win over the model's.

    Args:
        own: The model's own attributes.
        kwargs: The call's keyword arguments.
        policy: What happens with what the model or the wire doesn't take.

    Raises:
        UnsupportedError: A tool, a choice or a form of the answer is none that a service takes.
    """
    asked = {_ALIASES.get(name, name): value for name, value in kwargs.items() if name not in _NOT_SENT}
    allowed = asked.pop("allow_parallel_tool_calls", None)
    asked.setdefault("parallel_tool_calls", allowed)
    parameters = {name: asked.pop(name) if name in asked else own.get(name) for name in PARAMETERS}
    if isinstance(parameters["stop"], str):
        parameters["stop"] = [parameters["stop"]]
    asked = {**own["additional_kwargs"], **asked}
    wanted, response_format = asked.pop(STRUCTURED, None), asked.pop("response_format", None)
    tools = list(asked.pop("tools", None) or [])
    for number, tool in enumerate(tools):
        check_tool(tool, number)
    choice = tool_choice_name(asked.pop("tool_choice", None))
    if tools:
        check_choice(choice, tools)
    form = answer_format(wanted or response_format)
    if form is not None and form.schema is not None:
        check_schema(form.schema, f"the schema {form.name!r}")
    return Request(
        parameters=parameters,
        policy=policy,
        tools=tools,
        tool_choice=choice if tools else None,
        form=form,
        as_text=wanted is None,
        first_call_only=False in {allowed, parameters["parallel_tool_calls"]},
        extra={name: value for name, value in asked.items() if value is not None},
    )
