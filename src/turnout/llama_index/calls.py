"""What a call of `TurnoutLLM` is: its request, and what is LlamaIndex's about it.

A module of its own, loaded with the first call: importing the class alone loads no more than LlamaIndex's bases.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from turnout.calls.chat import ChatCall
from turnout.conversation.parameters import LIMITS
from turnout.llama_index.answers import AnswerShape, has_content, used_tokens
from turnout.llama_index.messages.reading import read
from turnout.llama_index.requests import make_request
from turnout.llama_index.wires import wires

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from turnout.routing import Route
    from turnout.settings import Settings


def new_call(
    route: Route, settings: Settings, messages: Sequence[ChatMessage], own: Mapping[str, Any], kwargs: Mapping[str, Any]
) -> ChatCall[ChatResponse, ChatResponse]:
    """A call, before anything is sent; `own` are the model's attributes, and `kwargs` what the call says otherwise."""
    request = make_request(own, kwargs, settings.unsupported)
    return ChatCall(
        route,
        settings,
        request,
        {name: kwargs.get(name, own[name]) for name in LIMITS},
        wires=wires,
        read=partial(read, messages),
        shape=partial(AnswerShape, first_call_only=request.first_call_only),
        tokens=lambda: sum(len(message.content or "") for message in messages) / 4,  # four characters a token
        used=used_tokens,
        has_content=has_content,
    )
