"""What a stream says in its last event only, or in an event that a framework's class passes over, is kept."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from tests.support.frameworks import FRAMEWORKS, Chat
from turnout.errors import InvalidRequestError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Emulator, Raw

if TYPE_CHECKING:
    from pathlib import Path

ENCRYPTED = "Z0FBQUFBQm9uaw=="


@pytest.fixture(autouse=True)
def every_wire(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "all.toml").write_text(fresh_emulator.settings_toml(every_wire=True), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(tmp_path / "all.toml"))


def sse(*events: dict[str, Any]) -> Raw:
    text = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return Raw(200, {"content-type": "text/event-stream"}, text)


def responses(*, summary: str, late: bool, output: bool = True) -> Raw:
    """A stream of Responses with encrypted reasoning: in its own event, as the API has it, or in the last one only."""
    parts = [{"type": "summary_text", "text": summary}] if summary else []
    thought = {"id": "rs_1", "type": "reasoning", "summary": parts}
    full = {**thought, "encrypted_content": ENCRYPTED}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    text = {"type": "output_text", "text": "Yes.", "annotations": []}
    made = {"id": "resp_1", "object": "response", "model": "gpt-5", "created_at": 1}
    place = {"output_index": 0, "item_id": "rs_1", "summary_index": 0}
    summaries = [
        {"type": "response.reasoning_summary_part.added", **place, "part": {"type": "summary_text", "text": ""}},
        {"type": "response.reasoning_summary_text.delta", **place, "delta": summary},
    ]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**made, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**thought, "summary": []}},
        *(summaries if summary else []),
        {"type": "response.output_item.done", "output_index": 0, "item": thought if late else full},
        {"type": "response.output_item.added", "output_index": 1, "item": {**said, "content": []}},
        {
            "type": "response.output_text.delta",
            "output_index": 1,
            "content_index": 0,
            "item_id": "msg_1",
            "delta": "Yes.",
        },
        {"type": "response.output_item.done", "output_index": 1, "item": {**said, "content": [text]}},
        {
            "type": "response.completed",
            "response": {
                **made,
                "status": "completed",
                "output": [full, {**said, "content": [text]}] if output else [],
            },
        },
    ]
    return sse(*({**event, "sequence_number": number} for number, event in enumerate(events)))


def answered(framework: str, *, asynchronous: bool) -> tuple[str, list[Any]]:
    """A streamed answer's text, and a history in which it is."""
    if framework == "langchain":
        chat = ChatTurnout(model="responses", backend="azure")

        async def chunks() -> list[Any]:
            return [chunk async for chunk in chat.astream("x")]

        whole, *rest = asyncio.run(chunks()) if asynchronous else list(chat.stream("x"))
        for chunk in rest:
            whole = whole + chunk
        return whole.text, [HumanMessage("x"), whole, HumanMessage("Sure?")]
    llm = TurnoutLLM(model="responses", backend="azure")

    async def pieces() -> list[Any]:
        return [piece async for piece in await llm.astream_chat([ChatMessage("x")])]

    *_, last = asyncio.run(pieces()) if asynchronous else llm.stream_chat([ChatMessage("x")])
    return last.message.content or "", [ChatMessage("x"), last.message, ChatMessage("Sure?")]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("summary", ["", "Perhaps."])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_encrypted_reasoning_of_the_last_event_goes_back(
    framework: str, summary: str, late: bool, asynchronous: bool, fresh_emulator: Emulator
) -> None:
    fresh_emulator.queue(responses(summary=summary, late=late))
    text, history = answered(framework, asynchronous=asynchronous)
    assert text == "Yes."
    model: Any = ChatTurnout if framework == "langchain" else TurnoutLLM
    made = model(model="responses", backend="azure")
    ask = made.invoke if framework == "langchain" else made.chat
    with pytest.raises(InvalidRequestError, match="could not be verified"):  # the emulator didn't encrypt it
        ask(history)
    sent = [item for item in fresh_emulator.requests[-1].body["input"] if item.get("type") == "reasoning"]
    shown = [{"type": "summary_text", "text": summary}] if summary else []
    assert [(item["encrypted_content"], item["summary"]) for item in sent] == [(ENCRYPTED, shown)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_last_event_may_leave_the_output_out(framework: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(responses(summary="", late=False, output=False))
    assert answered(framework, asynchronous=False)[0] == "Yes."


MESSAGE: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [],
    "stop_reason": None,
}
ONCE: tuple[dict[str, Any], ...] = ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},)
EACH: tuple[dict[str, Any], ...] = (
    {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"input_tokens": 5, "output_tokens": 3}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 5}},
)


@pytest.mark.parametrize("deltas", [ONCE, EACH], ids=["in its place", "in each event"])
@pytest.mark.parametrize("way", ["stream", "async-stream"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_claudes_counts_are_those_of_all_events(
    framework: str, way: str, deltas: tuple[dict[str, Any], ...], fresh_emulator: Emulator
) -> None:
    last = {**deltas[-1], "usage": {**deltas[-1]["usage"], "output_tokens": 7}}
    cached = {"cache_read_input_tokens": 2, "cache_creation_input_tokens": 0}
    fresh_emulator.queue(
        sse(
            {
                "type": "message_start",
                "message": {**MESSAGE, "usage": {"input_tokens": 5, "output_tokens": 1, **cached}},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes."}},
            {"type": "content_block_stop", "index": 0},
            *deltas[:-1],
            last,
            {"type": "message_stop"},
        )
    )
    if framework == "langchain":
        chat = ChatTurnout(model="claude", backend="azure")

        async def chunks() -> list[Any]:
            return [chunk async for chunk in chat.astream("x")]

        whole, *rest = asyncio.run(chunks()) if "async" in way else list(chat.stream("x"))
        for chunk in rest:
            whole = whole + chunk
        counted: Any = whole.usage_metadata
        assert counted["input_token_details"]["cache_read"] == 2
        assert (counted["output_tokens"], counted["total_tokens"]) == (7, 14)
    else:
        counts = Chat(framework, model="claude", backend="azure").ask(way).metadata
        assert (counts["completion_tokens"], counts["total_tokens"]) == (7, 14)
