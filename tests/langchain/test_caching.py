"""Marks for caching the prompt go from one service to another, and what was cached is counted alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

from tests.langchain.history_support import BACKENDS, PDF, PNG, Bench, weather
from turnout_emulator import Answer, Usage

if TYPE_CHECKING:
    pass

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
POINT = {"cachePoint": {"type": "default"}}
CALL: Any = {"name": "weather", "args": {"city": "Oslo"}, "id": "call_1"}
HISTORY: list[Any] = [
    SystemMessage([{"type": "text", "text": "Rules.", "cache_control": HOUR}]),
    HumanMessage([{"type": "text", "text": "One.", "extras": {"cache_control": MARK}}, "Two."]),
    AIMessage([{"type": "text", "text": "Let me look.", "cache_control": MARK}], tool_calls=[CALL]),
    ToolMessage([{"type": "text", "text": "sunny", "cache_control": MARK}], tool_call_id="call_1"),
]


@tool(extras={"cache_control": MARK})
def depot(name: str) -> str:
    """Look up a depot."""
    return name


def sent(bench: Bench, backend: str, messages: list[Any], tools: list[Any], **kwargs: Any) -> Any:
    model = bench.chat(backend, model=kwargs.pop("model", "default"))
    (model.bind_tools(tools) if tools else model).invoke(messages, **kwargs)
    last = bench.emulator.requests[-1]
    assert last.status == 200
    return last.body


def marks(body: Any) -> int:
    """How often a request marks its prompt, whichever way."""
    if isinstance(body, dict):
        return sum(name in {"cache_control", "cachePoint"} for name in body) + sum(map(marks, body.values()))
    return sum(map(marks, body)) if isinstance(body, list) else 0


def test_anthropics_marks_become_converses_points(bench: Bench) -> None:
    body = sent(bench, "bedrock", HISTORY, [weather, depot])
    assert body["system"] == [{"text": "Rules."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    asked, called, result = (message["content"] for message in body["messages"])
    assert asked == [{"text": "One."}, POINT, {"text": "Two."}]
    assert called[:2] == [{"text": "Let me look."}, POINT]
    assert "toolUse" in called[2]
    assert (result[0]["toolResult"]["content"], result[1]) == ([{"text": "sunny"}], POINT)
    assert ["cachePoint" in entry for entry in body["toolConfig"]["tools"]] == [False, False, True]


def test_they_stay_on_messages(bench: Bench) -> None:
    body = sent(bench, "claude", HISTORY[:2], [weather, depot])
    assert body["system"] == [{"type": "text", "text": "Rules.", "cache_control": HOUR}]
    assert [block.get("cache_control") for block in body["messages"][0]["content"]] == [MARK, None]
    assert [entry.get("cache_control") for entry in body["tools"]] == [None, MARK]
    body = sent(bench, "claude", HISTORY[1:], [weather])
    _, called, result = (message["content"] for message in body["messages"])
    assert [block.get("cache_control") for block in called] == [MARK, None]
    assert result[0]["cache_control"] == MARK


def test_converses_points_become_anthropics_marks(bench: Bench) -> None:
    image = {"type": "image", "base64": PNG, "mime_type": "image/png"}
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    history = [SystemMessage(["Rules.", POINT]), HumanMessage([POINT, "See:", image, point, "Well?"])]
    body = sent(bench, "claude", history, [weather, POINT])
    assert body["system"][0]["cache_control"] == MARK
    assert [block.get("cache_control") for block in body["messages"][0]["content"]] == [None, HOUR, None]
    assert body["tools"][0]["cache_control"] == MARK
    kept = sent(bench, "bedrock", history, [weather, POINT])
    assert marks(kept) == 3  # the first in a message has nothing before it, which the service refuses
    assert kept["messages"][0]["content"][2] == point


@pytest.mark.parametrize("backend", ["azure", "responses", "mantle"])
def test_wires_that_cache_on_their_own_get_none(bench: Bench, backend: str) -> None:
    body = sent(bench, backend, [*HISTORY, HumanMessage(["And?", POINT])], [weather, depot, POINT], cache_control=MARK)
    assert marks(body) == 0


def test_nova_takes_none_among_its_tools(bench: Bench) -> None:
    body = sent(bench, "bedrock", [SystemMessage(["Rules.", POINT]), HumanMessage("Hi")], [depot], model="nova")
    assert body["system"][1] == POINT
    assert len(body["toolConfig"]["tools"]) == 1


def test_a_model_that_does_not_cache_gets_none(bench: Bench) -> None:
    chat = bench.chat("bedrock", model="bedrock:us.meta.llama3-3-70b-instruct-v1:0")
    chat.invoke(HISTORY[:2], cache_control=MARK)
    assert marks(bench.emulator.requests[-1].body) == 0


def test_a_point_goes_before_a_document_that_it_may_not_follow(bench: Bench) -> None:
    document = {"type": "file", "base64": PDF, "mime_type": "application/pdf", "cache_control": MARK}
    body = sent(bench, "bedrock", [HumanMessage(["Read:", document])], [])
    assert [next(iter(block)) for block in body["messages"][0]["content"]] == ["text", "cachePoint", "document"]


def test_a_mark_on_the_call_is_set_by_the_integration(bench: Bench) -> None:
    assert marks(sent(bench, "bedrock", HISTORY[:2], [], cache_control=MARK)) >= 2
    assert marks(sent(bench, "claude", [HumanMessage("Hi")], [], cache_control=MARK)) == 1


def test_a_message_that_is_only_a_mark_is_no_message(bench: Bench) -> None:
    for backend in BACKENDS:
        sent(bench, backend, [HumanMessage([POINT]), HumanMessage("Hi")], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_cached_is_counted_alike(bench: Bench, backend: str) -> None:
    writes = backend in {"bedrock", "claude", "mantle"}  # Azure counts no writes
    usage = Usage(input_tokens=100, output_tokens=5, cached_tokens=40, cache_write_tokens=30 if writes else 0)
    bench.emulator.queue(Answer("Hi", usage=usage), Answer("Hi", usage=usage))
    whole = bench.chat(backend).invoke("x")
    first, *rest = bench.chat(backend).stream("x")
    for chunk in rest:
        first += chunk
    for answer in (whole, first):
        counted = answer.usage_metadata
        assert counted is not None
        details = counted["input_token_details"]
        assert (counted["input_tokens"], details["cache_read"]) == (100, 40)
        assert details.get("cache_creation", 0) == (30 if writes else 0)
        assert not [name for name in details if name.startswith("ephemeral")]
