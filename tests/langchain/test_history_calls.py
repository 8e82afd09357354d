"""Tool calls and results in a history: ids, pairs, what can't be read, what is told in words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from tests.langchain.history_support import BACKENDS, WIRES, Bench, portable_history, route
from tests.support.recordings import RECORDINGS, needs_recordings
from turnout.conversation.ordering import ToolIds, is_valid, tool_name
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    pass

VALID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


def call(*ids: str | None, city: str = "Bern") -> AIMessage:
    return AIMessage("", tool_calls=[tool_call(name="weather", args={"city": city}, id=one) for one in ids])


def result(call_id: str, text: str = "sunny", **kwargs: Any) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call_id, **kwargs)


def asked(*messages: BaseMessage) -> list[BaseMessage]:
    return [HumanMessage("How is the weather?"), *messages]


def pairs(messages: list[BaseMessage]) -> list[tuple[str | None, str]]:
    """The ids of calls and of results, in order, matched by place."""
    calls = [one["id"] for m in messages if isinstance(m, AIMessage) for one in m.tool_calls]
    return list(zip(calls, [m.tool_call_id for m in messages if isinstance(m, ToolMessage)], strict=True))


# --- ids


ids = st.one_of(st.none(), st.text(max_size=60), st.sampled_from(["call_0", "a", "functions.weather:0", ""]))


@given(st.lists(st.lists(ids, min_size=1, max_size=4), min_size=1, max_size=6))
def test_every_call_gets_an_id_of_its_own_that_every_service_takes(rounds: list[list[str | None]]) -> None:
    names = ToolIds()
    given_out: list[str] = []
    for made in rounds:
        new = [names.call(one, "weather") for one in made]
        answered = [names.result(one, "weather", where="message 1") for one in made if one]
        answered += [names.result(one, "weather", where="message 1") for one in made if not one]
        assert sorted(answered) == sorted(new)
        given_out += new
        names.check_answered("message 2", calls="message 1")
    assert len(set(given_out)) == len(given_out)
    assert all(VALID.fullmatch(one) for one in given_out)


@given(st.lists(ids, min_size=1, max_size=8), st.integers(0, 8))
def test_a_conversation_that_grows_keeps_the_ids_it_had(made: list[str | None], upto: int) -> None:
    long, short = ToolIds(), ToolIds()
    whole = [long.call(one, "weather") for one in made]
    assert [short.call(one, "weather") for one in made[:upto]] == whole[:upto]


def test_valid_ids_stay() -> None:
    for one in ("call_1", "toolu_01A-b", "x" * 40):
        assert is_valid(one)
        assert ToolIds().call(one, "weather") == one
    assert not is_valid("x" * 41)
    assert not is_valid(None)


@pytest.mark.parametrize("name", ["weather", "my.weather", "", None, "wetter für alle", "x" * 90, "..."])
def test_a_tools_name_is_one_that_every_service_takes(name: str | None) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool_name(name))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("bad", ["functions.weather:0", "", "x" * 60, "äöü", "resp_a:call_0"])
def test_results_follow_their_calls_under_new_ids(wire: str, bad: str) -> None:
    messages = asked(call(bad), result(bad), AIMessage("It is sunny."), HumanMessage("And in Rome?"))
    [(called, answered)] = pairs(portable_history(messages, route(wire), has_tools=True))
    assert called == answered
    assert VALID.fullmatch(answered)


@pytest.mark.parametrize("wire", WIRES)
def test_ids_that_repeat_from_turn_to_turn_become_unique(wire: str) -> None:
    messages = asked(call("call_0"), result("call_0", "sun"), call("call_0"), result("call_0", "rain"))
    written = portable_history(messages, route(wire), has_tools=True)
    (first, one), (second, other) = pairs(written)
    assert first == one == "call_0"
    assert second == other != first


@pytest.mark.parametrize("backend", BACKENDS)
def test_services_accept_what_was_called_elsewhere(bench: Bench, backend: str) -> None:
    messages = asked(call("functions.weather:0", "b" * 60), result("b" * 60, "rain"), result("functions.weather:0"))
    messages += [call("call_0"), result("call_0"), call("call_0"), result("call_0"), HumanMessage("Thanks. And now?")]
    body = json.dumps(bench.sent(backend, messages, tools=True))
    assert "functions.weather" not in body
    assert "b" * 60 not in body


@needs_recordings
def test_the_recorded_repeating_ids_of_mantle_go_anywhere(bench: Bench) -> None:
    path = RECORDINGS / "bedrock-mantle" / "reused-tool-call-ids-gpt-5-5.json"
    outputs = [exchange["response_json"]["output"] for exchange in json.loads(path.read_text(encoding="utf-8"))]
    called = [item for output in outputs for item in output if item["type"] == "function_call"]
    assert [item["call_id"] for item in called] == ["call_0", "call_0"]
    messages = asked()
    for item in called:
        made = tool_call(name=item["name"], args=json.loads(item["arguments"]), id=item["call_id"])
        messages += [AIMessage([item], tool_calls=[made]), result(item["call_id"], f"from {item['name']}")]
    for backend in BACKENDS:
        body = json.dumps(bench.sent(backend, messages, tools=True))
        assert body.index("from first_tool") < body.index("from second_tool")
    for wire in WIRES:
        written = pairs(portable_history(messages, route(wire), has_tools=True))
        assert all(one == other for one, other in written)
        assert written[0] != written[1]


# --- calls and results that belong together


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (asked(result("a")), r"message 1 is a tool's result for the call 'a', which no message before it makes"),
        (asked(call("a"), result("b")), r"message 2 is a tool's result for the call 'b'"),
        (asked(call("a"), HumanMessage("And?")), r"message 1 calls 'weather', and message 2 comes before its result"),
        (asked(call("a", "b"), result("a"), AIMessage("Hm.")), r"message 3 comes before its result"),
        (asked(call("a")), r"message 1 calls 'weather', and the conversation ends without its result"),
        (asked(call("a"), result("a"), result("a")), r"message 3 is a second result for the call 'a'"),
    ],
)
def test_what_no_service_could_accept_is_refused(wire: str, messages: list[BaseMessage], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        portable_history(messages, route(wire), has_tools=True)
    assert (caught.value.backend, caught.value.deployment, caught.value.status) == ("here", "prod", None)


def test_nothing_is_sent_then(bench: Bench) -> None:
    for backend in BACKENDS:
        with pytest.raises(InvalidRequestError, match="message 1"):
            bench.chat(backend).invoke(asked(result("a")))
    assert bench.emulator.requests == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_system_message_between_call_and_result_waits(bench: Bench, backend: str) -> None:
    messages = asked(call("a", "b"), result("a"), SystemMessage("Be brief."), result("b"), HumanMessage("Well?"))
    assert "Be brief." in json.dumps(bench.sent(backend, messages, tools=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_calls_that_could_not_be_read(bench: Bench, backend: str) -> None:
    broken = [invalid_tool_call(name="weather", args='{"city": "Be', id="a", error="cut off")]
    answered = asked(AIMessage("", invalid_tool_calls=broken), result("a", "Give whole JSON.", status="error"))
    body = json.dumps(bench.sent(backend, answered, tools=True))
    assert "Give whole JSON." in body
    left = asked(AIMessage("Wait.", invalid_tool_calls=broken), HumanMessage("Try again."))
    body = bench.sent(backend, left, tools=True)
    assert "Tried to call weather" in json.dumps(body)
    assert "tool_calls" not in json.dumps(body)


@pytest.mark.parametrize("wire", WIRES)
def test_calls_that_only_the_content_holds_are_read(wire: str) -> None:
    forms: list[dict[str, Any]] = [
        {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Bern"}},
        {"type": "function_call", "call_id": "a", "name": "weather", "arguments": '{"city": "Bern"}'},
        {"type": "tool_call", "id": "a", "name": "weather", "args": {"city": "Bern"}},
        {"toolUse": {"toolUseId": "a", "name": "weather", "input": {"city": "Bern"}}},
    ]
    for form in forms:
        written = portable_history(asked(AIMessage([form]), result("a")), route(wire), has_tools=True)
        assert isinstance(written[1], AIMessage)
        assert [(one["name"], one["args"], one["id"]) for one in written[1].tool_calls] == [
            ("weather", {"city": "Bern"}, "a")
        ]
        assert written[1].content == ""


@pytest.mark.parametrize("wire", WIRES)
def test_results_that_a_users_blocks_hold_are_read(wire: str) -> None:
    forms: list[dict[str, Any]] = [
        {"type": "tool_result", "tool_use_id": "a", "content": "sunny", "is_error": True},
        {"toolResult": {"toolUseId": "a", "content": [{"text": "sunny"}], "status": "error"}},
    ]
    for form in forms:
        messages = asked(call("a"), HumanMessage([form, {"type": "text", "text": "Well?"}]))
        answer, rest = portable_history(messages, route(wire), has_tools=True)[2:]
        assert isinstance(answer, ToolMessage)
        assert answer.status == "error"
        assert "sunny" in answer.text
        assert rest.text == "Well?"


@pytest.mark.parametrize("wire", WIRES)
def test_function_messages_are_tool_messages(wire: str) -> None:
    old = AIMessage("", additional_kwargs={"function_call": {"name": "weather", "arguments": '{"city": "Bern"}'}})
    written = portable_history(
        asked(old, FunctionMessage(content="sunny", name="weather")), route(wire), has_tools=True
    )
    [(called, answered)] = pairs(written)
    assert called == answered
    assert written[1].additional_kwargs == {}


@pytest.mark.parametrize("wire", WIRES)
def test_the_residue_of_other_integrations_is_left_out(wire: str) -> None:
    residue = {
        "tool_calls": [{"id": "a", "function": {"name": "weather", "arguments": "{}"}}],
        "reasoning_content": "x",
    }
    blocks: list[Any] = [
        {"type": "text", "text": "I look.", "index": 0},
        {"type": "tool_use", "id": "a", "name": "weather", "input": {}, "index": 1},
        {"type": "input_json_delta", "partial_json": "{}", "index": 1},
    ]
    message = AIMessage(blocks, additional_kwargs=residue, tool_calls=[tool_call(name="weather", args={}, id="a")])
    written = portable_history(asked(message, result("a")), route(wire), has_tools=True)[1]
    assert written.content == "I look."
    assert written.additional_kwargs == {}


# --- results


@pytest.mark.parametrize(
    ("text", "told"), [("no such city", "Error: no such city"), ("Error: broken", "Error: broken")]
)
def test_a_failed_tool_says_so_on_every_wire(bench: Bench, text: str, told: str) -> None:
    messages = asked(call("a"), result("a", text, status="error"))
    for backend, wire in BACKENDS.items():
        body = json.dumps(bench.sent(backend, messages, tools=True))
        if wire == "bedrock-converse":
            assert '"status": "error"' in body
        elif wire == "anthropic-messages":
            assert '"is_error": true' in body
        assert (told if wire.startswith("openai") else text) in body
        assert body.count("Error: ") == (1 if wire.startswith("openai") or text.startswith("Error") else 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_result_is_accepted(bench: Bench, backend: str) -> None:
    contents: tuple[Any, ...] = ("", [], [{"type": "text", "text": "  "}])
    for empty in contents:
        messages = asked(call("a"), ToolMessage(empty, tool_call_id="a"), HumanMessage("Well?"))
        assert bench.sent(backend, messages, tools=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_calls_and_results_without_tools_are_still_told(bench: Bench, backend: str) -> None:
    said = AIMessage("I look.", tool_calls=[tool_call(name="weather", args={"city": "Bern"}, id="a")])
    messages = asked(said, result("a", "no such city", status="error"), HumanMessage("Well?"))
    body = json.dumps(bench.sent(backend, messages))
    assert "Bern" in body
    assert "Error: no such city" in body
    if BACKENDS[backend] in {"bedrock-converse", "anthropic-messages"}:
        assert "I look.\\n[Called weather with" in body
        assert "[Result of weather: Error: no such city]" in body
        assert "toolUse" not in body
        assert "tool_use" not in body


def test_json_results_of_converse_are_text_elsewhere() -> None:
    messages = asked(call("a"), ToolMessage([{"type": "json", "json": {"sun": 7}}], tool_call_id="a"))
    for wire in WIRES:
        content = portable_history(messages, route(wire), has_tools=True)[2].content
        assert content == ([{"type": "json", "json": {"sun": 7}}] if wire == "bedrock-converse" else '{"sun": 7}')
