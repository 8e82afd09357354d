"""Applications that call tools."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.tools import FunctionTool

from tests.contract.apps.llama_index_parts import (
    CAPITAL,
    LLAMA_INDEX,
    MULTIPLY,
    TOOLS,
    WEATHER,
    calls_of,
    memory,
    run_tools,
    user,
)

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory

BOTH = "Multiply 6 and 7, and get the weather in Bern."


@LLAMA_INDEX.application(by_model=True)
def agent_with_rounds(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def run(*, streaming: bool) -> Any:
        agent = FunctionAgent(tools=[CAPITAL, WEATHER], llm=chat(), streaming=streaming)
        return await agent.run("What is the weather in the capital of France?")

    for streaming in (False, True):
        output = asyncio.run(run(streaming=streaming))
        assert [call.tool_name for call in output.tool_calls] == ["capital_of", "get_weather"]
        assert "sunny in Paris" in str(output)


@LLAMA_INDEX.application()
def agent_workflow(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A workflow whose memory holds several turns with tools."""

    async def run() -> tuple[str, int]:
        kept = memory()
        workflow = AgentWorkflow.from_tools_or_functions(list(TOOLS.values()), llm=chat())
        await workflow.run("Multiply 6 and 7.", memory=kept)
        return str(await workflow.run("Get the weather in Bern.", memory=kept)), len(kept.get_all())

    said, messages = asyncio.run(run())
    assert "sunny in Bern" in said
    assert messages == 8


@LLAMA_INDEX.application(by_model=True)
def parallel_tools(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    tools = [MULTIPLY, WEATHER]
    first = llm.chat_with_tools(tools, user_msg=BOTH, allow_parallel_tool_calls=True)
    assert {call.tool_name for call in calls_of(llm, first)} == {"multiply", "get_weather"}
    assert len({call.tool_id for call in calls_of(llm, first)}) == 2
    assert all(isinstance(call["function"]["arguments"], str) for call in first.message.additional_kwargs["tool_calls"])
    last = llm.chat_with_tools(tools, chat_history=[user(BOTH), first.message, *run_tools(llm, first)])
    assert "42" in str(last)
    assert "sunny in Bern" in str(last)


@LLAMA_INDEX.application(by_model=True)
def streamed_tool_calls(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def stream() -> Any:
        pieces = await chat().astream_chat_with_tools([MULTIPLY, WEATHER], BOTH, allow_parallel_tool_calls=True)
        return [piece async for piece in pieces][-1]

    calls = {call.tool_name: call.tool_kwargs for call in calls_of(chat(), asyncio.run(stream()))}
    assert calls == {"multiply": {"a": 6, "b": 7}, "get_weather": {"city": "Bern"}}


@LLAMA_INDEX.application("forced tools", by_model=True)
def forced_tool(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    named = llm.chat_with_tools([WEATHER, MULTIPLY], "Tell me about Bern and its bears.", tool_choice="multiply")
    assert [call.tool_name for call in calls_of(llm, named)] == ["multiply"]
    assert calls_of(llm, llm.chat_with_tools([WEATHER, MULTIPLY], "Say hello.", tool_required=True))


@LLAMA_INDEX.application(by_model=True)
def no_tool_choice(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """Tools were used and are on offer, and the application asks for words."""
    llm = chat()
    first = llm.chat_with_tools([WEATHER], "Get the weather in Bern.")
    told = [user("Get the weather in Bern."), first.message, *run_tools(llm, first), user("Get the weather in Thun.")]
    last = llm.chat_with_tools([WEATHER], chat_history=told, tool_choice="none")
    assert not calls_of(llm, last)
    assert str(last.message.content)


@LLAMA_INDEX.application()
def predict_and_call(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    answer = chat().predict_and_call([MULTIPLY, WEATHER], "Multiply 6 and 7.")
    assert answer.response == "42"
    assert answer.sources[0].tool_name == "multiply"


@LLAMA_INDEX.application()
def tool_history_without_tools(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    question = user("Get the weather in Bern.")
    first = llm.chat_with_tools([WEATHER], chat_history=[question])
    history = [question, first.message, *run_tools(llm, first), user("In which city is it sunny?")]
    assert "Bern" in str(llm.chat(history))


@LLAMA_INDEX.application()
def failed_tool(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    question = user("Get the weather in Bern.")
    first = llm.chat_with_tools([WEATHER], chat_history=[question])
    results = [
        ChatMessage(
            role=MessageRole.TOOL,
            content="The weather station is closed.",
            additional_kwargs={"tool_call_id": call.tool_id, "status": "error"},
        )
        for call in calls_of(llm, first)
    ]
    assert "closed" in str(llm.chat_with_tools([WEATHER], chat_history=[question, first.message, *results]))


@LLAMA_INDEX.application(by_model=True)
def one_tool_at_a_time(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The application runs one tool and asks again, whatever the model would rather do."""
    llm, tools, messages = chat(), [MULTIPLY, WEATHER], [user(BOTH)]
    for _ in range(2):
        response = llm.chat_with_tools(tools, chat_history=messages, allow_parallel_tool_calls=False)
        assert len(calls_of(llm, response)) == 1
        messages += [response.message, *run_tools(llm, response)]
    *_, last = llm.stream_chat_with_tools(tools, user_msg=BOTH, allow_parallel_tool_calls=False)
    assert len(calls_of(llm, last)) == 1


def station_clock() -> str:
    """Tell the time of the station clock."""
    return "It is 12:34 by the station clock."


CLOCK = FunctionTool.from_defaults(station_clock)


@LLAMA_INDEX.application()
def tool_without_arguments(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    question = user("Use station_clock: what time is it?")
    response = llm.chat_with_tools([CLOCK], chat_history=[question])
    ((name, arguments, call_id),) = [(c.tool_name, c.tool_kwargs, c.tool_id) for c in calls_of(llm, response)]
    assert (name, arguments) == ("station_clock", {})
    result = ChatMessage(role=MessageRole.TOOL, content=str(CLOCK.call()), additional_kwargs={"tool_call_id": call_id})
    assert "12:34" in str(llm.chat_with_tools([CLOCK], chat_history=[question, response.message, result]))
