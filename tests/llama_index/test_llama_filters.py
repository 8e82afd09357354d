"""What a filter found, said by the one error: on every wire, streamed or not."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from turnout.errors import ContentFilterError
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Failure, Raw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout_emulator import Emulator
    from turnout_emulator.answers import Queueable

FILTERED = {"violence": "high", "self_harm": "medium"}
GUARDRAIL = {"guardrailIdentifier": "guard", "guardrailVersion": "1", "trace": "enabled"}
SAFE = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": True, "severity": "high"}}
QUESTION = [ChatMessage("How?")]


pytestmark = pytest.mark.usefixtures("columns_file")


def errors(emulator: Emulator, backend: str, given: Queueable, **arguments: Any) -> list[ContentFilterError]:
    """The errors of all four ways of asking."""
    llm = TurnoutLLM(backend=backend)

    async def whole() -> None:
        await llm.achat(QUESTION, **arguments)

    async def pieces() -> None:
        async for _ in await llm.astream_chat(QUESTION, **arguments):
            pass

    raised = []
    for call in (
        lambda: llm.chat(QUESTION, **arguments),
        lambda: list(llm.stream_chat(QUESTION, **arguments)),
        lambda: asyncio.run(whole()),
        lambda: asyncio.run(pieces()),
    ):
        emulator.queue(given)
        with pytest.raises(ContentFilterError) as caught:
            call()
        raised.append(caught.value)
    return raised


def said(raised: list[ContentFilterError]) -> tuple[str | None, Mapping[str, str]]:
    """Stage and categories, which are the same in all and survive pickling."""
    found = [(one.stage, dict(one.categories)) for one in raised]
    found += [(one.stage, dict(one.categories)) for one in map(pickle.loads, map(pickle.dumps, raised))]
    assert all(one == found[0] for one in found), found
    return found[0]


@pytest.mark.parametrize("backend", ["azure", "azure_dated", "azure_responses"])
def test_a_prompt_on_azure(backend: str, fresh_emulator: Emulator) -> None:
    raised = errors(fresh_emulator, backend, Failure.content_filter(FILTERED))
    assert said(raised) == ("prompt", FILTERED)
    assert {one.status for one in raised} == {400}


@pytest.mark.parametrize("backend", ["azure", "azure_dated", "azure_responses"])
def test_an_answer_on_azure(backend: str, fresh_emulator: Emulator) -> None:
    given = Answer("No, no, no.", finish="content_filter", filtered=FILTERED)
    assert said(errors(fresh_emulator, backend, given)) == ("completion", FILTERED)


@pytest.mark.parametrize("backend", ["openai", "azure_claude", "bedrock_claude"])
def test_an_answer_where_the_service_names_no_category(backend: str, fresh_emulator: Emulator) -> None:
    assert said(errors(fresh_emulator, backend, Answer("No.", finish="content_filter"))) == ("completion", {})


def test_a_guardrail_with_its_trace(fresh_emulator: Emulator) -> None:
    given = Answer("Blocked.", finish="guardrail", filtered=FILTERED)
    raised = errors(fresh_emulator, "bedrock_nova", given, guardrailConfig=GUARDRAIL)
    assert said(raised) == ("prompt", FILTERED)
    assert {one.code for one in raised} == {"guardrail_intervened"}


def test_a_guardrail_without_a_trace_says_nothing(fresh_emulator: Emulator) -> None:
    raised = errors(fresh_emulator, "bedrock_nova", Answer("Blocked.", finish="guardrail", filtered=FILTERED))
    assert said(raised) == (None, {})


def test_what_claude_writes_is_filtered_as_it_is_written(fresh_emulator: Emulator) -> None:
    assert said(errors(fresh_emulator, "azure_claude", Failure.content_filter())) == ("completion", {})


def test_claude_names_what_it_refuses(fresh_emulator: Emulator) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None}
    usage = {"input_tokens": 3, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_sequence": None,
    }
    ended = {"stop_reason": "refusal", "stop_details": details}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
        {"type": "message_delta", "delta": {**ended, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    llm = TurnoutLLM(backend="azure_claude")
    whole = json.dumps({**message, **ended, "usage": usage})
    fresh_emulator.queue(
        Raw(200, {"content-type": "application/json"}, whole), Raw(200, {"content-type": "text/event-stream"}, stream)
    )
    for call in (lambda: llm.chat(QUESTION), lambda: list(llm.stream_chat(QUESTION))):
        with pytest.raises(ContentFilterError) as caught:
            call()
        assert (caught.value.stage, caught.value.categories) == ("completion", {"cyber": "detected"})


def test_a_verdict_in_a_chunk_of_its_own(fresh_emulator: Emulator) -> None:
    """Azure's asynchronous filter speaks in chunks without content, before the one that ends the answer."""
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5"}
    choices: list[dict[str, Any]] = [
        {"delta": {"role": "assistant", "content": "N"}, "finish_reason": None},
        {"delta": {}, "finish_reason": None, "content_filter_results": SAFE, "content_filter_offsets": {}},
        {"delta": {}, "finish_reason": "content_filter"},
    ]
    chunks = [json.dumps({**head, "choices": [{"index": 0, **choice}]}) for choice in choices]
    body = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"])
    fresh_emulator.queue(Raw(200, {"content-type": "text/event-stream"}, body))
    with pytest.raises(ContentFilterError) as caught:
        list(TurnoutLLM(backend="azure").stream_chat(QUESTION))
    assert (caught.value.stage, caught.value.categories) == ("completion", {"violence": "high"})
