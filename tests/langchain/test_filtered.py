"""An answer that a filter stopped says at which stage, and what was found, streamed or not, on every wire."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.langchain.history_support import Bench
from turnout.errors import ContentFilterError
from turnout_emulator import Answer, Raw

if TYPE_CHECKING:
    from collections.abc import Callable


FOUND = {"violence": "medium", "protected_material_text": "detected"}
SCHEMA = {
    "title": "Depot",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}


async def _all(model: Any) -> list[Any]:
    return [chunk async for chunk in model.astream("x")]


CALLS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda model: model.invoke("x"),
    "stream": lambda model: list(model.stream("x")),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("x")),
    "astream": lambda model: asyncio.run(_all(model)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("backend", ["azure", "responses"])
def test_azures_verdict_on_an_answer(bench: Bench, backend: str, call: str) -> None:
    bench.emulator.queue(Answer("No.", filtered=FOUND))
    with pytest.raises(ContentFilterError) as caught:
        CALLS[call](bench.chat(backend))
    assert (caught.value.stage, caught.value.categories) == ("completion", FOUND)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("backend", ["azure", "responses"])
def test_azures_verdict_on_an_object(bench: Bench, backend: str, call: str) -> None:
    """With a schema the SDK would parse the answer, and its own error for a filtered one tells nothing."""
    bench.emulator.queue(Answer('{"name":', filtered={"hate": "high"}))
    with pytest.raises(ContentFilterError) as caught:
        CALLS[call](bench.chat(backend).with_structured_output(SCHEMA, method="json_schema"))
    assert (caught.value.stage, caught.value.categories) == ("completion", {"hate": "high"})


def test_an_answer_that_is_not_filtered_has_no_verdict_in_it(bench: Bench) -> None:
    for backend in ("azure", "responses"):
        answers = [bench.chat(backend).invoke("hello"), *bench.chat(backend).stream("hello")]
        assert all("content_filter" not in str(answer.response_metadata) for answer in answers)


def test_a_guardrails_findings(bench: Bench) -> None:
    content = {"contentPolicy": {"filters": [{"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"}]}}
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Blocked."}]}},
        "stopReason": "guardrail_intervened",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
        "trace": {"guardrail": {"outputAssessments": {"g": [content]}}},
    }
    bench.emulator.queue(Raw(200, {"content-type": "application/json"}, json.dumps(body)))
    with pytest.raises(ContentFilterError) as caught:
        bench.chat("bedrock").invoke("x")
    assert (caught.value.stage, caught.value.categories) == ("completion", {"violence": "high"})
