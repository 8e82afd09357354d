"""Chunks of streamed answers, added up: nothing of the answer is lost, whatever came between its words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.settings import COLUMNS
from turnout.langchain import ChatTurnout
from turnout_emulator import Answer, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk

    from turnout_emulator import Emulator

ANSWERS: dict[str, list[Any]] = {
    "reasoning first": [Reasoning("One two."), Text("Yes "), Text("or no.")],
    "redacted first": [RedactedReasoning(b"hidden"), Text("Yes "), Text("or no.")],
    "reasoning between": [Reasoning("One two."), Text("Yes "), Reasoning("Three."), Text("or no.")],
    "reasoning in the middle": [Text("Yes "), Reasoning("Three."), Text("or no.")],
    "reasoning last": [Text("Yes or no."), Reasoning("Three.")],
    "calls": [Reasoning("One."), Text("Yes "), Text("or no."), ToolCall("look", {"at": 1})],
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def whole(column: str, *, tools: bool, asynchronous: bool) -> AIMessageChunk:
    model: Any = ChatTurnout(backend=column)
    model = model.bind_tools([TOOL]) if tools else model

    async def streamed() -> list[AIMessageChunk]:
        return [chunk async for chunk in model.astream("x")]

    chunks: list[Any] = asyncio.run(streamed()) if asynchronous else list(model.stream("x"))
    first, *rest = chunks
    for chunk in rest:
        first = first + chunk
    made: AIMessageChunk = first
    return made


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.filterwarnings("ignore:Received unexpected tool content block")
def test_content_blocks_have_the_text(
    column: str, answer: str, asynchronous: bool, fresh_emulator: Emulator, columns_file: object
) -> None:
    fresh_emulator.queue(Answer(blocks=ANSWERS[answer]))
    made = whole(column, tools=answer == "calls", asynchronous=asynchronous)
    said = "".join(str(block["text"]) for block in made.content_blocks if block["type"] == "text")
    assert said == made.text == "Yes or no."
    assert [call["name"] for call in made.tool_calls] == ["look"] * (answer == "calls")
    assert sum(block["type"] == "tool_call" for block in made.content_blocks) == (answer == "calls")
