"""Conversations that go on on another backend.

A history may come from any service, by way of any integration and version of LangChain, and from a store. It is read
into turns that belong to no wire, put in the order that the wire wants, and written as messages of which the wire's
own class makes a valid request. Reasoning and other blocks that only their service can read are kept for that service
and left out for others. What no service would accept is refused before anything is sent.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.conversation import media
from turnout.conversation.ordering import arranged
from turnout.conversation.turns import Attachment
from turnout.errors import InvalidRequestError
from turnout.langchain.history.files import Files, needs_fetching
from turnout.langchain.history.reading import read
from turnout.langchain.history.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from turnout.conversation.media import Media
    from turnout.conversation.turns import Turn
    from turnout.routing import Route

__all__ = ["aportable_history", "portable_history"]


def portable_history(
    messages: Sequence[Any],
    route: Route,
    *,
    has_tools: bool,
    fetch: Callable[[str], Media] | None = None,
) -> list[BaseMessage]:
    """A conversation as the class of a route's wire takes it.

    Args:
        messages: The conversation; it isn't changed.
        route: Where it goes.
        has_tools: Whether the request offers tools.
        fetch: Gets an image or document that the wire doesn't take by its address; left out,
            `turnout.conversation.media.fetch` with its limits.

    Returns:
        New messages, which the class may change.

    Raises:
        InvalidRequestError: No service could accept the conversation; the message names the place.
        UnsupportedError: The model or the wire can't take a part of it.
    """
    with _placed(route):
        turns = arranged(read(messages), route, has_tools=has_tools)
        places = _addresses(turns, route)
        if not places:
            found: Mapping[str, Media] = {}
        elif fetch is None:
            found = media.fetch_all(places, places=places)
        else:
            found = {url: fetch(url) for url in places}
        return _written(turns, route, found)


async def aportable_history(
    messages: Sequence[Any],
    route: Route,
    *,
    has_tools: bool,
    fetch: Callable[[str], Awaitable[Media]] | None = None,
) -> list[BaseMessage]:
    """As `portable_history`, fetching without blocking the event loop."""
    with _placed(route):
        turns = arranged(read(messages), route, has_tools=has_tools)
        places = _addresses(turns, route)
        if not places:
            found: Mapping[str, Media] = {}
        elif fetch is None:
            found = await media.afetch_all(places, places=places)
        else:
            found = dict(zip(places, await asyncio.gather(*map(fetch, places)), strict=True))
        return _written(turns, route, found)


def _addresses(turns: Sequence[Turn], route: Route) -> dict[str, str]:
    """What has to be fetched, in order, and the first message that names it."""
    places: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":  # whose files are only mentioned
            continue
        for part in turn.parts:
            if isinstance(part, Attachment) and part.url is not None and needs_fetching(part, route):
                places.setdefault(part.url, part.where or turn.where)
    return places


def _written(turns: Sequence[Turn], route: Route, fetched: Mapping[str, Media]) -> list[BaseMessage]:
    writer = Writer(route, Files(route, fetched))
    written = [message for turn in turns if (message := writer.message(turn)) is not None]
    if not written:
        msg = "there is nothing to answer: the conversation holds nothing that this service can read"
        raise InvalidRequestError(msg)
    return written


@contextmanager
def _placed(route: Route) -> Iterator[None]:
    """Errors say which backend and deployment were meant."""
    try:
        yield
    except InvalidRequestError as error:
        error.backend, error.deployment = route.backend, route.deployment
        raise
