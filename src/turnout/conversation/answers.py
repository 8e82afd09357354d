"""Reading answers: what both frameworks say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from turnout.conversation.filters import found_in_answer
from turnout.errors import ContentFilterError, ServiceConnectionError
from turnout.transport.answers.unreadable import nothing_streamed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from turnout.routing import Route

# Chat Completions' words; docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html;
# docs.anthropic.com/en/api/messages; and the status, or what an incomplete answer lacks, of Responses.
_REASONS = {
    "stop": "stop end_turn stop_sequence completed",
    "length": "length max_tokens model_context_window_exceeded max_output_tokens",
    "tool_calls": "tool_calls function_call tool_use",
    "content_filter": "content_filter content_filtered guardrail_intervened refusal",
    "pause": "pause_turn",
    "error": "malformed_model_output malformed_tool_use failed",
}
FINISH = {raw: reason for reason, raws in _REASONS.items() for raw in raws.split()}
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


class AnswerStream:
    """Makes text of the call of `tool`, which is the answer since the model can't be held to a form otherwise.

    Words before that call are none of the answer: they wait until it is clear what they belong to. Other calls come
    before the answer: with one of them in the message, the answer's own was made too early, and is dropped.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self.index: Any = None
        self._dropped: set[Any] = set()
        self._waiting = ""
        self._other = False

    @property
    def answered(self) -> bool:
        """Whether the answer is the text so far."""
        return self.index is not None and not self._other

    @property
    def hidden(self) -> set[Any]:
        """Indexes of the calls that the answer doesn't show: the one that is its text, and those that are dropped."""
        return self._dropped | ({self.index} - {None})

    def take(self, words: str, calls: Iterable[tuple[Any, str | None, str]]) -> str:
        """What the answer says in a piece: words, and index, name (where it begins) and arguments of each call."""
        text = ""
        for index, name, arguments in calls:
            if name == self._tool:
                if self.index is None and not self._other:
                    self.index = index
                else:  # a second answer, or one that was made too early
                    self._dropped.add(index)
            if index in self._dropped:
                continue
            if self.index is not None and index == self.index:
                text += arguments
            else:
                self._other = True
        self._waiting += words
        if self._other and not self.answered:
            text, self._waiting = self._waiting + text, ""
        return text

    def rest(self) -> str:
        """The words that waited, of an answer that has no such call at all; empty if there are none."""
        words, self._waiting = ("" if self.index is not None else self._waiting), ""
        return words
