"""Conversations that go on on another backend.

A history may come from any service, by way of any integration, and from a chat store. It is brought into one shape
(`turnout.llama_index.messages`), put in the order that the wire wants, and its files into the form that the wire's
class takes. Reasoning is kept for the service that signed it. What no service would accept is refused before anything
is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.conversation import media
from turnout.errors import InvalidRequestError
from turnout.llama_index.history.files import Files, addresses
from turnout.llama_index.history.order import arranged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage

    from turnout.conversation.media import Media
    from turnout.llama_index.history.order import Turn
    from turnout.routing import Route

__all__ = ["aportable_history", "portable_history"]


def portable_history(
    messages: Sequence[ChatMessage],
    route: Route,
    *,
    has_tools: bool,
    instruction: str | None = None,
    allow_private: bool = False,
) -> list[ChatMessage]:
    """A conversation as the class of a route's wire takes it.

    Args:
        messages: The conversation, in messages of the call's own.
        route: Where it goes.
        has_tools: Whether the request offers tools.
        instruction: What the model is told besides.
        allow_private: Whether files may be fetched from loopback and private addresses.

    Raises:
        InvalidRequestError: No service could accept the conversation; the message names the place.
        UnsupportedError: The model or the wire can't take a part of it.
    """
    try:
        turns = arranged(messages, route, has_tools=has_tools, instruction=instruction)
        urls = addresses(turns, route)
        return _written(turns, route, media.fetch_all(urls, allow_private=allow_private) if urls else {})
    except InvalidRequestError as error:
        error.backend, error.deployment = route.backend, route.deployment
        raise


async def aportable_history(
    messages: Sequence[ChatMessage],
    route: Route,
    *,
    has_tools: bool,
    instruction: str | None = None,
    allow_private: bool = False,
) -> list[ChatMessage]:
    """As `portable_history`, fetching without blocking the event loop."""
    try:
        turns = arranged(messages, route, has_tools=has_tools, instruction=instruction)
        urls = addresses(turns, route)
        return _written(turns, route, await media.afetch_all(urls, allow_private=allow_private) if urls else {})
    except InvalidRequestError as error:
        error.backend, error.deployment = route.backend, route.deployment
        raise


def _written(turns: Sequence[Turn], route: Route, fetched: Mapping[str, Media]) -> list[ChatMessage]:
    files = Files(route, fetched)
    written = []
    for turn in turns:
        turn.message.blocks = files.written(turn)
        if turn.message.blocks or turn.is_result:
            written.append(turn.message)
    if not written:
        msg = "there is nothing to answer: the conversation holds nothing that this service can read"
        raise InvalidRequestError(msg)
    return written
