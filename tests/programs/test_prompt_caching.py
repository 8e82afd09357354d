"""Prompts that are cached, on every column: LangChain's middlewares look at the class, and an option of the call doesn't."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_anthropic.middleware import AnthropicPromptCachingMiddleware
from langchain_aws.middleware import BedrockPromptCachingMiddleware
from langchain_core.messages import HumanMessage, SystemMessage
from llama_index.core.base.llms.types import CacheControl, CachePoint, ChatMessage, MessageRole, TextBlock

from tests.contract.apps.langchain_parts import get_weather
from tests.contract.apps.llama_index_parts import WEATHER
from tests.support.parts import chats
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

MARK = {"type": "ephemeral", "ttl": "1h"}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
NOVA_POINT = {"cachePoint": {"type": "default"}}
RULES, ASKED = "Be brief.", "Get the weather in Bern."


def check(body: Any, column: Column, *, tools: bool) -> None:
    """The request is marked as the column's model takes it."""
    match column.name:
        case "azure_claude" | "bedrock_messages":
            assert body["cache_control"] == MARK
        case "bedrock_claude":
            assert body["system"] == [{"text": RULES}, POINT]
            assert body["messages"][-1]["content"][-1] == POINT
            assert not tools or body["toolConfig"]["tools"][-1] == POINT
        case "bedrock_nova":
            assert body["system"] == [{"text": RULES}, NOVA_POINT]
            assert ["cachePoint" in str(message) for message in body["messages"]] == [True] + [False] * (
                len(body["messages"]) - 1
            )
            assert not tools or "cachePoint" not in str(body["toolConfig"])
        case _:
            assert "cache_control" not in str(body)
            assert "cachePoint" not in str(body)


@pytest.mark.parametrize("middlewares", [[], [AnthropicPromptCachingMiddleware, BedrockPromptCachingMiddleware]])
def test_an_agent(middlewares: list[Any], column: Column, fresh_emulator: Emulator) -> None:
    model = ChatTurnout(extra={"cache_control": MARK})
    middleware = [made(unsupported_model_behavior="ignore") for made in middlewares]
    agent: Any = create_agent(model, [get_weather], system_prompt=RULES, middleware=middleware)
    assert "sunny in Bern" in agent.invoke({"messages": [("user", ASKED)]})["messages"][-1].text
    first, second = (one.body for one in chats(fresh_emulator))
    check(first, column, tools=True)
    if column.name != "bedrock_nova":
        check(second, column, tools=True)


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
@pytest.mark.parametrize("way", ["whole", "stream", "async"])
def test_a_call(framework: str, way: str, column: Column, fresh_emulator: Emulator) -> None:
    model: Any
    messages: list[Any]
    if framework == "langchain":
        model = ChatTurnout().bind_tools([get_weather]).bind(cache_control=MARK)
        messages = [SystemMessage(RULES), HumanMessage(ASKED)]
        calls = {"whole": model.invoke, "stream": lambda asked: list(model.stream(asked)), "async": model.ainvoke}
    else:
        model = TurnoutLLM(additional_kwargs={"cache_control": MARK})
        messages = [ChatMessage(RULES, role=MessageRole.SYSTEM), ChatMessage(ASKED)]
        tools: Any = {"tools": [WEATHER.metadata.to_openai_tool()]}
        calls = {
            "whole": lambda asked: model.chat(asked, **tools),
            "stream": lambda asked: list(model.stream_chat(asked, **tools)),
            "async": lambda asked: model.achat(asked, **tools),
        }
    answer = calls[way](messages)
    if way == "async":
        asyncio.run(_awaited(answer))
    (request,) = chats(fresh_emulator)
    check(request.body, column, tools=True)


async def _awaited(answer: Any) -> None:
    await answer


@pytest.mark.usefixtures("columns_file")
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_no_more_marks_than_the_service_takes(framework: str, fresh_emulator: Emulator) -> None:
    point = {"cachePoint": {"type": "default"}}
    if framework == "langchain":
        content: list[Any] = [piece for text in "abcd" for piece in ({"type": "text", "text": text}, point)]
        model = ChatTurnout(backend="bedrock_claude").bind_tools([get_weather])
        model.invoke([SystemMessage(RULES), HumanMessage(content)], cache_control=MARK)
    else:
        mark = CachePoint(cache_control=CacheControl(type="ephemeral"))
        blocks: list[Any] = [piece for text in "abcd" for piece in (TextBlock(text=text), mark)]
        messages = [ChatMessage(RULES, role=MessageRole.SYSTEM), ChatMessage(role=MessageRole.USER, blocks=blocks)]
        tools = [WEATHER.metadata.to_openai_tool()]
        TurnoutLLM(backend="bedrock_claude").chat(messages, tools=tools, cache_control=MARK)
    body = chats(fresh_emulator)[-1].body
    assert str(body).count("cachePoint") == 4
    assert body["messages"][0]["content"][-1] == point
    assert body["toolConfig"]["tools"][-1] == POINT
