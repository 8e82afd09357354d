"""Reasoning in a history: kept for the service that gave it, left out for any other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from tests.langchain.history_support import BACKENDS, WIRES, Bench, portable_history, route, weather
from turnout_emulator import Answer, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    pass

SECRET = "The user seems to want the weather of Bern."
SIGNED = ("responses", "mantle", "bedrock", "claude")
"""Backends whose answers carry reasoning that can be given back."""


def begun(bench: Bench, backend: str, *, streamed: bool = False) -> list[BaseMessage]:
    """A conversation in which the backend thought, called a tool and is given its result."""
    bench.emulator.queue(Answer(blocks=[Reasoning(SECRET), Text("I look."), ToolCall("weather", {"city": "Bern"})]))
    model = bench.chat(backend).bind_tools([weather])
    question = HumanMessage("How is the weather in Bern?")
    answer: Any
    if streamed:
        answer = None
        for chunk in model.stream([question]):
            answer = chunk if answer is None else answer + chunk
    else:
        answer = model.invoke([question])
    assert len(answer.tool_calls) == 1
    return [question, answer, ToolMessage("sunny in Bern", tool_call_id=answer.tool_calls[0]["id"])]


def reasoning_in(body: Any) -> list[Any]:
    """The reasoning in a request, in the form of its wire."""
    found = [item for item in body.get("input", ()) if item.get("type") == "reasoning"]
    for message in body.get("messages", ()):
        content = message["content"] if isinstance(message["content"], list) else []
        found += [
            block for block in content if block.get("type", "").endswith("thinking") or "reasoningContent" in block
        ]
    return found


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("backend", SIGNED)
def test_a_service_gets_its_own_reasoning_back(bench: Bench, backend: str, *, streamed: bool) -> None:
    messages = begun(bench, backend, streamed=streamed)
    for history in (messages, loads(dumps(messages), allowed_objects="messages")):
        body = bench.sent(backend, history, tools=True)
        assert len(reasoning_in(body)) == 1, body
    match BACKENDS[backend]:
        case "bedrock-converse":
            blocks = body["messages"][1]["content"]
            assert blocks[0]["reasoningContent"]["reasoningText"]["text"] == SECRET
            assert blocks[0]["reasoningContent"]["reasoningText"]["signature"]
            assert [next(iter(block)) for block in blocks] == ["reasoningContent", "text", "toolUse"]
        case "anthropic-messages":
            blocks = body["messages"][1]["content"]
            assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]
            assert blocks[0]["signature"]
        case _:
            kinds = [item["type"] for item in body["input"]]
            assert kinds == ["message", "reasoning", "message", "function_call", "function_call_output"]
            assert body["input"][1]["encrypted_content"]


@pytest.mark.parametrize("to", BACKENDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_others_never_see_it(bench: Bench, backend: str, to: str) -> None:
    messages = begun(bench, backend)
    body = bench.sent(to, messages, tools=True)
    if to != backend:
        assert reasoning_in(body) == []
        assert SECRET not in json.dumps(body)
    assert "I look." in json.dumps(body)
    assert "sunny in Bern" in json.dumps(body)


@pytest.mark.parametrize("backend", ["bedrock", "claude"])
def test_redacted_reasoning_is_given_back_and_left_out_elsewhere(bench: Bench, backend: str) -> None:
    bench.emulator.queue(Answer(blocks=[RedactedReasoning(b"sealed"), Text("Hello.")]))
    question = HumanMessage("Hello?")
    answer = bench.chat(backend).invoke([question])
    history = [question, answer, HumanMessage("And?")]
    assert len(reasoning_in(bench.sent(backend, history))) == 1
    for other in set(BACKENDS) - {backend}:
        body = bench.sent(other, history)
        assert reasoning_in(body) == []
        assert "Hello." in json.dumps(body)


def answered(*content: Any, **said: Any) -> list[BaseMessage]:
    metadata = {"backend": "here", "wire": "bedrock-converse", "model_name": "anthropic.claude-sonnet-4-6"} | said
    return [HumanMessage("Hello?"), AIMessage(list(content), response_metadata=metadata), HumanMessage("And?")]


THOUGHT = {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "sig"}, "index": 0}
HELLO = {"type": "text", "text": "Hello."}


@pytest.mark.parametrize(
    ("said", "model", "kept"),
    [
        ({}, None, True),
        ({"deployment": "prod"}, None, True),
        ({"backend": "there"}, None, False),
        ({"wire": "anthropic-messages"}, None, False),
        ({"model_name": "amazon.nova-2-lite-v1:0"}, None, False),
        ({}, "amazon.nova-2-lite-v1:0", False),
        ({}, "mistral.mistral-large-2407-v1:0", False),
        ({"backend": None, "wire": None, "model_provider": "bedrock_converse"}, None, True),
        ({"backend": None, "wire": None, "model_provider": "anthropic"}, None, False),
        ({"backend": None, "wire": None}, None, False),
    ],
)
def test_where_an_answer_came_from_decides(said: dict[str, Any], model: str | None, *, kept: bool) -> None:
    written = portable_history(answered(THOUGHT, HELLO, **said), route("bedrock-converse", model), has_tools=False)
    if kept:
        thought = {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "sig"}}
        assert written[1].content == [thought, HELLO]
    else:
        assert written[1].content == "Hello."


@pytest.mark.parametrize(
    ("wire", "block", "expected"),
    [
        (
            "bedrock-converse",
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}},
            {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "sig"}},
        ),
        (
            "bedrock-converse",
            {"type": "reasoning_content", "reasoning_content": {"redacted_content": "c2VhbGVk"}},
            {"type": "reasoning_content", "reasoning_content": {"redacted_content": b"sealed"}},
        ),
        (
            "anthropic-messages",
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}},
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
        ),
        (
            "anthropic-messages",
            {"type": "non_standard", "value": {"type": "redacted_thinking", "data": "sealed"}, "index": 1},
            {"type": "redacted_thinking", "data": "sealed"},
        ),
        (
            "openai-responses",
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed", "index": 0},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        ),
    ],
)
def test_langchains_own_form_of_reasoning_is_given_back_as_the_service_has_it(
    wire: str, block: dict[str, Any], expected: dict[str, Any]
) -> None:
    said = {"backend": "here", "wire": wire, "deployment": "prod", "output_version": "v1"}
    messages = answered(block, HELLO, **said)
    written = portable_history(messages, route(wire), has_tools=False)
    assert written[1].content == [expected, HELLO]
    for other in set(WIRES) - {wire}:
        assert portable_history(messages, route(other, backend="there"), has_tools=False)[1].content == "Hello."


def test_an_answer_of_langchain_openai_before_1_0_keeps_its_reasoning() -> None:
    message = AIMessage(
        [{"type": "text", "text": "I look.", "annotations": []}],
        id="msg_1",
        tool_calls=[tool_call(name="weather", args={"city": "Bern"}, id="call_1")],
        additional_kwargs={
            "reasoning": {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "sealed"},
            "__openai_function_call_ids__": {"call_1": "fc_1"},
        },
        response_metadata={"model_provider": "openai", "id": "resp_1", "model_name": "gpt-5"},
    )
    messages = [HumanMessage("How is the weather?"), message, ToolMessage("sunny", tool_call_id="call_1")]
    content = portable_history(messages, route("openai-responses"), has_tools=True)[1].content
    assert content == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"type": "text", "text": "I look.", "id": "msg_1"},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city": "Bern"}',
            "id": "fc_1",
        },
    ]
    assert portable_history(messages, route("openai-chat"), has_tools=True)[1].content == "I look."


def test_a_call_beside_reasoning_keeps_its_item_and_gets_its_new_id() -> None:
    repeated: list[BaseMessage] = [HumanMessage("How is the weather?")]
    for number in (1, 2):
        content: list[str | dict[str, Any]] = [
            {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "sealed"},
            {"type": "function_call", "id": f"fc_{number}", "call_id": "call_0", "name": "weather", "arguments": "{}"},
        ]
        said = {"backend": "here", "wire": "openai-responses", "deployment": "prod"}
        calls = [tool_call(name="weather", args={}, id="call_0")]
        repeated += [
            AIMessage(content, tool_calls=calls, response_metadata=said),
            ToolMessage("x", tool_call_id="call_0"),
        ]
    written = portable_history(repeated, route("openai-responses"), has_tools=True)
    blocks = [message.content[1] for message in written if isinstance(message, AIMessage)]
    assert [block["id"] for block in blocks if isinstance(block, dict)] == ["fc_1", "fc_2"]
    used = [block["call_id"] for block in blocks if isinstance(block, dict)]
    assert used == [message.tool_call_id for message in written if isinstance(message, ToolMessage)]
    assert len(set(used)) == 2


def test_openai_chat_takes_no_reasoning_back_from_itself() -> None:
    blocks = [{"type": "reasoning", "reasoning": "hm"}, THOUGHT, {"type": "web_search_call", "id": "ws_1"}, HELLO]
    messages = answered(*blocks, wire="openai-chat", deployment="prod")
    assert portable_history(messages, route("openai-chat"), has_tools=False)[1].content == "Hello."


@pytest.mark.parametrize("wire", WIRES)
def test_what_a_service_did_on_its_own_is_left_out_elsewhere(wire: str) -> None:
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    messages = answered(searched, HELLO, wire="openai-responses", deployment="prod")
    content = portable_history(messages, route(wire), has_tools=False)[1].content
    assert content == ([searched, HELLO] if wire == "openai-responses" else "Hello.")
