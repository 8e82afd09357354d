"""Conversations as each wire takes them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from turnout.llama_index.history import aportable_history, portable_history

from turnout.errors import ContentFilterError, InvalidRequestError, UnsupportedError
from turnout.facts.models import base_id
from turnout.llama_index import TurnoutLLM
from turnout.routing import Route
from turnout_emulator import Answer, Reasoning, Text

if TYPE_CHECKING:
    from turnout_emulator import Emulator

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def route(wire: str, model: str) -> Route:
    return Route("chat", "x", "here", "bedrock" if "." in base_id(model) else "azure", wire, model, model)


CHAT = route("openai-chat", "gpt-4o")
RESPONSES = route("openai-responses", "gpt-5")
CLAUDE = route("anthropic-messages", "claude-sonnet-4-6")
CONVERSE = route("bedrock-converse", "us.anthropic.claude-sonnet-4-6")
NOVA = route("bedrock-converse", "amazon.nova-lite-v1:0")
LLAMA = route("bedrock-converse", "us.meta.llama3-3-70b-instruct-v1:0")
ALL = [CHAT, RESPONSES, CLAUDE, CONVERSE]


def said(role: str, *blocks: Any, **kwargs: Any) -> ChatMessage:
    made = [TextBlock(text=block) if isinstance(block, str) else block for block in blocks]
    return ChatMessage(role=MessageRole(role), blocks=made, additional_kwargs=kwargs)


def call(call_id: str | None) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=call_id, tool_name="weather", tool_kwargs={})


def written(messages: list[ChatMessage], to: Route, *, tools: bool = True) -> list[ChatMessage]:
    return portable_history(messages, to, has_tools=tools)


@pytest.mark.parametrize("to", ALL, ids=lambda to: to.wire)
@pytest.mark.parametrize("call_id", ["call.1:x", "x" * 90, "", None, "same"])
def test_ids_are_valid_unique_and_go_with_their_results(to: Route, call_id: str | None) -> None:
    turn = [said("assistant", call(call_id)), said("tool", "Sunny.", tool_call_id=call_id)]
    made = written([said("user", "Hello."), *turn, *turn], to)
    calls = [block.tool_call_id for one in made for block in one.blocks if isinstance(block, ToolCallBlock)]
    results = [one.additional_kwargs["tool_call_id"] for one in made if one.role is MessageRole.TOOL]
    assert calls == results
    assert len(set(calls)) == 2
    assert all(one and len(one) <= 40 for one in calls)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([said("user", "x"), said("tool", "42", tool_call_id="c")], "message 1 is a tool's result for the call 'c'"),
        (
            [said("user", "x"), said("assistant", call("c")), said("user", "y")],
            "message 1 calls 'weather', and message 2",
        ),
        ([said("user", "x"), said("assistant", call("c"))], "the conversation ends without its result"),
        ([said("user", " "), said("assistant", "")], "nothing to answer"),
        ([], "nothing to answer"),
    ],
)
def test_what_no_service_accepts(messages: list[ChatMessage], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        written(messages, CHAT)
    assert caught.value.backend == "here"


def test_system_messages_come_first_where_the_wire_has_them_apart() -> None:
    messages = [said("assistant", "Welcome."), said("user", "Hi."), said("system", "Late."), said("user", "Well?")]
    assert [one.role.value for one in written(messages, CONVERSE)] == ["system", "user", "assistant", "user", "user"]
    assert [one.role.value for one in written(messages, CHAT)] == ["assistant", "user", "system", "user"]
    assert [one.role.value for one in written([said("system", "Say hello.")], CLAUDE)] == ["user"]


def test_tool_traffic_without_tools_is_told_where_the_wire_refuses_it() -> None:
    messages = [
        said("user", "x"),
        said("assistant", call("c")),
        said("tool", "Down.", tool_call_id="c", status="error"),
    ]
    assert "[weather failed: Down.]" in str(written(messages, CLAUDE, tools=False)[-1].content)
    assert written(messages, CHAT, tools=False)[-1].role is MessageRole.TOOL


def test_a_picture_in_a_result_moves_to_the_user_on_chat_completions() -> None:
    result = said("tool", ImageBlock(image=PNG), tool_call_id="c")
    messages = [said("user", "x"), said("assistant", call("c")), result]
    *_, left, moved = written(messages, CHAT)
    assert (left.role, left.content) == (MessageRole.TOOL, "The result is attached below.")
    assert (moved.role, type(moved.blocks[-1])) == (MessageRole.USER, ImageBlock)
    assert isinstance(written(messages, CLAUDE)[-1].blocks[0], ImageBlock)


async def test_addresses_are_fetched_within_limits_where_the_class_would_fetch_them() -> None:
    message = [said("user", ImageBlock(url="http://127.0.0.1:9/secret.png"))]
    for to in (CONVERSE, CLAUDE):
        with pytest.raises(InvalidRequestError, match="internal address"):
            written(message, to)
        with pytest.raises(InvalidRequestError, match="internal address"):
            await aportable_history(message, to, has_tools=False)
    assert str(written(message, CHAT)[0].blocks[0].url) == "http://127.0.0.1:9/secret.png"  # type: ignore[union-attr]


def test_files_that_cannot_be_sent() -> None:
    with pytest.raises(UnsupportedError, match=r"message 0 holds an image, and meta\.llama3 reads none"):
        written([said("user", ImageBlock(image=PNG))], LLAMA)
    with pytest.raises(UnsupportedError, match="system message and holds a file"):
        written([said("system", ImageBlock(image=PNG)), said("user", "x")], CHAT)
    with pytest.raises(InvalidRequestError, match=r"unknown type|isn't"):
        written([said("user", ImageBlock(image=b"\x00\x01nothing"))], CHAT)


def test_documents() -> None:
    text = DocumentBlock(data=b"The lamp is green.", document_mimetype="text/plain", title="a b.txt")
    for to in (CHAT, RESPONSES, CLAUDE):
        assert "The lamp is green." in str(written([said("user", text)], to)[0].content)
    words, first, second = written([said("user", text, text)], CONVERSE)[0].blocks
    assert isinstance(words, TextBlock)
    assert [getattr(one, "title", None) for one in (first, second)] == ["a b", "a b 2"]


@pytest.mark.usefixtures("settings_file")
def test_reasoning_goes_back_to_the_service_that_made_it_alone(fresh_emulator: Emulator) -> None:
    model = "bedrock:us.anthropic.claude-sonnet-4-6"
    fresh_emulator.queue(Answer(blocks=[Reasoning("Thinking of lamps.", signature="c2ln"), Text("Green.")]))
    answer = TurnoutLLM(model).chat([said("user", "Which?")])
    saved = ChatMessage.model_validate_json(answer.message.model_dump_json())
    own = TurnoutLLM(model).route
    for message in (answer.message, saved):
        (kept,) = [
            one for one in written([said("user", "x"), message], own)[1].blocks if isinstance(one, ThinkingBlock)
        ]
        assert kept.content == "Thinking of lamps."
        assert "turnout" not in kept.additional_information
        for to in (CHAT, RESPONSES, CLAUDE, CONVERSE):
            assert not any(
                isinstance(one, ThinkingBlock) for one in written([said("user", "x"), message], to)[1].blocks
            )


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("backend", ["azure", "bedrock"])
async def test_a_filtered_answer_is_an_error(backend: str, fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM(backend=backend)
    fresh_emulator.queue(*[Answer("No.", finish="content_filter")] * 3)
    with pytest.raises(ContentFilterError, match="content filter stopped the answer") as caught:
        llm.chat([said("user", "x")])
    assert caught.value.backend == backend
    with pytest.raises(ContentFilterError):
        list(llm.stream_chat([said("user", "x")]))
    with pytest.raises(ContentFilterError):
        await llm.achat([said("user", "x")])
