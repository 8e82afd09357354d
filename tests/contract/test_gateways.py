"""Answers in another form than the API's, as compatible servers and gateways send them: each is the right answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Emulator, Raw

if TYPE_CHECKING:
    from pathlib import Path

HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
ASKED = [ChatMessage("When does the depot open?")]
TEXT = "The depot"


pytestmark = pytest.mark.usefixtures("settings_file")


def chunk(delta: Any, reason: Any = None, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def usage(written: int) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": 5, "completion_tokens": written, "total_tokens": 5 + written}}


def piece(arguments: Any, **members: Any) -> dict[str, Any]:
    """A piece of a call of `look`, in a chunk."""
    given = {"index": 0, "id": "call_1", "type": "function", "name": "look", **members}
    name = given.pop("name")
    return chunk({"tool_calls": [{**given, "function": {"name": name, "arguments": arguments}}]})


def sse(chunks: list[dict[str, Any]]) -> Raw:
    text = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
    return Raw(200, {"content-type": "text/event-stream"}, text)


STOP, CALLED = chunk({}, "stop"), chunk({}, "tool_calls")
TEXTS = {
    "usage in every chunk": [
        chunk({"content": "The "}, **usage(1)),
        chunk({"content": "depot"}, **usage(2)),
        chunk({}, "stop", **usage(2)),
        {**HEAD, "choices": [], **usage(2)},
    ],
    "choices null": [
        chunk({"content": "The "}),
        {**HEAD, "choices": None},
        chunk({"content": "depot"}),
        STOP,
        {**HEAD, "choices": None, **usage(2)},
    ],
    "no choices beside usage": [chunk({"content": TEXT}), STOP, {**HEAD, **usage(2)}],
    "Azure's first chunk": [
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        chunk({"content": TEXT}),
        {"choices": [{"index": 0, "content_filter_offsets": {"check_offset": 1}, "finish_reason": None}]},
        STOP,
    ],
    "delta null": [chunk({"content": TEXT}), chunk(None, "stop")],
    "no delta at its end": [chunk({"content": TEXT}), {**HEAD, "choices": [{"index": 0, "finish_reason": "stop"}]}],
    "a count as text": [chunk({"content": TEXT}), chunk({}, "stop", usage={"prompt_tokens": "5", "total_tokens": 7.0})],
}
ONE, TWO = {"name": "look", "args": {"a": 1}}, {"name": "see", "args": {"b": 2}}
CALLS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "as the API has it": (
        [piece(""), piece('{"a"', id=None, name=None), piece(": 1}", id=None, name=None), CALLED],
        [ONE],
    ),
    "name and id in every piece": ([piece('{"a"'), piece(": 1}"), CALLED], [ONE]),
    "arguments as an object": ([piece({"a": 1}), CALLED], [ONE]),
    "index null": ([piece('{"a"', index=None), piece(": 1}", index=None, id=None, name=None), CALLED], [ONE]),
    "index null, named in every piece": ([piece('{"a"', index=None), piece(": 1}", index=None), CALLED], [ONE]),
    "index null in two calls": (
        [
            piece('{"a": 1}', index=None),
            piece('{"b"', index=None, id="call_2", name="see"),
            piece(": 2}", index=None, id=None, name=None),
            CALLED,
        ],
        [ONE, TWO],
    ),
    "one index for two calls": ([piece('{"a": 1}'), piece('{"b": 2}', id="call_2", name="see"), CALLED], [ONE, TWO]),
    "indexes that begin at one": (
        [piece('{"a": 1}', index=1), piece('{"b": 2}', index=2, id="call_2", name="see"), CALLED],
        [ONE, TWO],
    ),
    "no arguments yet": ([piece(None), piece('{"a": 1}', id=None, name=None), CALLED], [ONE]),
}


def chunks_of(model: ChatTurnout, *, asynchronous: bool) -> list[Any]:
    async def collected() -> list[Any]:
        return [one async for one in model.astream("x")]

    return asyncio.run(collected()) if asynchronous else list(model.stream("x"))


def pieces_of(llm: TurnoutLLM, *, asynchronous: bool) -> list[Any]:
    async def collected() -> list[Any]:
        return [one async for one in await llm.astream_chat(ASKED)]

    return asyncio.run(collected()) if asynchronous else list(llm.stream_chat(ASKED))


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("form", TEXTS)
def test_a_streamed_text(fresh_emulator: Emulator, form: str, asynchronous: bool) -> None:
    fresh_emulator.queue(sse(TEXTS[form]), sse(TEXTS[form]))
    whole, *rest = chunks_of(ChatTurnout(backend="openai"), asynchronous=asynchronous)
    for one in rest:
        whole = whole + one
    assert (whole.content, whole.response_metadata["finish_reason"]) == (TEXT, "stop")
    *_, last = pieces_of(TurnoutLLM(backend="openai"), asynchronous=asynchronous)
    assert (last.message.content, last.additional_kwargs["finish_reason"]) == (TEXT, "stop")
    if any(one.get("usage") for one in TEXTS[form]):
        assert whole.usage_metadata is not None
        assert whole.usage_metadata["total_tokens"] == last.additional_kwargs["total_tokens"] == 7


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("form", CALLS)
def test_streamed_calls(fresh_emulator: Emulator, form: str, asynchronous: bool) -> None:
    chunks, expected = CALLS[form]
    fresh_emulator.queue(sse(chunks), sse(chunks))
    whole, *rest = chunks_of(ChatTurnout(backend="openai"), asynchronous=asynchronous)
    for one in rest:
        whole = whole + one
    assert [{"name": call["name"], "args": call["args"]} for call in whole.tool_calls] == expected
    llm = TurnoutLLM(backend="openai")
    *_, last = pieces_of(llm, asynchronous=asynchronous)
    calls = llm.get_tool_calls_from_response(last)
    assert [{"name": call.tool_name, "args": call.tool_kwargs} for call in calls] == expected
    assert [call["id"] for call in whole.tool_calls] == [call.tool_id for call in calls]
    assert len({call.tool_id for call in calls}) == len(expected)


def test_a_whole_answer(fresh_emulator: Emulator) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": {"a": 1}}}
    message = {"content": None, "tool_calls": [call]}
    said = Raw(200, {}, {"id": "c", "model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]})
    fresh_emulator.queue(said, said)
    assert ChatTurnout(backend="openai").invoke("x").tool_calls[0]["args"] == {"a": 1}
    llm = TurnoutLLM(backend="openai")
    assert llm.get_tool_calls_from_response(llm.chat(ASKED))[0].tool_kwargs == {"a": 1}


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/html; charset=utf-8"])
def test_another_content_type(fresh_emulator: Emulator, kind: str) -> None:
    choices = [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]
    said = Raw(200, {"content-type": kind}, json.dumps({"id": "c", "model": "m", "choices": choices}))
    streamed = Raw(200, {"content-type": kind}, sse([chunk({"content": TEXT}), STOP]).body)
    fresh_emulator.queue(said, said, streamed, streamed)
    assert ChatTurnout(backend="openai").invoke("x").content == TEXT
    assert TurnoutLLM(backend="openai").chat(ASKED).message.content == TEXT
    assert "".join(str(one.content) for one in ChatTurnout(backend="openai").stream("x")) == TEXT
    assert "".join(one.delta or "" for one in TurnoutLLM(backend="openai").stream_chat(ASKED)) == TEXT


def test_what_a_service_learns_to_say_is_no_mistake(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events, blocks and items of kinds that the SDKs don't know yet, beside the words."""
    (tmp_path / "all.toml").write_text(fresh_emulator.settings_toml(every_wire=True), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(tmp_path / "all.toml"))
    start: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "stop_reason": None,
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**start, "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "delta_of_tomorrow", "of": 1}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    fresh_emulator.queue(Raw(200, {"content-type": "text/event-stream"}, body))
    assert "".join(str(one.content) for one in ChatTurnout(model="claude", backend="azure").stream("x")) == TEXT
    said = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
    response = {
        "id": "r",
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": [{**said, "content": [{"type": "output_text", "text": TEXT, "annotations": []}]}],
    }
    streamed: list[dict[str, Any]] = [
        {"type": "response.event_of_tomorrow", "of": 1},
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": TEXT},
        {"type": "response.completed", "response": response},
    ]
    body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in streamed)
    fresh_emulator.queue(Raw(200, {"content-type": "text/event-stream"}, body))
    *_, last = TurnoutLLM(model="responses", backend="azure").stream_chat(ASKED)
    assert last.message.content == TEXT
