"""Reasoning that is redacted, or signed but not shown: it goes back to the service that gave it, as it was."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ThinkingBlock, ToolCallBlock

from tests.contract.apps.settings import COLUMNS
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

    from turnout_emulator import Emulator

CLAUDES = ["azure_claude", "bedrock_claude"]
HIDDEN = base64.b64encode(b"nobody reads this").decode()
THOUGHT = Answer(
    blocks=[
        RedactedReasoning(b"nobody reads this"),
        Reasoning(""),
        Reasoning("First Bern."),
        Text("I ask."),
        ToolCall("weather", {"city": "Bern"}),
        Reasoning("Then Thun."),
        ToolCall("weather", {"city": "Thun"}),
    ]
)
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
QUESTION = ChatMessage("What is it like in Bern?")


pytestmark = pytest.mark.usefixtures("columns_file")


async def asked(how: str, llm: TurnoutLLM) -> ChatResponse:
    arguments: dict[str, Any] = {"tools": [TOOL], "allow_parallel_tool_calls": True}
    last: ChatResponse
    if how == "whole":
        last = llm.chat([QUESTION], **arguments)
    elif how == "async":
        last = await llm.achat([QUESTION], **arguments)
    elif how == "stream":
        *_, last = llm.stream_chat([QUESTION], **arguments)
    else:
        last = [piece async for piece in await llm.astream_chat([QUESTION], **arguments)][-1]
    return last


def body(emulator: Emulator) -> dict[str, Any]:
    made: dict[str, Any] = [one for one in emulator.requests if one.operation == "chat"][-1].body
    return made


def thoughts(content: list[dict[str, Any]]) -> list[tuple[str, Any, bool]]:
    """Kind, text or data, and whether it is signed, of each block of reasoning; calls and texts by their kind alone."""
    found: list[tuple[str, Any, bool]] = []
    for block in content:
        match block:
            case {"type": "redacted_thinking", "data": data}:
                found.append(("redacted", data, False))
            case {"type": "thinking", "thinking": text, "signature": signature}:
                found.append(("thinking", text, bool(signature)))
            case {"reasoningContent": {"redactedContent": data}}:
                found.append(("redacted", data, False))
            case {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}:
                found.append(("thinking", text, bool(signature)))
            case {"text": _}:
                found.append(("text", None, False))
            case _:
                found.append(("call", None, False))
    return found


@pytest.mark.parametrize("how", ["whole", "async", "stream", "async stream"])
@pytest.mark.parametrize("column", CLAUDES)
async def test_it_goes_back_as_it_was(column: str, how: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(THOUGHT)
    answer = (await asked(how, TurnoutLLM(backend=column))).message
    kinds = [type(block) for block in answer.blocks]
    assert kinds == [
        ThinkingBlock,
        ThinkingBlock,
        ThinkingBlock,
        TextBlock,
        ToolCallBlock,
        ThinkingBlock,
        ToolCallBlock,
    ]
    assert answer.content == "I ask."
    results = [
        ChatMessage(role=MessageRole.TOOL, content="Sunny.", additional_kwargs={"tool_call_id": block.tool_call_id})
        for block in answer.blocks
        if isinstance(block, ToolCallBlock)
    ]
    saved = ChatMessage.model_validate_json(answer.model_dump_json())
    for message in (answer, saved):
        history = [QUESTION, message, *results]
        # The emulator refuses what it didn't sign.
        assert TurnoutLLM(backend=column).chat(history, tools=[TOOL]).message.content
        (turn,) = [one for one in body(fresh_emulator)["messages"] if one["role"] == "assistant"]
        assert thoughts(turn["content"]) == [
            ("redacted", HIDDEN, False),
            ("thinking", "", True),
            ("thinking", "First Bern.", True),
            ("text", None, False),
            ("call", None, False),
            ("thinking", "Then Thun.", True),
            ("call", None, False),
        ]


@pytest.mark.parametrize("to", [name for name in COLUMNS if name != "bedrock_claude"])
def test_no_other_service_gets_it(to: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(blocks=[RedactedReasoning(b"nobody reads this"), Reasoning(""), Text("Green.")]))
    answer = TurnoutLLM(backend="bedrock_claude").chat([QUESTION]).message
    history = [QUESTION, answer, ChatMessage("Sure?")]
    before = [message.model_copy(deep=True) for message in history]
    assert TurnoutLLM(backend=to).chat(history).message.content
    sent = str(body(fresh_emulator))
    assert "Green." in sent
    for word in (HIDDEN, "redacted", "reasoningContent", "signature", "\ue000"):
        assert word not in sent
    assert history == before


def test_agents_see_claude_think(fresh_emulator: Emulator) -> None:
    for column in CLAUDES:
        fresh_emulator.queue(Answer(blocks=[Reasoning("One two three."), Text("Green.")]))
        pieces = list(TurnoutLLM(backend=column).stream_chat([QUESTION]))
        assert "".join(piece.additional_kwargs.get("thinking_delta", "") for piece in pieces) == "One two three."
