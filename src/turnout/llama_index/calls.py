"""A call of `TurnoutLLM`: its request, and what is LlamaIndex's about it.

A module of its own, loaded with the first call: importing the class alone loads no more than LlamaIndex's bases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from turnout.calls.chat import ChatCall
from turnout.calls.failover import FailoverCall, at_places
from turnout.conversation.answer_formats import answer_format
from turnout.conversation.parameters import LIMITS, Policy, take_parameters
from turnout.conversation.request import Request
from turnout.conversation.tools import check_choice, checked_tool, tool_choice_name
from turnout.llama_index.answers import AnswerShape, cached, has_content, length, used_tokens
from turnout.llama_index.messages import read
from turnout.llama_index.structured import STRUCTURED
from turnout.llama_index.wires import wires
from turnout.routing import Route
from turnout.settings import Settings

_BEGINNING = 2  # messages by which a conversation is known: its system prompt, and what was asked first


def new_call(
    places: Sequence[Route],
    settings: Settings,
    messages: Sequence[ChatMessage],
    own: Mapping[str, Any],
    kwargs: Mapping[str, Any],
) -> ChatCall[ChatResponse, ChatResponse] | FailoverCall[ChatResponse, ChatResponse]:
    """A call, before anything is sent; `own` are the model's attributes, and `kwargs` what the call says otherwise."""
    request = make_request(own, kwargs, settings.unsupported)
    limits = {name: kwargs.get(name, own[name]) for name in LIMITS}

    call = partial(
        ChatCall,
        settings=settings,
        request=request,
        limits=limits,
        wires=wires,
        read=partial(read, messages),
        shape=partial(AnswerShape, first_call_only=request.first_call_only),
        tokens=lambda: sum(len(message.content or "") for message in messages) / 4,  # four characters a token
        used=used_tokens,
        has_content=has_content,
        length=length,
    )
    return at_places(
        places,
        settings,
        call,
        deadline=limits["deadline"],
        conversation=lambda: str([message.content for message in messages[:_BEGINNING]]),
        cached=cached,
        hook=own["on_failover"],
    )


def make_request(own: Mapping[str, Any], kwargs: Mapping[str, Any], policy: Policy = "warn") -> Request:
    """What a call asks for; its own arguments win over the model's attributes."""
    asked = {name: value for name, value in kwargs.items() if name not in LIMITS}
    allowed = asked.pop("allow_parallel_tool_calls", None)
    asked.setdefault("parallel_tool_calls", allowed)
    parameters = take_parameters(asked, own)
    asked = {**own["additional_kwargs"], **asked}
    wanted, response_format = asked.pop(STRUCTURED, None), asked.pop("response_format", None)
    tools = [checked_tool(tool, number) for number, tool in enumerate(asked.pop("tools", None) or [])]
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
