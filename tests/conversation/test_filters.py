"""What filters say, in each service's words."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.conversation.answers import NOTHING, found, found_in_answer

HIGH = {"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED", "detected": True}


def guardrail(**said: Any) -> dict[str, Any]:
    return {"trace": {"guardrail": {"actionReason": "x", "modelOutput": [], **said}}}


@pytest.mark.parametrize(
    ("assessment", "categories"),
    [
        ({"contentPolicy": {"filters": [HIGH, {**HIGH, "type": "HATE", "action": "NONE"}]}}, {"violence": "high"}),
        (
            {"topicPolicy": {"topics": [{"name": "Tax Advice", "type": "DENY", "action": "BLOCKED"}]}},
            {"Tax Advice": "detected"},
        ),
        ({"wordPolicy": {"customWords": [{"match": "secret", "action": "BLOCKED"}]}}, {"custom word": "detected"}),
        (
            {
                "wordPolicy": {
                    "customWords": [],
                    "managedWordLists": [{"match": "x", "type": "PROFANITY", "action": "BLOCKED"}],
                }
            },
            {"profanity": "detected"},
        ),
        (
            {
                "sensitiveInformationPolicy": {
                    "piiEntities": [{"match": "4242", "type": "PIN", "action": "BLOCKED"}],
                    "regexes": [{"name": "Badge", "match": "B-1", "action": "ANONYMIZED"}],
                }
            },
            {"pin": "detected", "Badge": "detected"},
        ),
        (
            {
                "contextualGroundingPolicy": {
                    "filters": [{"type": "GROUNDING", "threshold": 0.7, "score": 0.1, "action": "BLOCKED"}]
                }
            },
            {"grounding": "detected"},
        ),
    ],
)
def test_what_a_guardrail_assessed(assessment: dict[str, Any], categories: dict[str, str]) -> None:
    nothing: dict[str, Any] = {"g": {"invocationMetrics": {}}}
    assert found(guardrail(inputAssessment={"g": assessment})) == ("prompt", categories)
    at_the_end = guardrail(inputAssessment=nothing, outputAssessments={"g": [{}, assessment]})
    assert found(at_the_end) == ("completion", categories)


def test_nothing_found() -> None:
    assert found({}) == NOTHING
    assert found(guardrail(inputAssessment={"g": {}}, outputAssessments={"g": [{}]})) == NOTHING
    assert found({"choices": [{"content_filter_results": {"hate": {"filtered": False}}}], "trace": None}) == NOTHING
    assert found({"stop_details": {"type": "refusal", "category": None}}) == NOTHING


def test_azure_names_the_stage() -> None:
    jailbreak = {"jailbreak": {"filtered": True, "detected": True}, "hate": {"filtered": False, "severity": "safe"}}
    assert found({"prompt_filter_results": [{"content_filter_results": jailbreak}]}) == (
        "prompt",
        {"jailbreak": "detected"},
    )
    for source in ("prompt", "completion"):
        result = {"blocked": True, "source_type": source, "content_filter_results": jailbreak}
        assert found({"content_filters": [result]}) == (source, {"jailbreak": "detected"})


def test_an_answer_that_a_filter_stopped_without_a_word() -> None:
    assert found_in_answer("content_filter", {}) == ("completion", {})
    assert found_in_answer("guardrail_intervened", {}) == (None, {})
