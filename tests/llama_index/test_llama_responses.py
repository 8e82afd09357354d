"""Responses that end otherwise than well: one typed error, or an answer that says why it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from turnout import errors
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Raw

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

QUESTION = [ChatMessage("Well?")]
TEXT = {"type": "output_text", "text": "It is", "annotations": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "incomplete", "content": [TEXT]}
FILTER = {"blocked": True, "source_type": "completion", "content_filter_results": {"hate": {"filtered": True}}}


def response(**said: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": None,
        **said,
    }


@pytest.fixture(params=[False, True], ids=["whole", "streamed"], autouse=True)
def streamed(request: pytest.FixtureRequest, columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setenv("TURNOUT_BACKEND", "azure_responses")
    return bool(request.param)


async def answered(emulator: Emulator, streamed: bool, **said: Any) -> list[Any]:
    """What sync and async make of a response."""
    body = response(**said)
    given = Raw(200, {"content-type": "application/json"}, body)
    if streamed:
        event = {"type": f"response.{said['status']}", "sequence_number": 1, "response": body}
        text = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        given = Raw(200, {"content-type": "text/event-stream"}, text)
    llm, found = TurnoutLLM(max_retries=0), []
    for asynchronous in (False, True):
        emulator.queue(given)
        try:
            if streamed and asynchronous:
                answer = [piece async for piece in await llm.astream_chat(QUESTION)][-1]
            elif streamed:
                answer = list(llm.stream_chat(QUESTION))[-1]
            else:
                answer = await llm.achat(QUESTION) if asynchronous else llm.chat(QUESTION)
        except errors.TurnoutError as error:
            found.append(error)
        else:
            found.append(answer)
    return found


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", errors.ServerError),
        ("rate_limit_exceeded", errors.RateLimitError),
        ("context_length_exceeded", errors.ContextOverflowError),
        ("something_new", errors.ServerError),
        (None, errors.ServerError),
    ],
)
async def test_failed(
    code: str | None, kind: type[errors.ModelCallError], streamed: bool, fresh_emulator: Emulator
) -> None:
    error = None if code is None else {"code": code, "message": "It broke."}
    for found in await answered(fresh_emulator, streamed, status="failed", error=error):
        assert isinstance(found, kind)
        assert found.code == code
        assert ("It broke." if code else "the response failed") in str(found)


async def test_failed_for_a_filter(streamed: bool, fresh_emulator: Emulator) -> None:
    error = {"code": "content_filter", "message": "Filtered."}
    for found in await answered(
        fresh_emulator, streamed, status="failed", error=error, content_filters=[FILTER], output=[MESSAGE]
    ):
        assert isinstance(found, errors.ContentFilterError)
        assert (found.stage, found.categories) == ("completion", {"hate": "detected"})


async def test_incomplete_without_usage(streamed: bool, fresh_emulator: Emulator) -> None:
    details = {"reason": "max_output_tokens"}
    for found in await answered(
        fresh_emulator, streamed, status="incomplete", incomplete_details=details, output=[MESSAGE]
    ):
        assert found.message.content == "It is"
        assert found.additional_kwargs["finish_reason"] == "length"
        assert "prompt_tokens" not in found.additional_kwargs
