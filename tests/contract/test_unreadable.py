"""What comes with success and is no answer: one typed error on every wire, in both frameworks, asked again once.

Each form comes once, and the call has the right answer; then at every attempt, and the call has the typed error.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import settings_text
from tests.support.frameworks import FRAMEWORKS, Chat
from turnout.errors import (
    ContextOverflowError,
    RateLimitError,
    ServerError,
    ServiceAnswerError,
    ServiceConnectionError,
)
from turnout_emulator import Answer, Emulator, Raw
from turnout_emulator.wires.framing import aws_event, aws_frame

if TYPE_CHECKING:
    from collections.abc import Callable

RIGHT = "The depot opens at seven."
NESTED = "[" * 100_000
JSON, HTML, SSE, EVENTS = "application/json", "text/html", "text/event-stream", "application/vnd.amazon.eventstream"
PAGE = "<html><body><h1>Sign in to the network</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Wire:
    """A route, and what its answers look like."""

    name: str
    model: str
    backend: str


WIRES = {
    wire.name: wire
    for wire in (
        Wire("chat", "default", "azure"),
        Wire("dated", "default", "azure_dated"),
        Wire("mantle", "open-weight", "bedrock"),
        Wire("responses", "responses", "azure"),
        Wire("messages", "claude", "azure"),
        Wire("converse", "default", "bedrock"),
    )
}


pytestmark = pytest.mark.usefixtures("settings_file", "no_backoff")


@pytest.fixture
def settings_toml(emulator: Emulator) -> str:
    more = emulator.settings_toml(every_wire=True).partition("[chat.claude]")
    return settings_text(emulator) + more[1] + more[2]


def as_json(body: Any, kind: str = JSON) -> Raw:
    return Raw(200, {"content-type": kind}, body if isinstance(body, str | bytes) else json.dumps(body))


ANYWHERE = {
    "a page": as_json(PAGE, HTML),
    "a page as JSON": as_json(PAGE),
    "null": as_json("null"),
    "a list": as_json("[]"),
    "an empty object": as_json("{}"),
    "a text": as_json('"ok"'),
    "a number": as_json("5"),
    "half a JSON": as_json('{"choices": [{"mess'),
    "bad UTF-8": as_json(b'{"id": "\xff\xfe\xff"}'),
    "nested": as_json(NESTED),
    "nothing": as_json(""),
    "nothing at all": Raw(200, {}, b""),
    "an error": as_json({"error": {"message": "bad gateway", "code": "bad_gateway"}}),
    "another error": as_json({"message": "no healthy upstream", "status": "bad"}),
    "no gzip": Raw(200, {"content-type": JSON, "content-encoding": "gzip"}, b"{}"),
    "half a gzip": Raw(200, {"content-type": JSON, "content-encoding": "gzip"}, gzip.compress(b"{}" * 99)[:20]),
    "binary": Raw(200, {"content-type": "application/octet-stream"}, bytes(range(256))),
}


def chat(message: Any, **choice: Any) -> Raw:
    return as_json({"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": message, **choice}]})


def response(output: Any, **more: Any) -> Raw:
    return as_json({"id": "r", "object": "response", "model": "m", "output": output, **more})


def said(*content: Any) -> list[Any]:
    return [{"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": list(content)}]


def claude(content: Any, reason: Any = "end_turn", **more: Any) -> Raw:
    usage = {"input_tokens": 1, "output_tokens": 1}
    made = {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": reason, "usage": usage}
    return as_json({**made, "content": content, **more})


def converse(output: Any, reason: Any = "end_turn") -> Raw:
    usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
    return as_json({"output": output, "stopReason": reason, "usage": usage, "metrics": {"latencyMs": 1}})


def spoken(content: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content}}


CHAT = {
    "choices null": as_json({"id": "c", "choices": None}),
    "no choices": as_json({"id": "c", "choices": []}),
    "choices that are none": as_json({"id": "c", "choices": [None]}),
    "choices as text": as_json({"id": "c", "choices": "none"}),
    "no message": as_json({"id": "c", "choices": [{"index": 0, "finish_reason": "stop"}]}),
    "message null": chat(None, finish_reason="stop"),
    "nothing said": chat({"role": "assistant", "content": ""}),
    "content null": chat({"role": "assistant", "content": None}, finish_reason=None),
    "a number for content": chat({"role": "assistant", "content": 5}, finish_reason="stop"),
    "an object for content": chat({"role": "assistant", "content": {"text": "x"}}, finish_reason="stop"),
    "a number for the reason": chat({"role": "assistant", "content": "x"}, finish_reason=5),
    "tool calls as text": chat({"role": "assistant", "tool_calls": "none"}, finish_reason="tool_calls"),
    "tool calls that are none": chat({"role": "assistant", "tool_calls": [None]}, finish_reason="tool_calls"),
    "a call of nothing": chat({"role": "assistant", "tool_calls": [{"id": "c"}]}, finish_reason="tool_calls"),
    "words for counts": as_json(
        {
            "choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": "many"},
        }
    ),
    "an error in a choice": chat({"role": "assistant", "content": ""}, error={"message": "x"}, finish_reason="error"),
    "an error beside choices": as_json({"choices": None, "error": {"message": "x", "code": 502}}),
}
WHOLE: dict[str, dict[str, Raw]] = {
    "chat": CHAT,
    "dated": {name: CHAT[name] for name in ("choices null", "no choices", "nothing said")},
    "mantle": {name: CHAT[name] for name in ("choices null", "no choices", "nothing said")},
    "responses": {
        "output null": response(None, status="completed"),
        "output as text": response("x", status="completed"),
        "output that is none": response([None], status="completed"),
        "an item of nothing": response([{}], status="completed"),
        "neither output nor status": response([]),
        "content null": response([{"type": "message", "role": "assistant", "content": None}], status="completed"),
        "a number for text": response(said({"type": "output_text", "text": 5, "annotations": []}), status="completed"),
        "failed": response([], status="failed"),
        "failed without a word": response([], status="failed", error=None),
        "an error beside output": response([], status="completed", error={"code": "server_error", "message": "x"}),
    },
    "messages": {
        "content null": claude(None),
        "content as text": claude("x"),
        "content that is none": claude([None]),
        "a number for text": claude([{"type": "text", "text": 5}]),
        "a block of nothing": claude([{}]),
        "no reason": claude([], None),
        "a number for the reason": claude([{"type": "text", "text": "x"}], 5),
        "an error": as_json({"type": "error", "error": {"type": "api_error", "message": "x"}}),
    },
    "converse": {
        "output null": converse(None),
        "no message": converse({}),
        "message null": converse({"message": None}),
        "content null": converse(spoken(None)),
        "content as text": converse(spoken("x")),
        "content that is none": converse(spoken([None])),
        "a number for text": converse(spoken([{"text": 5}])),
        "a block of nothing": converse(spoken([{}])),
        "no reason": converse(spoken([]), None),
        "a number for the reason": converse(spoken([{"text": "x"}]), 5),
    },
}


def sse(*events: str | bytes) -> Raw:
    parts = (each if isinstance(each, bytes) else each.encode() for each in events)
    return Raw(200, {"content-type": SSE}, b"".join(part + b"\n\n" for part in parts))


GARBAGE: dict[str, str | bytes] = {
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "a text": '"ok"',
    "half a JSON": '{"choices": [{"del',
    "a page": PAGE,
    "bad UTF-8": b'{"id": "\xff\xfe"}',
    "nested": NESTED,
}


def named(name: str, data: str | bytes) -> bytes:
    prefix = f"event: {name}\ndata: ".encode() if name else b"data: "
    return prefix + (data if isinstance(data, bytes) else data.encode())


def chunk(delta: Any, reason: Any = None) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return named("", json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": choices}))


def of_responses(kind: str, **members: Any) -> bytes:
    return named(kind, json.dumps({"type": kind, "sequence_number": 1, **members}))


def of_messages(kind: str, **members: Any) -> bytes:
    return named(kind, json.dumps({"type": kind, **members}))


STOPPED = (chunk({}, "stop"), b"data: [DONE]")
CLAUDE_BEGINS = of_messages(
    "message_start",
    message={
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
)
CLAUDE_ENDS = (
    of_messages("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}),
    of_messages("message_stop"),
)
COMPLETED = of_responses(
    "response.completed",
    response={"id": "r", "object": "response", "model": "m", "status": "completed", "output": []},
)
DELTA = aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "The "}})
CONVERSE_ENDS = aws_event("messageStop", {"stopReason": "end_turn"}) + aws_event(
    "metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}
)


def frames(*parts: bytes) -> Raw:
    return Raw(200, {"content-type": EVENTS}, b"".join(parts))


def payload(name: str, data: str | bytes) -> bytes:
    headers = {":event-type": name, ":content-type": JSON, ":message-type": "event"}
    return aws_frame(headers, data if isinstance(data, bytes) else data.encode())


EMPTY = {
    "no event": sse(),
    "a comment": sse(": keep-alive"),
    "only its end": sse("data: [DONE]"),
}
CHUNKS = {
    **EMPTY,
    "no word": sse(chunk({"role": "assistant", "content": ""})),
    **{f"a chunk: {name}": sse(named("", data), *STOPPED) for name, data in GARBAGE.items()},
    "choices as text": sse(named("", '{"choices": "x"}'), *STOPPED),
    "choices that are none": sse(named("", '{"choices": [null]}'), *STOPPED),
    "a delta as text": sse(chunk("x"), *STOPPED),
    "a number for content": sse(chunk({"content": 5}), *STOPPED),
    "a number for the reason": sse(chunk({"content": ""}, 5), *STOPPED),
    "calls as text": sse(chunk({"tool_calls": "x"}), *STOPPED),
    "calls that are none": sse(chunk({"tool_calls": [None]}), *STOPPED),
    "an error": sse('data: {"error": {"message": "x", "code": "bad_gateway"}}'),
}
STREAMED: dict[str, dict[str, Raw]] = {
    "chat": CHUNKS,
    "dated": {name: CHUNKS[name] for name in ("no event", "a chunk: null", "an error")},
    "mantle": {name: CHUNKS[name] for name in ("no event", "a chunk: null", "an error")},
    "responses": {
        **EMPTY,
        "no word": sse(of_responses("response.created", response={"id": "r", "status": "in_progress", "output": []})),
        **{
            f"a delta: {name}": sse(named("response.output_text.delta", data), COMPLETED)
            for name, data in GARBAGE.items()
        },
        "completed with null": sse(of_responses("response.completed", response=None)),
        "completed with nothing": sse(of_responses("response.completed", response={})),
        "output null": sse(
            of_responses("response.completed", response={"id": "r", "status": "completed", "output": None})
        ),
        "an error": sse(of_responses("error", code="bad_gateway", message="x", param=None)),
        "failed": sse(
            of_responses(
                "response.failed",
                response={"id": "r", "status": "failed", "output": [], "error": {"code": "x", "message": "x"}},
            )
        ),
    },
    "messages": {
        **EMPTY,
        "no word": sse(CLAUDE_BEGINS),
        **{f"a start: {name}": sse(named("message_start", data), *CLAUDE_ENDS) for name, data in GARBAGE.items()},
        **{
            f"a delta: {name}": sse(CLAUDE_BEGINS, named("content_block_delta", data), *CLAUDE_ENDS)
            for name, data in GARBAGE.items()
        },
        "a number for text": sse(
            CLAUDE_BEGINS,
            of_messages("content_block_delta", index=0, delta={"type": "text_delta", "text": 5}),
            *CLAUDE_ENDS,
        ),
        "an error": sse(named("error", '{"type": "error", "error": {"type": "api_error", "message": "x"}}')),
    },
    "converse": {
        "no event": frames(),
        "no word": frames(aws_event("messageStart", {"role": "assistant"})),
        "a wrong checksum": frames(DELTA[:-4] + b"\0\0\0\0", CONVERSE_ENDS),
        "a wrong checksum of the prelude": frames(DELTA[:8] + b"\0\0\0\0" + DELTA[12:], CONVERSE_ENDS),
        "a length without end": frames(b"\xff" * 8 + DELTA[8:], CONVERSE_ENDS),
        "half a frame": frames(DELTA[: len(DELTA) // 2]),
        **{
            f"a delta: {name}": frames(payload("contentBlockDelta", data), CONVERSE_ENDS)
            for name, data in GARBAGE.items()
        },
        "a number for text": frames(
            aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 5}}), CONVERSE_ENDS
        ),
    },
}
ALLOWED, REPORTED = (ServiceAnswerError, ServiceConnectionError), (ServerError, ServiceConnectionError)


def asked(wire: Wire, framework: str, way: str) -> str:
    return Chat(framework, model=wire.model, backend=wire.backend, max_retries=1).ask(way, "When?").text


def outcome(emulator: Emulator, ask: Callable[[], Any], *queued: Any) -> Any:
    """What came of a call: an answer or an error, and how much of what was queued is left."""
    emulator.clear()
    emulator.queue(*queued)
    try:
        found = ask()
    except Exception as error:  # noqa: BLE001 - each must be typed, which is what is looked at
        found = error
    return found, emulator.pending


def wrong(emulator: Emulator, ask: Callable[[], str], form: Raw, *, reported: bool) -> list[str]:
    """What is wrong about a way to call.

    Args:
        emulator: What answers.
        ask: The call.
        form: What is no answer.
        reported: Whether it is the service's own error, though it came with success.
    """
    problems = []
    found, left = outcome(emulator, ask, form, Answer(RIGHT))
    if found != RIGHT or left:
        problems.append(f"once: {type(found).__name__}: {str(found)[:300]}, left {left}")
    found, left = outcome(emulator, ask, form, form)
    if not isinstance(found, REPORTED if reported else ALLOWED) or left or found.attempts != 2:
        problems.append(f"always: {type(found).__name__}: {str(found)[:300]}, left {left}")
    elif len(str(found)) > 3_000 or "ValueError" in [kind.__name__ for kind in type(found).__mro__]:
        problems.append(f"always: {type(found).__mro__}: {len(str(found))}")
    return problems


def problems(emulator: Emulator, wire: Wire, form: Raw, ways: tuple[str, ...], *, reported: bool) -> dict[str, Any]:
    return {
        f"{framework}, {way}": found
        for framework in FRAMEWORKS
        for way in ways
        if (found := wrong(emulator, partial(asked, wire, framework, way), form, reported=reported))
    }


FEW = ("a page", "null", "an empty object", "half a JSON", "bad UTF-8")
"""Forms on the wires that differ from another one only in their address."""


def cases(forms: dict[str, dict[str, Raw]]) -> list[Any]:
    few = {name: ANYWHERE[name] for name in FEW}
    return [
        pytest.param(WIRES[wire], form, name in {"an error", "failed", "failed without a word"}, id=f"{wire}-{name}")
        for wire in WIRES
        for name, form in {**(few if wire in {"dated", "mantle"} else ANYWHERE), **forms[wire]}.items()
    ]


@pytest.mark.parametrize(("wire", "form", "reported"), cases(WHOLE))
def test_an_answer(emulator: Emulator, wire: Wire, form: Raw, reported: bool) -> None:
    assert not problems(emulator, wire, form, ("whole", "async"), reported=reported)


@pytest.mark.parametrize(("wire", "form", "reported"), cases(STREAMED))
def test_a_stream(emulator: Emulator, wire: Wire, form: Raw, reported: bool) -> None:
    assert not problems(emulator, wire, form, ("stream", "async-stream"), reported=reported)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", ["whole", "async"])
@pytest.mark.parametrize(
    ("wire", "error", "kind"),
    [
        ("chat", {"code": "context_length_exceeded"}, ContextOverflowError),
        ("chat", {"type": "rate_limit_error"}, RateLimitError),
        ("responses", {"code": "context_length_exceeded"}, ContextOverflowError),
        ("messages", {"type": "rate_limit_error"}, RateLimitError),
    ],
)
def test_an_error_in_the_place_of_an_answer_is_of_its_kind(
    emulator: Emulator, wire: str, error: dict[str, str], kind: type[Exception], framework: str, way: str
) -> None:
    """With the service's own words, though it came with success."""
    emulator.clear()
    beside: dict[str, Any] = (
        {"choices": []} if wire == "chat" else {"type": "error"} if wire == "messages" else {"output": []}
    )
    emulator.queue(as_json({"error": {"message": "these are the words", **error}, **beside}))
    chat = Chat(framework, model=WIRES[wire].model, backend=WIRES[wire].backend, max_retries=0)
    with pytest.raises(kind, match="these are the words"):
        chat.ask(way, "When?")
