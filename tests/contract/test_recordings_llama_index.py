"""Recorded answers of the real services through TurnoutLLM, whole and streamed: what is parsed is right."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock

from tests.contract.replay import converse_parts, exchanges, frames, replay, responses_parts, settings
from tests.support.recordings import needs_recordings
from turnout.conversation.answers import FINISH
from turnout.errors import ContentFilterError
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llama_index.core.base.llms.types import ChatResponse

    from turnout_emulator import Emulator

pytestmark = [needs_recordings, pytest.mark.filterwarnings("ignore::UserWarning")]
QUESTION = [ChatMessage("x")]


def parts(answer: ChatResponse) -> tuple[str, list[tuple[str, Any, str | None]], str, list[str]]:
    """Text, tool calls, reasoning, and redacted reasoning of an answer."""
    blocks = answer.message.blocks
    thoughts = [block for block in blocks if isinstance(block, ThinkingBlock)]
    return (
        "".join(block.text for block in blocks if isinstance(block, TextBlock)),
        [(b.tool_name, b.tool_kwargs, b.tool_call_id) for b in blocks if isinstance(b, ToolCallBlock)],
        "".join(block.content or "" for block in thoughts),
        [block.additional_information["redacted"] for block in thoughts if "redacted" in block.additional_information],
    )


def check_said(answer: ChatResponse, *, raw: str, usage: tuple[int, int], model: str, request_id: str) -> None:
    """Why it ended, what it cost, who answered."""
    said, calls = answer.additional_kwargs, parts(answer)[1]
    finish = FINISH[raw]
    assert said["raw_finish_reason"] == raw
    assert said["finish_reason"] == ("tool_calls" if calls and finish == "stop" else finish)
    assert (said["prompt_tokens"], said["completion_tokens"], said["total_tokens"]) == (*usage, sum(usage))
    assert (said["model"], said["request_id"]) == (model, request_id)
    raw_usage = answer.raw["usage"] if isinstance(answer.raw, dict) else answer.raw.usage.model_dump()  # type: ignore[union-attr]
    assert (raw_usage["prompt_tokens"], raw_usage["completion_tokens"]) == usage  # where TokenCountingHandler reads
    calls_kept = answer.message.additional_kwargs.get("tool_calls", [])
    kept = [(c["function"]["name"], json.loads(c["function"]["arguments"]), c["id"]) for c in calls_kept]
    assert kept == calls


def converse_usage(usage: Mapping[str, int]) -> tuple[int, int]:
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    return usage["inputTokens"] + cached, usage["outputTokens"]


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse"))
def test_converse(emulator: Emulator, exchange: Any) -> None:
    recorded = exchange["response_json"]
    if exchange["status"] != 200:
        pytest.skip("an error: the tables are the same for both frameworks")
    llm = TurnoutLLM(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    if FINISH[recorded["stopReason"]] == "content_filter":
        with pytest.raises(ContentFilterError):
            llm.chat(QUESTION)
        return
    answer = llm.chat(QUESTION)
    content = recorded["output"]["message"]["content"]
    hidden = [block["reasoningContent"].get("redactedContent") for block in content if "reasoningContent" in block]
    assert parts(answer) == (*converse_parts(content), [data for data in hidden if data])
    check_said(
        answer,
        raw=recorded["stopReason"],
        usage=converse_usage(recorded["usage"]),
        model=llm.route.deployment,
        request_id="recorded",
    )


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("exchange", exchanges("bedrock-converse-stream"))
async def test_converse_stream(emulator: Emulator, exchange: Any, asynchronous: bool) -> None:
    llm = TurnoutLLM(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    if asynchronous:
        pieces = [piece async for piece in await llm.astream_chat(QUESTION)]
    else:
        pieces = list(llm.stream_chat(QUESTION))
    events = frames(exchange)
    deltas = [payload["delta"] for kind, payload in events if kind == "contentBlockDelta"]
    starts = [payload["start"]["toolUse"] for kind, payload in events if "toolUse" in payload.get("start", {})]
    thoughts = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    text, calls, reasoning, redacted = parts(pieces[-1])
    assert text == "".join(delta.get("text", "") for delta in deltas)
    assert "".join(piece.delta or "" for piece in pieces) == text
    assert [(name, call_id) for name, _, call_id in calls] == [(one["name"], one["toolUseId"]) for one in starts]
    written = "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta)
    assert [json.loads(written or "{}") for _ in starts] == [arguments for _, arguments, _ in calls]
    assert reasoning == "".join(thought.get("text", "") for thought in thoughts)
    # In pieces, each of them base64 of its own.
    hidden = b"".join(base64.b64decode(thought.get("redactedContent", "")) for thought in thoughts)
    assert b"".join(map(base64.b64decode, redacted)) == hidden
    signatures = [
        block.additional_information.get("signature")
        for block in pieces[-1].message.blocks
        if isinstance(block, ThinkingBlock)
    ]
    assert [one for one in signatures if one] == [one["signature"] for one in thoughts if one.get("signature")]
    check_said(
        pieces[-1],
        raw=next(payload["stopReason"] for kind, payload in events if kind == "messageStop"),
        usage=converse_usage(next(payload["usage"] for kind, payload in events if kind == "metadata")),
        model=llm.route.deployment,
        request_id="recorded",
    )


@pytest.mark.parametrize("exchange", [*exchanges("bedrock-mantle"), *exchanges("azure-openai")])
def test_openais_wires(emulator: Emulator, exchange: Any) -> None:
    llm = TurnoutLLM(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    answer, recorded = llm.chat(QUESTION), exchange["response_json"]
    usage = recorded["usage"]
    if "output" in recorded:
        text, calls = responses_parts(recorded)
        items = [item for item in recorded["output"] if item["type"] == "reasoning"]
        reasoning = "".join(part["text"] for item in items for part in [*(item.get("content") or []), *item["summary"]])
        assert parts(answer) == (text, calls, reasoning, [])
        sealed = [
            block.additional_information.get("encrypted_content")
            for block in answer.message.blocks
            if isinstance(block, ThinkingBlock)
        ]
        assert sealed == [item.get("encrypted_content") for item in items]
        raw, counts = recorded["status"], (usage["input_tokens"], usage["output_tokens"])
    else:
        choice = recorded["choices"][0]
        assert parts(answer) == (choice["message"]["content"], [], "", [])
        raw, counts = choice["finish_reason"], (usage["prompt_tokens"], usage["completion_tokens"])
    check_said(answer, raw=raw, usage=counts, model=recorded["model"], request_id=recorded["id"])


@pytest.mark.parametrize("exchange", [*exchanges("bedrock-mantle"), *exchanges("azure-openai")])
async def test_openais_wires_async(emulator: Emulator, exchange: Any) -> None:
    llm = TurnoutLLM(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    whole = llm.chat(QUESTION)
    replay(emulator, exchange)
    assert parts(await llm.achat(QUESTION)) == parts(whole)
