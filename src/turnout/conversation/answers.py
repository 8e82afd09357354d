"""Reading answers: what both frameworks say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from turnout.conversation.filters import found_in_answer
from turnout.errors import ContentFilterError, ServiceConnectionError
from turnout.transport.answers.unreadable import nothing_streamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.routing import Route

FINISH = {
    # Chat Completions
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # From docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "model_context_window_exceeded": "length",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    # From docs.anthropic.com/en/api/messages
    "pause_turn": "pause",
    "refusal": "content_filter",
    # Responses
    "completed": "stop",
    "max_output_tokens": "length",
    "failed": "error",
}
"""Each service's finish reason → one of `stop`, `length`, `tool_calls`, `content_filter`, `pause`, `error`."""

_READ = (
    *("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
    *("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
)


def finish(raw: str, *, calls: bool = False, answered: bool = False) -> dict[str, str]:
    """Why an answer ended, in the one vocabulary, and in the service's own word.

    `calls` says whether it calls a tool, and `answered` whether a tool's call was made its text.
    """
    reason = FINISH.get(raw, raw)
    if reason == "tool_calls" and answered:
        reason = "stop"
    return {"finish_reason": "tool_calls" if reason == "stop" and calls else reason, "raw_finish_reason": raw}


def check_filter(route: Route, raw: str | None, metadata: Mapping[str, Any]) -> None:
    """Refuse an answer that a filter or guardrail stopped; `turnout.conversation.filters` reads the metadata."""
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
    """The error for a stream that ended without a finish reason, or before anything came."""
    if not begun:
        return nothing_streamed(route)
    msg = (
        f"the stream of {route.deployment!r} on backend {route.backend!r} ended without a finish reason, so "
        "the answer is not whole; try again"
    )
    return ServiceConnectionError(msg, backend=route.backend, deployment=route.deployment)


def tool_arguments(arguments: Any) -> tuple[dict[str, Any], bool]:
    """A call's arguments (a dict, JSON, or the beginning of JSON) as far as they can be read, and whether all can."""
    if isinstance(arguments, dict):
        return arguments, True
    if arguments is None or arguments == "":
        return {}, True
    for whole in (True, False):
        try:
            found = from_json(arguments, allow_partial=False if whole else "trailing-strings")
        except (ValueError, TypeError):
            continue
        if isinstance(found, dict):
            return found, whole
    return {}, False


def token_counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Converse's or Messages' counts under OpenAI's names; what was read from a cache or written to one is read too."""
    read = sum(usage.get(name) or 0 for name in _READ)
    written = usage.get("outputTokens") or usage.get("output_tokens") or 0
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
