"""What a content filter or guardrail says that it found, in each service's words → stage and categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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


def found(body: Mapping[str, Any]) -> Findings:
    """What a filter found, by an answer, a chunk of one, or the body of an error.

    Args:
        body: Chat Completions (`choices`, `prompt_filter_results`), Responses (`content_filters`), Converse (`trace`),
            Messages (`stop_details`) or Azure's error (`innererror`), as plain JSON.
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
