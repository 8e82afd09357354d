"""Texts with half of a surrogate pair in them, as PDF extraction makes them: sent without it, on every column."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from tests.contract.apps.langchain_parts import get_weather
from tests.contract.apps.llama_index_parts import WEATHER
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from tests.support.parts import chats
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator.accounts import AZURE_KEY

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

HALF, PAIR = "\ud83d", "\ud83d\ude82"  # the second is a whole character, in two halves
CALL = {"name": "get_weather", "args": {"city": f"Bern{HALF}"}, "id": "call_1"}


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_a_question(framework: str, way: str, fresh_emulator: Emulator) -> None:
    text = f"The lamp {HALF} is green, like {PAIR}.\n\nWhich colour is the lamp?"
    assert "green" in Chat(framework).ask(way, text).text
    sent = str(chats(fresh_emulator)[-1].body)
    assert "The lamp \ufffd is green, like \U0001f682." in sent


def test_a_conversation(column: Column, fresh_emulator: Emulator) -> None:
    """Also in what the system says, what a tool was called with, and what it gave; the caller's messages stay."""
    messages: list[Any] = [
        SystemMessage(f"Be brief.{HALF}"),
        HumanMessage("Get the weather in Bern."),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage(f"sunny{HALF}", tool_call_id="call_1"),
    ]
    before = str(messages).encode("utf-8", "surrogatepass")
    ChatTurnout().bind_tools([get_weather]).invoke(messages)
    assert str(messages).encode("utf-8", "surrogatepass") == before
    call = ToolCallBlock(tool_call_id="call_1", tool_name="get_weather", tool_kwargs=CALL["args"])
    asked = [
        ChatMessage(f"Be brief.{HALF}", role=MessageRole.SYSTEM),
        ChatMessage("Get the weather in Bern."),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
        ChatMessage(f"sunny{HALF}", role=MessageRole.TOOL, additional_kwargs={"tool_call_id": "call_1"}),
    ]
    asyncio.run(TurnoutLLM().achat_with_tools([WEATHER], chat_history=asked))
    for request in chats(fresh_emulator):
        assert request.status == 200, column
        for text in ("Be brief.\ufffd", "Bern\ufffd", "sunny\ufffd"):
            assert text in str(request.body).replace("\\ufffd", "\ufffd")


def test_the_emulator_takes_none(fresh_emulator: Emulator) -> None:
    body = b'{"model": "gpt-5-prod", "messages": [{"role": "user", "content": "Hi%s"}]}'
    url = f"{fresh_emulator.azure.url}/openai/v1/chat/completions"
    headers = {"api-key": AZURE_KEY, "content-type": "application/json"}
    with httpx.Client() as client:
        for half, status in ((b"\\ud83d", 400), (b"\xed\xa0\xbd", 400), (b"\\ud83d\\ude82", 200), (b"", 200)):
            assert client.post(url, content=body % half, headers=headers).status_code == status
