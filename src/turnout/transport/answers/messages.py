"""Anthropic's Messages, its answers checked to be answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.transport.answers import checked, readable
from turnout.transport.answers.events import AsyncEvents, Events
from turnout.transport.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    import anthropic


def check(client: anthropic.Anthropic | anthropic.AsyncAnthropic) -> None:
    """Have a client's `messages.create` raise `UnreadableAnswerError` for what is no message, raw ones too."""
    checked.check(client, "messages", _read)


def _read(made: Any) -> Any:
    import anthropic

    if isinstance(made, anthropic.Stream | anthropic.AsyncStream):
        return (Events if isinstance(made, anthropic.Stream) else AsyncEvents)(made, readable.message_event)
    if made is None or isinstance(made, str | list):
        raise UnreadableAnswerError(described(made))
    readable.message(made)
    return made
