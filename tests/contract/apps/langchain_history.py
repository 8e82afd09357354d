"""Applications whose conversations are odd, saved, or go on elsewhere."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from tests.contract.apps.langchain_parts import LANGCHAIN, TOOLS, capital_of, get_weather, multiply, run_tools, said
from turnout_emulator import Answer, Reasoning, RedactedReasoning, Text, ToolCall

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory


@LANGCHAIN.application(by_model=True)
def odd_messages(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """Names, empty and blank texts, runs of one role, system messages late and twice: what chats are made of."""
    messages: list[BaseMessage] = [
        SystemMessage("You help travellers."),
        HumanMessage("My name is Ada.", name="ada"),
        AIMessage("Hello Ada.", name="clerk"),
        HumanMessage(""),
        AIMessage(""),
        HumanMessage("  \n "),
        HumanMessage("The lamp is green."),
        HumanMessage([{"type": "text", "text": "The bell is silent."}, {"type": "text", "text": ""}]),
        SystemMessage("The office closes at six."),
        AIMessage("I see."),
        AIMessage("Anything else?"),
        HumanMessage("Which colour is the lamp?"),
    ]
    before = copy.deepcopy(messages)
    model = chat()
    assert "green" in model.invoke(messages).text
    late = [*messages[:-1], HumanMessage("When does the office close?")]
    assert "six" in model.invoke(late).text
    assert messages == before, "the caller's messages were changed"


@LANGCHAIN.application()
def starts_with_the_assistant(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A widget's greeting comes before anything that its user says."""
    messages = [AIMessage("Welcome! The lamp is green today."), HumanMessage("Which colour is the lamp?")]
    assert "green" in chat().invoke(messages).text


@LANGCHAIN.application()
def saved_history(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A conversation with tools is stored, read again, and goes on: by `dumps`, and as dicts in a database."""
    model = chat().bind_tools([get_weather])
    messages: list[BaseMessage] = [SystemMessage("You help travellers."), HumanMessage("Get the weather in Bern.")]
    messages.append(model.invoke(messages))
    messages += run_tools(messages[-1])  # type: ignore[arg-type]
    messages.append(model.invoke(messages))
    for stored in (loads(dumps(messages), allowed_objects="messages"), messages_from_dict(messages_to_dict(messages))):
        assert stored == messages
        answer = model.invoke([*stored, HumanMessage("In which city is it sunny?")])
        assert "Bern" in answer.text


def graph(chat: ChatFactory, saver: InMemorySaver) -> CompiledStateGraph[Any]:
    """An agent as LangGraph builds one: the model and its tools, in turns, with its state saved after each."""
    model = chat().bind_tools([capital_of, get_weather])

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_node("tools", ToolNode([get_weather, capital_of]))
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("ask", tools_condition)
    builder.add_edge("tools", "ask")
    return builder.compile(checkpointer=saver)


THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}


def turn(agent: CompiledStateGraph[Any], request: str) -> str:
    """One turn of the conversation of the one thread."""
    return str(agent.invoke({"messages": [HumanMessage(request)]}, THREAD)["messages"][-1].text)


@LANGCHAIN.application()
def langgraph_agent(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    saver = InMemorySaver()
    assert "sunny in Paris" in turn(graph(chat, saver), "What is the weather in the capital of France?")
    # Another process, as far as the graph knows: all that is left is what the checkpoint holds.
    assert "sunny in Bern" in turn(graph(chat, saver), "Get the weather in Bern.")
    assert len(graph(chat, saver).get_state(THREAD).values["messages"]) == 10


@LANGCHAIN.application(by_model=True)
def langgraph_agent_streamed(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The tokens of a graph's model reach whoever streams the graph."""
    agent = graph(chat, InMemorySaver())
    question = {"messages": [HumanMessage("Get the weather in Bern.")]}
    chunks = [chunk for chunk, _ in agent.stream(question, THREAD, stream_mode="messages")]
    assert "sunny in Bern" in said(*(chunk for chunk in chunks if isinstance(chunk, AIMessage)))


# --- a conversation begun on one backend goes on on another

THOUGHT = Answer(
    blocks=[
        Reasoning("I need the weather."),
        RedactedReasoning(b"sealed by the service"),
        Text("I ask."),
        ToolCall("get_weather", {"city": "Bern"}),
        ToolCall("get_weather", {"city": "Basel"}),
    ]
)


def begin(chat: ChatFactory, embeddings: EmbeddingsFactory) -> list[BaseMessage]:
    """A conversation with thinking, two calls at once and one alone, one answer that was streamed, and a system message in between."""
    model = chat().bind_tools([get_weather, multiply])
    messages: list[BaseMessage] = [SystemMessage("You help travellers."), HumanMessage("What is it like in Bern?")]
    messages.append(model.invoke(messages))
    messages += run_tools(messages[-1])  # type: ignore[arg-type]
    messages.append(model.invoke(messages))
    messages += [SystemMessage("The office closes at six."), HumanMessage("Multiply 6 and 7.", name="ada")]
    chunks = list(model.stream(messages))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk  # type: ignore[assignment]
    messages.append(message_chunk_to_message(whole))
    messages += run_tools(messages[-1])  # type: ignore[arg-type]
    messages.append(model.invoke(messages))
    assert "42" in messages[-1].text
    return messages


def go_on(chat: ChatFactory, embeddings: EmbeddingsFactory, messages: list[BaseMessage]) -> None:
    """Words, another tool, and a schema, on top of what happened elsewhere; as it is, and saved and read again."""
    before = copy.deepcopy(messages)
    for history in (messages, loads(dumps(messages), allowed_objects="messages")):
        told = [*history, HumanMessage("When does the office close?")]
        assert "six" in chat().bind_tools(list(TOOLS.values())).invoke(told).text
        assert "six" in "".join(chunk.text for chunk in chat().stream(told))
        again = [*history, HumanMessage("Get the weather in Thun.")]
        model = chat().bind_tools([get_weather])
        answer = model.invoke(again)
        assert [call["args"] for call in answer.tool_calls] == [{"city": "Thun"}]
        assert "sunny in Thun" in model.invoke([*again, answer, *run_tools(answer)]).text
    assert messages == before, "the caller's messages were changed"


LANGCHAIN.relay("history_moved", begin, go_on, given=(THOUGHT,))


def begin_checkpoint(chat: ChatFactory, embeddings: EmbeddingsFactory) -> InMemorySaver:
    """An agent's conversation, saved."""
    saver = InMemorySaver()
    assert "sunny in Paris" in turn(graph(chat, saver), "What is the weather in the capital of France?")
    return saver


def go_on_from_checkpoint(chat: ChatFactory, embeddings: EmbeddingsFactory, saved: InMemorySaver) -> None:
    """The agent goes on where it stopped."""
    saver = copy.deepcopy(saved)
    assert "sunny in Bern" in turn(graph(chat, saver), "Get the weather in Bern.")
    messages = graph(chat, saver).get_state(THREAD).values["messages"]
    assert len(messages) == 10


LANGCHAIN.relay("checkpoint_moved", begin_checkpoint, go_on_from_checkpoint)
