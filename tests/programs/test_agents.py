"""LangChain's agents with its own middlewares and every kind of form, on every column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolRetryMiddleware,
    wrap_model_call,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from tests.contract.apps.langchain_parts import get_weather, multiply
from tests.contract.forms import ADA, LETTER, Person, PersonData, PersonDict, Report, weather
from tests.support.parts import chats
from turnout.langchain import ChatTurnout
from turnout_emulator import Answer, Failure, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

ASKED: Any = {"messages": [("user", "Get the weather in Bern.")]}
FOUND = Report(city="Bern", sky="sunny")


def check(emulator: Emulator, column: Column) -> None:
    found = {(one.service, one.model, one.wire) for one in chats(emulator) if one.status == 200}
    assert found == {(column.service, column.deployment, column.wire)}


def said(result: Any) -> str:
    return str(result["messages"][-1].text)


SCHEMAS = {
    "class": Person,
    "dataclass": PersonData,
    "typeddict": PersonDict,
    "json_schema": {"title": "Person", **Person.model_json_schema()},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy, lambda schema: schema], ids=["p", "t", "auto"])
def test_every_kind_of_form(
    strategy: Callable[[Any], Any], schema: Any, column: Column, fresh_emulator: Emulator
) -> None:
    agent: Any = create_agent(ChatTurnout(), [multiply], response_format=strategy(schema))
    found = agent.invoke({"messages": [("user", LETTER)]})["structured_response"]
    assert (found if isinstance(found, dict) else vars(found)) == ADA
    check(fresh_emulator, column)


def test_one_of_two_forms(column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = create_agent(ChatTurnout(), [tool(weather)], response_format=ToolStrategy(Report | Person))
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Person", ADA)]))
    assert agent.invoke({"messages": [("user", LETTER)]})["structured_response"] == Person.model_validate(ADA)
    check(fresh_emulator, column)


def test_a_form_that_does_not_fit_is_asked_for_again(column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = create_agent(ChatTurnout(), response_format=ToolStrategy(Person))
    fresh_emulator.queue(
        Answer(tool_calls=[ToolCall("Person", {**ADA, "name": ""})]), Answer(tool_calls=[ToolCall("Person", ADA)])
    )
    result = agent.invoke({"messages": [("user", LETTER)]})
    assert result["structured_response"] == Person.model_validate(ADA)
    assert len([message for message in result["messages"] if isinstance(message, ToolMessage)]) == 2
    check(fresh_emulator, column)


MIDDLEWARES: dict[str, Callable[[], Any]] = {
    "call limit": lambda: ModelCallLimitMiddleware(run_limit=5),
    "context editing": lambda: ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=100_000)]),
    "retry": lambda: ModelRetryMiddleware(max_retries=1),
    "to-do list": lambda: TodoListMiddleware(tool_description="Write down what is to be done."),
    "tool retry": lambda: ToolRetryMiddleware(max_retries=1),
}


@pytest.mark.parametrize("made", MIDDLEWARES.values(), ids=MIDDLEWARES)
async def test_a_middleware(made: Callable[[], Any], column: Column, fresh_emulator: Emulator) -> None:
    agent: Any = create_agent(ChatTurnout(), [get_weather], middleware=[made()])
    assert "sunny in Bern" in said(await agent.ainvoke(ASKED))
    check(fresh_emulator, column)


def test_a_selection_of_tools(column: Column, fresh_emulator: Emulator) -> None:
    """The middleware asks for an object whose member may be one of the tools' names."""
    selector = LLMToolSelectorMiddleware(model=ChatTurnout(), max_tools=1)
    agent: Any = create_agent(ChatTurnout(), [get_weather, multiply], middleware=[selector])
    assert agent.invoke(ASKED)["messages"][-1].text
    assert len(chats(fresh_emulator)) >= 2
    check(fresh_emulator, column)


def test_a_summary_and_a_checkpoint(column: Column, fresh_emulator: Emulator) -> None:
    summary = SummarizationMiddleware(model=ChatTurnout(), trigger=("messages", 4), keep=("messages", 1))
    agent: Any = create_agent(ChatTurnout(), [get_weather], middleware=[summary], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    agent.invoke(ASKED, config)
    last = agent.invoke({"messages": [("user", "Get the weather in Thun.")]}, config)
    assert "sunny in Thun" in said(last)
    check(fresh_emulator, column)


@pytest.mark.parametrize("strategy", [None, ToolStrategy(Report), ProviderStrategy(Report)], ids=["none", "t", "p"])
def test_another_model_when_one_fails(strategy: Any, column: Column, fresh_emulator: Emulator) -> None:
    fallback = ModelFallbackMiddleware(ChatTurnout())
    first = ChatTurnout(backend="openai", max_retries=0)
    agent: Any = create_agent(first, [tool(weather)], middleware=[fallback], response_format=strategy)
    fresh_emulator.queue(Failure.server_error())
    result = agent.invoke(ASKED)
    assert strategy is None or result["structured_response"] == FOUND
    services = {one.service for one in chats(fresh_emulator)}
    assert services == {"openai", column.service}


def test_a_middleware_that_chooses_the_backend(column: Column, fresh_emulator: Emulator) -> None:
    @wrap_model_call
    def elsewhere(request: Any, handler: Any) -> Any:
        return handler(request.override(model=ChatTurnout(backend=column.name)))

    agent: Any = create_agent(
        ChatTurnout(backend="openai"), [tool(weather)], middleware=[elsewhere], response_format=Report
    )
    assert agent.invoke(ASKED)["structured_response"] == FOUND
    check(fresh_emulator, column)
