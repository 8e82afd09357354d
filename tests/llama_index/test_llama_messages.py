"""Conversations in one shape, whatever answered before."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ToolCallBlock
from openai.types.chat import ChatCompletionMessageToolCall
from openai.types.chat.chat_completion_message_tool_call import Function

from turnout.llama_index.messages import arguments_of, has_tool_traffic, portable, told, tool_calls_of

CALL = ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"city": "Bern"})
RESULT = ChatMessage(role=MessageRole.TOOL, content="Sunny.", additional_kwargs={"tool_call_id": "c1"})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ('{"a": "be', {"a": "be"}),
        ('{"a": 1, "b', {"a": 1}),
        ("[1]", {}),
        ("nonsense", {}),
        (None, {}),
    ],
)
def test_arguments(given: object, meant: dict[str, object]) -> None:
    assert arguments_of(given) == meant


@pytest.mark.parametrize(
    "left",
    [
        ChatCompletionMessageToolCall(
            id="c1", type="function", function=Function(name="weather", arguments='{"city": "Bern"}')
        ),
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}},
        {"toolUseId": "c1", "name": "weather", "input": {"city": "Bern"}},
        {"tool_id": "c1", "tool_name": "weather", "tool_kwargs": {"city": "Bern"}},
    ],
    ids=["openai object", "openai dict", "converse", "selection"],
)
def test_calls_that_an_integration_left_in_additional_kwargs(left: object) -> None:
    message = ChatMessage(role=MessageRole.ASSISTANT, additional_kwargs={"tool_calls": [left]}, blocks=[])
    assert tool_calls_of(message) == [CALL]
    (copy,) = portable([message])
    assert copy.blocks == [CALL]
    assert copy.additional_kwargs == {}


def test_blocks_are_not_doubled_by_what_is_left() -> None:
    left = {"tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": "{}"}}]}
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[CALL], additional_kwargs=left)
    assert portable([message])[0].blocks == [CALL]


def test_residue_goes() -> None:
    message = ChatMessage(
        role=MessageRole.ASSISTANT, content="Yes.", additional_kwargs={"tool_call_id": [], "status": [], "x": 1}
    )
    assert portable([message])[0].additional_kwargs == {}


def test_roles() -> None:
    given = [MessageRole.DEVELOPER, MessageRole.CHATBOT, MessageRole.MODEL, MessageRole.USER]
    messages = portable([ChatMessage(role=role, content="x") for role in given])
    assert [message.role.value for message in messages] == ["system", "assistant", "assistant", "user"]


def test_a_function_message_is_a_result() -> None:
    message = ChatMessage(role=MessageRole.FUNCTION, content="Sunny.", additional_kwargs={"call_id": "c1"})
    (copy,) = portable([message])
    assert (copy.role, copy.additional_kwargs) == (MessageRole.TOOL, {"tool_call_id": "c1"})


def test_status_of_a_result_stays() -> None:
    message = ChatMessage(
        role=MessageRole.TOOL, content="No.", additional_kwargs={"tool_call_id": "c1", "status": "error"}
    )
    assert portable([message])[0].additional_kwargs == {"tool_call_id": "c1", "status": "error"}


@pytest.mark.parametrize("left", [{}, {"tool_call_id": []}, {"tool_call_id": None}])
def test_a_result_of_no_call(left: dict[str, object]) -> None:
    message = ChatMessage(role=MessageRole.TOOL, content="42", additional_kwargs=left)
    assert portable([ChatMessage("x"), message])[1].additional_kwargs == {"tool_call_id": None}


def test_copies_share_nothing_that_is_changed() -> None:
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[TextBlock(text="x"), CALL.model_copy()])
    (copy,) = portable([message])
    copy.blocks[0].text = "changed"  # type: ignore[union-attr]
    copy.blocks.append(TextBlock(text="more"))
    assert message.content == "x"
    assert len(message.blocks) == 2


def test_tool_traffic() -> None:
    assert not has_tool_traffic([ChatMessage("x")])
    assert has_tool_traffic([RESULT])
    assert has_tool_traffic([ChatMessage(role=MessageRole.ASSISTANT, blocks=[CALL])])


def test_told_in_words() -> None:
    messages = [
        ChatMessage("Weather?"),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[TextBlock(text="Let me see."), CALL]),
        RESULT,
    ]
    question, asked, result = told(portable(messages))
    assert question.content == "Weather?"
    assert asked.content == 'Let me see.\n[I called weather with {"city": "Bern"}]'
    assert (result.role, result.content) == (MessageRole.USER, "[weather gave: Sunny.]")
    assert not has_tool_traffic([question, asked, result])
