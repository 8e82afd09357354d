"""Anthropic's Messages, its answers checked to be answers."""

from __future__ import annotations

from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from turnout.clients import readable
from turnout.clients.events import AsyncEvents, Events
from turnout.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import anthropic


def check(client: anthropic.Anthropic | anthropic.AsyncAnthropic) -> None:
    """Have a client's `messages.create` raise `UnreadableAnswerError` for what is no message, raw ones too."""
    # A cached property of the SDK's: what is set takes the place of what it made.
    base: Any = type(client.messages)
    vars(client)["messages"] = _messages(base)(client)


@cache
def _messages(base: Any) -> Any:
    """A subclass of the SDK's `Messages` or `AsyncMessages`."""

    class Checked(base):  # type: ignore[misc] # the class comes when the SDK is first needed
        def create(self, **arguments: Any) -> Any:
            return _checked(super().create(**arguments))

    class AsyncChecked(base):  # type: ignore[misc] # likewise
        async def create(self, **arguments: Any) -> Any:
            return _checked(await super().create(**arguments))

    return AsyncChecked if base.__name__.startswith("Async") else Checked


def _checked(answered: Any) -> Any:
    """What the SDK's method gave: a message, a stream, or a raw response that is still to be parsed."""
    if not hasattr(answered, "http_response"):
        return _read(answered)
    parse = answered.parse

    def parsed(**options: Any) -> Any:
        made = parse(**options)
        return _read_later(made) if isawaitable(made) else _read(made)

    answered.parse = parsed
    return answered


async def _read_later(made: Awaitable[Any]) -> Any:
    return _read(await made)


def _read(made: Any) -> Any:
    import anthropic

    if isinstance(made, anthropic.Stream | anthropic.AsyncStream):
        return (Events if isinstance(made, anthropic.Stream) else AsyncEvents)(made, readable.message_event)
    if made is None or isinstance(made, str | list):
        raise UnreadableAnswerError(described(made))
    readable.message(made)
    return made
