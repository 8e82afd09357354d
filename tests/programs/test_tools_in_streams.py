"""Programs that stream and have tools, on every column: some models take both only apart, and are asked for a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from tests.contract.apps.langchain_parts import get_weather, multiply
from tests.contract.apps.llama_index_parts import MULTIPLY, WEATHER, calls_of
from tests.contract.columns import WITHOUT_TOOLS_IN_STREAMS
from tests.contract.forms import Report, weather
from tests.support.parts import chats
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Failure, ToolCall, Usage

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # LlamaIndex's own

QUESTION = "Multiply 6 and 7, and get the weather in Bern."
CALLS = {"multiply": {"a": 6, "b": 7}, "get_weather": {"city": "Bern"}}
WAYS = pytest.mark.parametrize("way", ["stream", "astream"])


def check(emulator: Emulator, column: Column) -> None:
    """Every request was a stream, or none, as the model takes it."""
    assert {one.stream for one in chats(emulator)} == {column.name not in WITHOUT_TOOLS_IN_STREAMS}


async def pieces_of(model: Any, way: str, asked: Any, **arguments: Any) -> list[Any]:
    if way == "stream":
        return list(model.stream(asked, **arguments))
    return [piece async for piece in model.astream(asked, **arguments)]


async def chat_pieces_of(llm: TurnoutLLM, way: str, **arguments: Any) -> list[Any]:
    if way == "stream":
        return list(llm.stream_chat_with_tools(**arguments))
    return [piece async for piece in await llm.astream_chat_with_tools(**arguments)]


@WAYS
async def test_calls(way: str, column: Column, fresh_emulator: Emulator) -> None:
    whole: Any = None
    for piece in await pieces_of(ChatTurnout().bind_tools([multiply, get_weather]), way, QUESTION):
        assert isinstance(piece, AIMessageChunk)
        whole = piece if whole is None else whole + piece
    assert {call["name"]: call["args"] for call in whole.tool_calls} == CALLS
    assert len({call["id"] for call in whole.tool_calls}) == 2
    assert whole.usage_metadata["input_tokens"] > 0
    assert whole.response_metadata["finish_reason"] == "tool_calls"
    check(fresh_emulator, column)

    llm = TurnoutLLM()
    tools = [MULTIPLY, WEATHER]
    *_, last = await chat_pieces_of(llm, way, tools=tools, user_msg=QUESTION, allow_parallel_tool_calls=True)
    assert {call.tool_name: call.tool_kwargs for call in calls_of(llm, last)} == CALLS
    assert last.additional_kwargs["prompt_tokens"] > 0
    assert last.additional_kwargs["finish_reason"] == "tool_calls"
    check(fresh_emulator, column)


@WAYS
async def test_words_beside_a_call_and_usage(way: str, column: Column, fresh_emulator: Emulator) -> None:
    answer = Answer("Let me see.", tool_calls=[ToolCall("get_weather", {"city": "Bern"})], usage=Usage(11, 7))
    fresh_emulator.queue(answer, answer)
    pieces = await pieces_of(ChatTurnout().bind_tools([get_weather]), way, "Hello.")
    assert "".join(piece.text for piece in pieces) == "Let me see."
    assert sum(piece.usage_metadata["total_tokens"] for piece in pieces if piece.usage_metadata) == 18

    pieces = await chat_pieces_of(TurnoutLLM(), way, tools=[WEATHER], user_msg="Hello.")
    assert "".join(piece.delta for piece in pieces) == pieces[-1].message.content == "Let me see."
    assert pieces[-1].additional_kwargs["total_tokens"] == 18
    check(fresh_emulator, column)


@pytest.mark.usefixtures("column", "no_backoff")
@WAYS
async def test_a_failure_before_the_answer_is_tried_again(way: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.server_error())
    pieces = await pieces_of(ChatTurnout().bind_tools([get_weather]), way, "Get the weather in Bern.")
    assert [call["args"] for piece in pieces for call in piece.tool_calls if call["name"]]
    fresh_emulator.queue(Failure.server_error())
    *_, last = await chat_pieces_of(TurnoutLLM(), way, tools=[WEATHER], user_msg="Get the weather in Bern.")
    assert last.additional_kwargs["attempts"] == 2


@WAYS
async def test_without_tools_the_answer_comes_in_pieces(way: str, column: Column, fresh_emulator: Emulator) -> None:
    pieces = await pieces_of(ChatTurnout(), way, "The depot opens at seven.\n\nWhen does the depot open?")
    assert len([piece for piece in pieces if piece.text]) > 2
    assert [one.stream for one in chats(fresh_emulator)] == [True], column


@WAYS
async def test_langgraph_streams_messages(way: str, column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = create_agent(ChatTurnout(), [multiply, get_weather])
    asked = {"messages": [("user", QUESTION)]}
    pieces = [message for message, _ in await pieces_of(agent, way, asked, stream_mode="messages")]
    results = [message.text for message in pieces if isinstance(message, ToolMessage)]
    assert sorted(results) == ["42", "It is sunny in Bern."]
    said = "".join(message.text for message in pieces if isinstance(message, AIMessage))
    assert "42" in said
    assert "sunny in Bern" in said
    check(fresh_emulator, column)


@WAYS
async def test_an_agents_form_in_a_stream(way: str, column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = create_agent(ChatTurnout(), [tool(weather)], response_format=Report)
    asked = {"messages": [("user", "Get the weather in Bern.")]}
    *_, (_, last) = await pieces_of(agent, way, asked, stream_mode=["messages", "values"])
    assert last["structured_response"] == Report(city="Bern", sky="sunny")
    check(fresh_emulator, column)


@pytest.mark.usefixtures("column")
async def test_events_of_a_chain() -> None:
    chain = ChatTurnout().bind_tools([get_weather])
    events = [event async for event in chain.astream_events("Get the weather in Bern.", version="v2")]
    (ended,) = (event["data"]["output"] for event in events if event["event"] == "on_chat_model_end")
    assert [call["args"] for call in ended.tool_calls] == [{"city": "Bern"}]


@pytest.mark.parametrize("made", ["function agent", "workflow"])
async def test_llama_indexs_agents(made: str, column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = FunctionAgent(tools=[MULTIPLY, WEATHER], llm=TurnoutLLM(), streaming=True)
    agent = AgentWorkflow(agents=[agent]) if made == "workflow" else agent
    running = agent.run(QUESTION)
    streamed = "".join([event.delta async for event in running.stream_events() if isinstance(event, AgentStream)])
    output = await running
    assert {call.tool_name for call in output.tool_calls} == set(CALLS)
    assert str(output) in streamed
    assert "sunny in Bern" in str(output)
    check(fresh_emulator, column)


async def test_llama_indexs_agents_with_a_form(column: Column, fresh_emulator: Emulator) -> None:
    agent = FunctionAgent(
        tools=[FunctionTool.from_defaults(weather)], llm=TurnoutLLM(), output_cls=Report, streaming=True
    )
    output: Any = await agent.run("Get the weather in Bern.")
    found = output.get_pydantic_model(Report)
    assert isinstance(found, Report)
    assert found.city == "Bern"
    assert found.sky.startswith("sunny")  # LlamaIndex asks again, with the conversation in one text
    assert {(one.service, one.wire) for one in chats(fresh_emulator)} == {(column.service, column.wire)}


@WAYS
async def test_a_schema_in_a_stream(way: str, column: Column, fresh_emulator: Emulator) -> None:
    told = "City: Bern. Sky: sunny."
    *_, found = await pieces_of(ChatTurnout().with_structured_output(Report), way, told)
    assert found == Report(city="Bern", sky="sunny")
    llm = TurnoutLLM().as_structured_llm(Report)
    if way == "stream":
        *_, last = llm.stream_chat([ChatMessage(told)])
    else:
        *_, last = [piece async for piece in await llm.astream_chat([ChatMessage(told)])]
    assert last.raw == Report(city="Bern", sky="sunny")
    assert {(one.service, one.wire) for one in chats(fresh_emulator)} == {(column.service, column.wire)}
