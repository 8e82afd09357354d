"""A request → what one wire and model are sent, under the wire's own names. A file for each wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.conversation.fitting import anthropic_messages, bedrock_converse, openai_chat, openai_responses

if TYPE_CHECKING:
    from turnout.conversation.request import Fitted, Request
    from turnout.routing import Route

_WIRES = {
    "openai-chat": openai_chat.fit,
    "openai-responses": openai_responses.fit,
    "anthropic-messages": anthropic_messages.fit,
    "bedrock-converse": bedrock_converse.fit,
}


def fit(request: Request, route: Route) -> Fitted:
    """All that is sent but the conversation: parameters, tools and their choice, the form of the answer.

    Raises:
        UnsupportedError: A value is out of range, or the policy is `error` and something can't be taken.
    """
    return _WIRES[route.wire](request, route)
