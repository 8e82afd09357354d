"""Anthropic's Messages, its answers checked to be answers."""

from __future__ import annotations

from typing import Any

from turnout.transport.answers import checked, validation
from turnout.transport.answers.events import AsyncEvents, Events
from turnout.transport.answers.unreadable import UnreadableAnswerError, described


def checked_class(base: Any) -> Any:
    """The SDK's `Messages` or `AsyncMessages`, which raises `UnreadableAnswerError` for what is no message."""
    return checked.checked_class(base, _read)


def _read(made: Any) -> Any:
    import anthropic

    if isinstance(made, anthropic.Stream | anthropic.AsyncStream):
        return (Events if isinstance(made, anthropic.Stream) else AsyncEvents)(made, validation.message_event)
    if made is None or isinstance(made, str | list):
        raise UnreadableAnswerError(described(made))
    validation.message(made)
    return made
