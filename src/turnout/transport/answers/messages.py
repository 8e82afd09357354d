"""Anthropic's Messages: answers checked to be answers."""

from __future__ import annotations

from typing import Any

from turnout.transport.answers import validation
from turnout.transport.answers.events import Events
from turnout.transport.answers.unreadable import UnreadableAnswerError, described


def read(made: Any) -> Any:
    """Check what the SDK made of an answer."""
    import anthropic

    if isinstance(made, anthropic.Stream | anthropic.AsyncStream):
        return Events(made, validation.message_event)
    if made is None or isinstance(made, str | list):
        raise UnreadableAnswerError(described(made))
    validation.message(made)
    return made
