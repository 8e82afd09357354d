"""Reading answers: what both frameworks say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from turnout.conversation.filters import found_in_answer
from turnout.conversation.finish import FINISH
from turnout.errors import ContentFilterError, ServiceConnectionError
from turnout.transport.answers.unreadable import nothing_streamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.routing import Route


_READ = (
    *("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
    *("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
)


def finish(raw: str, *, calls: bool = False, answered: bool = False) -> dict[str, str]:
    """Why an answer ended, as it says itself: in the one vocabulary, with the service's own reason beside it.

    Args:
        raw: The service's own reason.
        calls: Whether the answer calls a tool.
        answered: Whether a tool's call was made the text of the answer.
    """
    reason = FINISH.get(raw, raw)
    if reason == "tool_calls" and answered:
        reason = "stop"
    return {"finish_reason": "tool_calls" if reason == "stop" and calls else reason, "raw_finish_reason": raw}


def check_filter(route: Route, raw: str | None, metadata: Mapping[str, Any]) -> None:
    """Refuse an answer that a content filter or guardrail stopped.

    Args:
        route: Where it came from.
        raw: The service's own finish reason.
        metadata: What the service says of filters, as `turnout.conversation.filters` reads it.

    Raises:
        ContentFilterError: It was stopped.
    """
    if raw is None or FINISH.get(raw) != "content_filter":
        return
    msg = (
        f"a content filter stopped the answer of {route.deployment!r} on backend {route.backend!r} [{raw}]; "
        "ask otherwise, or change the deployment's filter or guardrail"
    )
    error = ContentFilterError(msg, backend=route.backend, deployment=route.deployment, code=raw)
    error.stage, error.categories = found_in_answer(raw, metadata)
    raise error


def broken_off(route: Route, *, begun: bool) -> Exception:
    """The error for a stream that ended without a finish reason.

    Args:
        route: Where it came from.
        begun: Whether anything came.
    """
    if not begun:
        return nothing_streamed(route)
    msg = (
        f"the stream of {route.deployment!r} on backend {route.backend!r} ended without a finish reason, so "
        "the answer is not whole; try again"
    )
    return ServiceConnectionError(msg, backend=route.backend, deployment=route.deployment)


def tool_arguments(arguments: Any) -> tuple[dict[str, Any], bool]:
    """A call's arguments as far as they can be read, and whether that is whole.

    Args:
        arguments: A dict, JSON, or the beginning of JSON.
    """
    if isinstance(arguments, dict):
        return arguments, True
    if arguments is None or arguments == "":
        return {}, True
    try:
        return _an_object(from_json(arguments)), True
    except (ValueError, TypeError):
        pass
    try:
        return _an_object(from_json(arguments, allow_partial="trailing-strings")), False
    except (ValueError, TypeError):
        return {}, False


def _an_object(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise TypeError


def token_counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Converse's or Messages' counts under OpenAI's names; what was read from a cache or written to one is read too."""
    read = sum(usage.get(name) or 0 for name in _READ)
    written = usage.get("outputTokens") or usage.get("output_tokens") or 0
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
