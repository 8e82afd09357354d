"""LlamaIndex's conversations as each wire takes them."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from turnout.conversation.history import aprepare, prepare
from turnout.conversation.request import Asked, Fitted
from turnout.conversation.turns import Attachment, Reasoning, Text, Turn, WireBlock
from turnout.errors import ContentFilterError, InvalidRequestError, UnsupportedError
from turnout.facts.models import base_id
from turnout.llama_index import TurnoutLLM
from turnout.llama_index.messages import read
from turnout.routing import Route
from turnout_emulator import Answer
from turnout_emulator import Reasoning as ReasoningAnswer
from turnout_emulator import Text as TextAnswer

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


def fitted(*, tools: bool = True) -> Fitted:
    return Fitted({}, Asked([{"function": {"name": "weather"}}] if tools else []))


def prepared(messages: list[ChatMessage], to: Route, *, tools: bool = True) -> list[Turn]:
    return prepare(partial(read, messages), to, fitted(tools=tools))


@pytest.mark.parametrize("to", ALL, ids=lambda to: to.wire)
@pytest.mark.parametrize("call_id", ["call.1:x", "x" * 90, "", None, "same"])
def test_ids_are_valid_unique_and_go_with_their_results(to: Route, call_id: str | None) -> None:
    turn = [said("assistant", call(call_id)), said("tool", "Sunny.", tool_call_id=call_id)]
    made = prepared([said("user", "Hello."), *turn, *turn], to)
    calls = [one.call_id for turn in made for one in turn.calls]
    results = [one.call_id for one in made if one.role == "tool"]
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
        prepared(messages, CHAT)
    assert caught.value.backend == "here"


def test_system_messages_come_first_where_the_wire_has_them_apart() -> None:
    messages = [said("assistant", "Welcome."), said("user", "Hi."), said("system", "Late."), said("user", "Well?")]
    assert [one.role for one in prepared(messages, CONVERSE)] == ["system", "user", "assistant", "user"]
    assert [one.role for one in prepared(messages, CHAT)] == ["assistant", "user", "system", "user"]
    assert [one.role for one in prepared([said("system", "Say hello.")], CLAUDE)] == ["user"]


def test_tool_traffic_without_tools_is_told_where_the_wire_refuses_it() -> None:
    messages = [
        said("user", "x"),
        said("assistant", call("c")),
        said("tool", "Down.", tool_call_id="c", status="error"),
    ]
    assert prepared(messages, CLAUDE, tools=False)[-1].text == "[Result of weather: Error: Down.]"
    assert prepared(messages, CHAT, tools=False)[-1].role == "tool"


def test_a_picture_in_a_result_moves_to_the_user_on_chat_completions() -> None:
    result = said("tool", ImageBlock(image=PNG), tool_call_id="c")
    messages = [said("user", "x"), said("assistant", call("c")), result]
    *_, left, moved = prepared(messages, CHAT)
    assert (left.role, left.text) == ("tool", "The result is attached below.")
    assert (moved.role, type(moved.parts[-1])) == ("user", Attachment)
    assert isinstance(prepared(messages, CLAUDE)[-1].parts[0], Attachment)


async def test_addresses_are_fetched_within_limits_where_the_service_takes_none() -> None:
    message = [said("user", ImageBlock(url="http://127.0.0.1:9/secret.png"))]
    with pytest.raises(InvalidRequestError, match="internal address"):
        prepared(message, CONVERSE)
    with pytest.raises(InvalidRequestError, match="internal address"):
        await aprepare(partial(read, message), CONVERSE, fitted())
    for to in (CHAT, RESPONSES, CLAUDE):
        (part,) = prepared(message, to)[0].parts
        assert isinstance(part, Attachment)
        assert part.url == "http://127.0.0.1:9/secret.png"


def test_files_that_cannot_be_sent() -> None:
    with pytest.raises(UnsupportedError, match=r"message 0, block 0 holds an image, and meta\.llama3-3 reads none"):
        prepared([said("user", ImageBlock(image=PNG))], LLAMA)
    with pytest.raises(UnsupportedError, match="system message and holds a file"):
        prepared([said("system", ImageBlock(image=PNG)), said("user", "x")], CHAT)
    with pytest.raises(InvalidRequestError, match=r"unknown type|isn't"):
        prepared([said("user", ImageBlock(image=b"\x00\x01nothing"))], CHAT)


def test_documents() -> None:
    text = DocumentBlock(data=b"The lamp is green.", document_mimetype="text/plain", title="a b.txt")
    for to in (CHAT, RESPONSES, CLAUDE):
        assert "The lamp is green." in str(prepared([said("user", text)], to)[0].parts)
    words, first, second = prepared([said("user", text, text)], CONVERSE)[0].parts
    assert isinstance(words, Text)
    assert [getattr(one, "name", None) for one in (first, second)] == ["a b", "a b 2"]


def test_a_citable_block_is_a_search_result_for_claude_and_words_elsewhere() -> None:
    block = CitableBlock(title="Lamps", source="lamps.txt", content=[TextBlock(text="The lamp is green.")])
    (part,) = prepared([said("user", block)], CLAUDE)[0].parts
    assert isinstance(part, WireBlock)
    assert part.block.items() >= {"type": "search_result", "source": "lamps.txt", "title": "Lamps"}.items()
    for to in (CHAT, RESPONSES, CONVERSE):
        assert prepared([said("user", block)], to)[0].text == "The lamp is green."
    picture = CitableBlock(title="Lamps", source="lamps.txt", content=[ImageBlock(image=PNG)])
    for to in ALL:
        assert isinstance(prepared([said("user", picture)], to)[0].parts[0], Attachment)


@pytest.mark.usefixtures("settings_file")
def test_reasoning_goes_back_to_the_service_that_made_it_alone(fresh_emulator: Emulator) -> None:
    model = "bedrock:us.anthropic.claude-sonnet-4-6"
    fresh_emulator.queue(Answer(blocks=[ReasoningAnswer("Thinking of lamps.", signature="c2ln"), TextAnswer("Green.")]))
    answer = TurnoutLLM(model).chat([said("user", "Which?")])
    saved = ChatMessage.model_validate_json(answer.message.model_dump_json())
    own = TurnoutLLM(model).route
    for message in (answer.message, saved):
        (kept,) = [one for one in prepared([said("user", "x"), message], own)[1].parts if isinstance(one, Reasoning)]
        assert (kept.text, kept.signature) == ("Thinking of lamps.", "c2ln")
        for to in ALL:
            assert not any(isinstance(one, Reasoning) for one in prepared([said("user", "x"), message], to)[1].parts)


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
