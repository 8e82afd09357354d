"""Applications that call tools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool

from tests.contract.apps.langchain_parts import LANGCHAIN, TOOLS, capital_of, get_weather, multiply, run_tools
from tests.contract.apps.limits import needs

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory


def agent(chat: ChatFactory, request: str, *tools: BaseTool, rounds: int = 6) -> tuple[list[BaseMessage], int]:
    """Call tools until the model has an answer; gives the conversation, and how often the model was asked."""
    model = chat().bind_tools(list(tools))
    messages: list[BaseMessage] = [HumanMessage(request)]
    for number in range(1, rounds + 1):
        answer = model.invoke(messages)
        messages.append(answer)
        if not answer.tool_calls:
            return messages, number
        messages += run_tools(answer)
    msg = f"no answer after {rounds} rounds"
    raise AssertionError(msg)


@LANGCHAIN.application()
def tool_agent_with_rounds(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    messages, rounds = agent(chat, "What is the weather in the capital of France?", capital_of, get_weather)
    assert rounds == 3
    called = [call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    assert called == ["capital_of", "get_weather"]
    assert "sunny in Paris" in messages[-1].text


@LANGCHAIN.application(by_model=True)
def parallel_tools(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat().bind_tools([multiply, get_weather])
    question = HumanMessage("Multiply 6 and 7, and get the weather in Bern.")
    answer = model.invoke([question])
    assert {call["name"] for call in answer.tool_calls} == {"multiply", "get_weather"}
    assert len({call["id"] for call in answer.tool_calls}) == 2
    last = model.invoke([question, answer, *run_tools(answer)])
    assert "42" in last.text
    assert "sunny in Bern" in last.text


@LANGCHAIN.application("one tool at a time", by_model=True)
def one_tool_at_a_time(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat().bind_tools([multiply, get_weather], parallel_tool_calls=False)
    messages: list[BaseMessage] = [HumanMessage("Multiply 6 and 7, and get the weather in Bern.")]
    called = []
    while (answer := model.invoke(messages)).tool_calls:
        messages += [answer, *run_tools(answer)]
        called.append(len(answer.tool_calls))
    assert sum(called) == 2
    assert "42" in answer.text
    assert "sunny in Bern" in answer.text
    needs("one tool at a time", called == [1, 1], f"called at once: {called}")


@LANGCHAIN.application("forced tools", by_model=True)
def forced_tool(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A tool that the request doesn't ask for is called because the application says so, in each way of saying it."""
    model = chat()
    names: list[Any] = ["multiply", {"type": "function", "function": {"name": "multiply"}}]
    for choice in names:
        forced = model.bind_tools([get_weather, multiply], tool_choice=choice)
        answer = forced.invoke("Tell me about Bern and its bears.")
        assert [call["name"] for call in answer.tool_calls] == ["multiply"], f"{choice!r}: {answer.tool_calls}"
    anything: list[Any] = ["any", "required", True]
    for some in anything:
        answer = model.bind_tools([get_weather, multiply], tool_choice=some).invoke("Say hello.")
        assert answer.tool_calls, f"tool_choice={some!r} called nothing"


@LANGCHAIN.application(by_model=True)
def no_tool_choice(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """Tools were used and are on offer, and the application asks for words."""
    model = chat()
    question = HumanMessage("Get the weather in Bern.")
    answer = model.bind_tools([get_weather]).invoke([question])
    assert answer.tool_calls
    told = [question, answer, *run_tools(answer), HumanMessage("Get the weather in Thun.")]
    last = model.bind_tools([get_weather], tool_choice="none").invoke(told)
    assert not last.tool_calls
    assert last.text


@LANGCHAIN.application()
def tool_history_without_tools(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The part of the application that summarises knows nothing of the tools of the part that acted."""
    messages, _ = agent(chat, "Get the weather in Bern.", get_weather)
    last = chat().invoke([*messages, HumanMessage("In which city is it sunny?")])
    assert "Bern" in last.text


@LANGCHAIN.application()
def failed_tool(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat().bind_tools([get_weather])
    question = HumanMessage("Get the weather in Bern.")
    answer = model.invoke([question])
    results = [
        ToolMessage("The weather station is closed.", tool_call_id=str(call["id"]), status="error")
        for call in answer.tool_calls
    ]
    assert "closed" in model.invoke([question, answer, *results]).text


@LANGCHAIN.application(by_model=True)
def streamed_tool_calls(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    async def stream() -> AIMessage:
        whole: AIMessage | None = None
        async for chunk in (
            chat().bind_tools([multiply, get_weather]).astream("Multiply 6 and 7, and get the weather in Bern.")
        ):
            whole = chunk if whole is None else whole + chunk  # type: ignore[assignment]
        assert whole is not None
        return whole

    whole = asyncio.run(stream())
    calls = {call["name"]: call for call in whole.tool_calls}
    assert len(whole.tool_calls) == 2
    assert calls["multiply"]["args"] == {"a": 6, "b": 7}
    assert calls["get_weather"]["args"] == {"city": "Bern"}
    assert len({call["id"] for call in whole.tool_calls}) == 2
    assert whole.usage_metadata is not None, "no usage"


@LANGCHAIN.application()
def tool_without_arguments(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    @tool
    def station_clock() -> str:
        """Tell the time of the station clock."""
        return "It is 12:34 by the station clock."

    model = chat().bind_tools([station_clock])
    question = HumanMessage("Use station_clock: what time is it?")
    answer = model.invoke([question])
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("station_clock", {})]
    result = station_clock.invoke(answer.tool_calls[0])
    assert "12:34" in model.invoke([question, answer, result]).text


@LANGCHAIN.application()
def tools_of_one_turn_many_rounds(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A conversation of several turns with tools, in which some services give the same call id again."""
    model = chat().bind_tools(list(TOOLS.values()))
    messages: list[BaseMessage] = []
    for request, wanted in (
        ("Get the weather in Bern.", "sunny in Bern"),
        ("Multiply 6 and 7.", "42"),
        ("Get the weather in Thun.", "sunny in Thun"),
    ):
        messages.append(HumanMessage(request))
        answer = model.invoke(messages)
        assert len(answer.tool_calls) == 1, f"{request}: {answer.tool_calls}"
        messages += [answer, *run_tools(answer)]
        messages.append(model.invoke(messages))
        assert wanted in messages[-1].text
