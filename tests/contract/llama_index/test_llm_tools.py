"""Tools: chosen, forced, forbidden, several at once, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from tests.contract.llama_index.llama_parts import FRANCE, MULTIPLY, STATIONS, TOOLS, WEATHER
from tests.support.parts import chats
from turnout.errors import InvalidRequestError, StructuredOutputError, UnsupportedError
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, ToolCall

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse
    from llama_index.core.llms.llm import ToolSelection

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")


def calls_of(response: ChatResponse) -> list[ToolSelection]:
    return TurnoutLLM().get_tool_calls_from_response(response, error_on_no_tool_call=False)


def said(response: ChatResponse) -> list[tuple[str, dict[str, Any]]]:
    return [(call.tool_name, call.tool_kwargs) for call in calls_of(response)]


TIMES = ("multiply", {"a": 6, "b": 7})


def test_the_model_chooses() -> None:
    response = TurnoutLLM().chat_with_tools(TOOLS, "Multiply 6 and 7.")
    assert said(response) == [TIMES]
    assert response.additional_kwargs["finish_reason"] == "tool_calls"


def test_the_model_chooses_none() -> None:
    response = TurnoutLLM().chat_with_tools(TOOLS, FRANCE)
    assert said(response) == []
    assert "Paris" in str(response)


async def test_async() -> None:
    assert said(await TurnoutLLM().achat_with_tools(TOOLS, "Multiply 6 and 7.")) == [TIMES]


def test_stream() -> None:
    *_, last = TurnoutLLM().stream_chat_with_tools(TOOLS, "Multiply 6 and 7.")
    assert said(last) == [TIMES]
    assert last.additional_kwargs["finish_reason"] == "tool_calls"


async def test_async_stream() -> None:
    pieces = [piece async for piece in await TurnoutLLM().astream_chat_with_tools(TOOLS, "Multiply 6 and 7.")]
    assert said(pieces[-1]) == [TIMES]


def test_arguments_grow_in_a_stream(fresh_emulator: Emulator) -> None:
    arguments = {"city": "Interlaken Ost"}
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("weather", arguments)], chunk_size=4))
    pieces = list(TurnoutLLM().stream_chat_with_tools(TOOLS, "Weather?"))
    seen = [call.tool_kwargs for piece in pieces for call in calls_of(piece)]
    assert all(isinstance(kwargs, dict) for kwargs in seen)
    assert len({str(kwargs) for kwargs in seen}) > 2
    assert seen[-1] == arguments


@pytest.mark.parametrize("streamed", [False, True])
def test_one_shape_for_tool_calls(streamed: bool) -> None:
    llm = TurnoutLLM()
    if streamed:
        *_, response = llm.stream_chat_with_tools(TOOLS, "Multiply 6 and 7.")
    else:
        response = llm.chat_with_tools(TOOLS, "Multiply 6 and 7.")
    (block,) = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert block.tool_kwargs == {"a": 6, "b": 7}
    (kept,) = response.message.additional_kwargs["tool_calls"]
    assert kept["function"]["name"] == "multiply"
    assert kept["id"] == block.tool_call_id
    assert list(response.message.additional_kwargs) == ["tool_calls"]


# --- forced and forbidden


def choice_sent(emulator: Emulator) -> Any:
    received = chats(emulator)[-1]
    if received.service == "bedrock":
        return received.body.get("toolConfig", {}).get("toolChoice")
    return received.body.get("tool_choice")


ANY: dict[str, Any] = {"bedrock": {"any": {}}}
NAMED: dict[str, Any] = {"bedrock": {"tool": {"name": "weather"}}}


@pytest.mark.parametrize("choice", ["required", "any", True])
def test_required(backend: str, choice: Any, fresh_emulator: Emulator) -> None:
    response = TurnoutLLM().chat_with_tools(TOOLS, FRANCE, tool_choice=choice)
    assert len(said(response)) == 1
    assert choice_sent(fresh_emulator) == ANY.get(backend, "required")


def test_tool_required(backend: str, fresh_emulator: Emulator) -> None:
    assert len(said(TurnoutLLM().chat_with_tools([WEATHER], "Hello.", tool_required=True))) == 1
    assert choice_sent(fresh_emulator) == ANY.get(backend, "required")


@pytest.mark.parametrize("choice", ["weather", {"type": "function", "function": {"name": "weather"}}])
def test_named(backend: str, choice: Any, fresh_emulator: Emulator) -> None:
    response = TurnoutLLM().chat_with_tools(TOOLS, "Multiply 6 and 7 in Bern.", tool_choice=choice)
    assert [name for name, _ in said(response)] == ["weather"]
    assert choice_sent(fresh_emulator) == NAMED.get(backend, {"type": "function", "function": {"name": "weather"}})


def test_none(fresh_emulator: Emulator) -> None:
    response = TurnoutLLM().chat_with_tools(TOOLS, f"Multiply 6 and 7. {FRANCE}", tool_choice="none")
    assert said(response) == []
    assert response.message.content
    assert choice_sent(fresh_emulator) in {None, "none"}


def test_auto(backend: str, fresh_emulator: Emulator) -> None:
    assert said(TurnoutLLM().chat_with_tools(TOOLS, "Multiply 6 and 7.", tool_choice="auto")) == [TIMES]
    if backend == "bedrock":  # which is said with how many calls there may be, and may be said once only
        asked = chats(fresh_emulator)[-1].body["additionalModelRequestFields"]["tool_choice"]
        assert asked == {"type": "auto", "disable_parallel_tool_use": True}
    else:
        assert choice_sent(fresh_emulator) == "auto"


def test_an_unknown_name_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    with pytest.raises(UnsupportedError, match="'divide' is no tool that was given; there is 'multiply'"):
        TurnoutLLM().chat_with_tools(TOOLS, "Divide.", tool_choice="divide")
    assert fresh_emulator.requests == []


# --- several, and without arguments


BOTH = Answer(tool_calls=[ToolCall("weather", {"city": "Bern"}), ToolCall("weather", {"city": "Zug"})])


def test_several_at_once() -> None:
    response = TurnoutLLM().chat_with_tools(
        TOOLS, "Multiply 6 and 7, and get the weather in Bern.", allow_parallel_tool_calls=True
    )
    assert {name for name, _ in said(response)} == {"multiply", "weather"}
    assert len({call.tool_id for call in calls_of(response)}) == 2


def test_only_one_unless_several_are_allowed(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(BOTH, BOTH)
    llm = TurnoutLLM()
    assert said(llm.chat_with_tools(TOOLS, "Weather?")) == [("weather", {"city": "Bern"})]
    *_, last = llm.stream_chat_with_tools(TOOLS, "Weather?")
    assert said(last) == [("weather", {"city": "Bern"})]
    assert len(last.message.additional_kwargs["tool_calls"]) == 1


async def test_several_at_once_in_an_async_stream(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(BOTH)
    pieces = await TurnoutLLM().astream_chat_with_tools(TOOLS, "Weather?", allow_parallel_tool_calls=True)
    last = [piece async for piece in pieces][-1]
    assert said(last) == [("weather", {"city": "Bern"}), ("weather", {"city": "Zug"})]


def test_a_tool_without_arguments() -> None:
    response = TurnoutLLM().chat_with_tools([STATIONS], "List all stations.", tool_required=True)
    assert said(response) == [("list_stations", {})]
    *_, last = TurnoutLLM().stream_chat_with_tools([STATIONS], "List all stations.", tool_required=True)
    assert said(last) == [("list_stations", {})]


def test_unicode_arguments(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("weather", {"city": "Zürich 転轍機"})]))
    *_, last = TurnoutLLM().stream_chat_with_tools(TOOLS, "Weather?")
    assert said(last) == [("weather", {"city": "Zürich 転轍機"})]


def test_no_tool_call_where_one_is_expected() -> None:
    response = TurnoutLLM().chat([ChatMessage(FRANCE)])
    with pytest.raises(StructuredOutputError, match="answered in words"):
        TurnoutLLM().get_tool_calls_from_response(response)


def test_strict_schema(backend: str, fresh_emulator: Emulator) -> None:
    TurnoutLLM().chat_with_tools([MULTIPLY], "Multiply 6 and 7.", strict=True)
    body = chats(fresh_emulator)[-1].body
    if backend == "bedrock":
        assert body["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    else:
        assert body["tools"][0]["function"]["strict"] is True


# --- histories with results


def with_result(llm: TurnoutLLM, question: str) -> list[ChatMessage]:
    history = [ChatMessage(role=MessageRole.USER, content=question)]
    response = llm.chat_with_tools(TOOLS, chat_history=history)
    history.append(response.message)
    for call in llm.get_tool_calls_from_response(response):
        tool = next(tool for tool in TOOLS if tool.metadata.name == call.tool_name)
        result = tool.call(**call.tool_kwargs)
        history.append(
            ChatMessage(
                role=MessageRole.TOOL, content=str(result.content), additional_kwargs={"tool_call_id": call.tool_id}
            )
        )
    return history


def test_a_result_is_answered_from() -> None:
    llm = TurnoutLLM()
    history = with_result(llm, "Multiply 6 and 7.")
    assert len(history) == 3
    assert "42" in str(llm.chat_with_tools(TOOLS, chat_history=history))


async def test_a_result_is_answered_from_async() -> None:
    llm = TurnoutLLM()
    history = with_result(llm, "What is the weather in Bern?")
    pieces = [piece async for piece in await llm.astream_chat_with_tools(TOOLS, chat_history=history)]
    assert "sunny in Bern" in str(pieces[-1])


def test_several_results_at_once(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(BOTH)
    llm = TurnoutLLM()
    question = ChatMessage(role=MessageRole.USER, content="Weather in Bern and Zug?")
    response = llm.chat_with_tools(TOOLS, chat_history=[question], allow_parallel_tool_calls=True)
    results = [
        ChatMessage(
            role=MessageRole.TOOL,
            content=f"Snow in {call.tool_kwargs['city']}.",
            additional_kwargs={"tool_call_id": call.tool_id},
        )
        for call in calls_of(response)
    ]
    answer = llm.chat_with_tools(TOOLS, chat_history=[question, response.message, *results])
    assert "Snow in Bern" in str(answer)
    assert "Snow in Zug" in str(answer)


def test_a_history_with_tools_goes_on_without_them(fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM()
    history = with_result(llm, "Multiply 6 and 7.")
    for response in (llm.chat(history), llm.chat_with_tools(TOOLS, chat_history=history, tool_choice="none")):
        assert response.message.content
        assert said(response) == []
        assert "42" in str(chats(fresh_emulator)[-1].body["messages"])


def test_a_history_goes_on_on_the_other_side(backend: str) -> None:
    llm = TurnoutLLM()
    history = with_result(llm, "Multiply 6 and 7.")
    other = "openai" if backend == "bedrock" else "bedrock"
    assert "42" in str(llm.chat_with_tools(TOOLS, chat_history=history, backend=other))


def test_a_result_that_answers_no_call_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    history = [ChatMessage(FRANCE), ChatMessage(role=MessageRole.TOOL, content="42")]
    with pytest.raises(InvalidRequestError, match="message 1 is a tool's result"):
        TurnoutLLM().chat(history)
    assert fresh_emulator.requests == []


def test_the_callers_history_is_not_added_to() -> None:
    history = [ChatMessage(FRANCE)]
    TurnoutLLM().chat_with_tools(TOOLS, "Multiply 6 and 7.", chat_history=history)
    assert len(history) == 1


# --- predict_and_call


def test_predict_and_call() -> None:
    answer = TurnoutLLM().predict_and_call(TOOLS, "Multiply 6 and 7.")
    assert answer.response == "42"
    assert answer.sources[0].raw_input == {"args": (), "kwargs": {"a": 6, "b": 7}}


async def test_apredict_and_call() -> None:
    assert (await TurnoutLLM().apredict_and_call(TOOLS, "Multiply 6 and 7.")).response == "42"


def test_predict_and_call_several() -> None:
    question = "Multiply 6 and 7, and get the weather in Bern."
    answer = TurnoutLLM().predict_and_call(TOOLS, question, allow_parallel_tool_calls=True)
    assert "42" in answer.response
    assert "sunny in Bern" in answer.response
