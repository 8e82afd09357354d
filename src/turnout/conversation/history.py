"""Conversations that go on on another backend.

A history may come from any service, by way of any framework's integration, and from a store. A framework reads it into
turns; here they are put in the order that the wire wants, and their parts fitted to it; the framework writes them as
what its class takes. Reasoning and other blocks that only their service can read are kept for that service and left
out for others. What no service would accept is refused before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.conversation import fetching
from turnout.conversation.attachments import Attachments, addresses
from turnout.conversation.caching import mark_prompt
from turnout.conversation.ordering import arranged
from turnout.conversation.parts import fit_parts
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from turnout.conversation.media import Media
    from turnout.conversation.request import Fitted
    from turnout.conversation.turns import Turn
    from turnout.routing import Route


def prepare(read: Callable[[], list[Turn]], route: Route, fitted: Fitted, *, allow_private: bool = False) -> list[Turn]:
    """A conversation as a route's wire takes it; what no service could accept is refused, and its place named."""
    try:
        turns = arranged(read(), route, fitted)
        places = addresses(turns, route)
        fetched = fetching.fetch_all(places, allow_private=allow_private) if places else {}
        return _settled(turns, route, fitted, fetched)
    except InvalidRequestError as error:
        raise _named(error, route)  # noqa: B904 - the same one


async def aprepare(
    read: Callable[[], list[Turn]], route: Route, fitted: Fitted, *, allow_private: bool = False
) -> list[Turn]:
    """As `prepare`, fetching without blocking the event loop."""
    try:
        turns = arranged(read(), route, fitted)
        places = addresses(turns, route)
        fetched = await fetching.afetch_all(places, allow_private=allow_private) if places else {}
        return _settled(turns, route, fitted, fetched)
    except InvalidRequestError as error:
        raise _named(error, route)  # noqa: B904 - the same one


def _settled(turns: Sequence[Turn], route: Route, fitted: Fitted, fetched: Mapping[str, Media]) -> list[Turn]:
    """Turns in order, changed into what the wire takes, without those that are empty."""
    attachments = Attachments(route, fetched)
    for turn in turns:
        fit_parts(turn, route, attachments)
    kept = [turn for turn in turns if turn.parts or turn.role == "tool"]
    if not kept:
        raise InvalidRequestError(
            "there is nothing to answer: the conversation holds nothing that this service can read"
        )
    if fitted.cache is not None:
        tools = fitted.arguments.get("toolConfig", {}).get("tools", ())
        mark_prompt(kept, fitted.cache, route, in_tools=sum("cachePoint" in tool for tool in tools))
    return kept


def _named(error: InvalidRequestError, route: Route) -> InvalidRequestError:
    """An error that names the backend and deployment."""
    error.backend, error.deployment = route.backend, route.deployment
    return error
