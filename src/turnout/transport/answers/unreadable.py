"""What a service sent with success, and can't be read as an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from turnout.routing import Route

_MOST_SAID = 2_000  # characters of what a service sent that an error's message holds


class UnreadableAnswerError(Exception):
    """What arrived is no answer. It stays inside a call: `turnout.calls.classification` makes a typed error of it.

    Attributes:
        codes: The service's own names for what is wrong, if it sent an error in the place of an answer.
        may_pass: Whether the same request may get an answer later.
    """

    def __init__(self, reason: str, *, codes: tuple[Any, ...] = (), may_pass: bool = True) -> None:
        super().__init__(shortened(reason))
        self.codes = codes
        self.may_pass = may_pass

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """What reading an answer failed with."""
        made = cls(f"{type(error).__name__}: {error}")
        made.__cause__ = error
        return made

    @classmethod
    def reported(cls, error: Any) -> Self:
        """An error that came in the place of an answer, in OpenAI's form or Anthropic's."""
        if not isinstance(error, dict):
            return cls(f"an error in the place of an answer: {error}")
        codes = tuple(error.get(name) for name in ("code", "type", "status"))
        return cls(str(error.get("message") or error), codes=codes)


def shortened(text: str) -> str:
    """A text as an error's message has it; what a service sends may be of any length."""
    return text if len(text) <= _MOST_SAID else f"{text[: _MOST_SAID - 1]}…"


def described(found: Any) -> str:
    """What arrived instead of an object."""
    if found is None:
        return "it is null"
    if isinstance(found, str):
        return f"it is no JSON: {found[:_MOST_SAID]!r}" if found.strip() else "it is empty"
    return f"it is a {type(found).__name__}: {str(found)[:_MOST_SAID]}"


def nothing_streamed(route: Route) -> UnreadableAnswerError:
    """The error for a stream that ended without a single event."""
    return UnreadableAnswerError(f"the stream of {route.deployment!r} had nothing of an answer in it")
