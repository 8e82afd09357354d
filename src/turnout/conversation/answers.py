"""Reading answers: why they ended, what a filter found in them, the calls and the text that they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from turnout.errors import ContentFilterError, ServiceConnectionError
from turnout.transport.answers.unreadable import nothing_streamed

if TYPE_CHECKING:
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


_CACHED = ("cacheReadInputTokens", "cache_read_input_tokens", "cache_read")
_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")


def cached_tokens(usage: Any) -> int:
    """The tokens that a service says it took from its cache, in its own words, LangChain's or the SDK's object."""
    if usage is not None and not isinstance(usage, Mapping):
        usage = usage.model_dump(warnings=False)
    if not usage:
        return 0
    details = next((found for name in _DETAILS if isinstance(found := usage.get(name), Mapping)), {})
    found = [usage.get(name) for name in _CACHED] + [details.get("cached_tokens"), details.get("cache_read")]
    return max((count for count in found if isinstance(count, int)), default=0)


Findings = tuple[str | None, dict[str, str]]
"""`prompt` or `completion` (None where the service doesn't say), and category → severity, or `detected`."""

NOTHING: Findings = (None, {})

# The members of a guardrail's assessment that list what was found, and what names a finding in each. `match` names
# none: it is the text that was filtered.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailAssessment.html
_ASSESSED = {
    ("contentPolicy", "filters"): "type",
    ("topicPolicy", "topics"): "name",
    ("wordPolicy", "customWords"): "",
    ("wordPolicy", "managedWordLists"): "type",
    ("sensitiveInformationPolicy", "piiEntities"): "type",
    ("sensitiveInformationPolicy", "regexes"): "name",
    ("contextualGroundingPolicy", "filters"): "type",
}


def finish(raw: str, *, calls: bool = False, answered: bool = False) -> dict[str, str]:
    """Why an answer ended, in the one vocabulary, and in the service's own word.

    `calls` says whether it calls a tool, and `answered` whether a tool's call was made its text.
    """
    reason = FINISH.get(raw, raw)
    if reason == "tool_calls" and answered:
        reason = "stop"
    return {"finish_reason": "tool_calls" if reason == "stop" and calls else reason, "raw_finish_reason": raw}


def check_filter(route: Route, raw: str | None, metadata: Mapping[str, Any]) -> None:
    """Refuse an answer that a filter or guardrail stopped; `found` reads the metadata."""
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
    place = f"{route.deployment!r} on backend {route.backend!r}"
    msg = f"the stream of {place} ended without a finish reason, so the answer is not whole; try again"
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


def found(body: Mapping[str, Any]) -> Findings:
    """What a filter found, by an answer, a chunk of one, or the body of an error, as plain JSON.

    It is of Chat Completions (`choices`, `prompt_filter_results`), Responses (`content_filters`), Converse (`trace`),
    Messages (`stop_details`) or Azure's error (`innererror`).
    """
    by_stage: dict[str, dict[str, str]] = {"prompt": {}, "completion": {}}
    for stage, name, severity in _each(body):
        by_stage[stage][name] = severity
    return next(((stage, names) for stage, names in by_stage.items() if names), NOTHING)


def found_in_answer(raw_finish: str, body: Mapping[str, Any]) -> Findings:
    """What a filter found that stopped an answer; a guardrail without a trace doesn't say at which stage."""
    stage, categories = found(body)
    return stage or (None if raw_finish == "guardrail_intervened" else "completion"), categories


def _each(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Stage, category and severity of each finding."""
    for stage, results in _azure(body):
        for name, severity in filtered_categories(results).items():
            yield stage, name, severity
    guardrail = _mapping(_mapping(body.get("trace")).get("guardrail"))
    for assessment in _mapping(guardrail.get("inputAssessment")).values():
        yield from (("prompt", *finding) for finding in _assessed(assessment))
    for assessments in _mapping(guardrail.get("outputAssessments")).values():
        for assessment in assessments:
            yield from (("completion", *finding) for finding in _assessed(assessment))
    category = _mapping(body.get("stop_details")).get("category")
    if category:  # https://docs.anthropic.com/en/docs/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals
        yield "completion", str(category), "detected"


def _azure(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Stage and result of each of Azure's filters.

    Source: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-annotations
    """
    yield "prompt", _mapping(body.get("innererror")).get("content_filter_result")
    for prompt in _mappings(body.get("prompt_filter_results")):
        yield "prompt", prompt.get("content_filter_results")
    for choice in _mappings(body.get("choices")):
        yield "completion", choice.get("content_filter_results")
    for result in _mappings(body.get("content_filters")):
        stage = "prompt" if result.get("source_type") == "prompt" else "completion"
        yield stage, result.get("content_filter_results")


def filtered_categories(result: Any) -> dict[str, str]:
    """The categories of an Azure filter's result that made it filter."""
    return {
        name: str(finding.get("severity") or "detected")
        for name, finding in _mapping(result).items()
        if isinstance(finding, Mapping) and finding.get("filtered")
    }


def _assessed(assessment: Any) -> Iterator[tuple[str, str]]:
    """Category and severity of what a guardrail acted upon."""
    for (policy, member), naming in _ASSESSED.items():
        for finding in _mappings(_mapping(_mapping(assessment).get(policy)).get(member)):
            if finding.get("action", "BLOCKED") != "NONE":
                name = str(finding.get(naming) or "custom word")
                confidence = str(finding.get("confidence") or "detected")
                yield (name if naming == "name" else name.lower()), confidence.lower()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
