"""`create_agent` with a form of the answer: every strategy on every wire, and made on one backend and run on another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.tools import tool

from tests.contract.apps.settings import COLUMNS
from tests.contract.forms import Report
from tests.contract.forms import weather as get_weather
from turnout.langchain import ChatTurnout

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator


weather = tool(get_weather)
ASKED: Any = {"messages": [("user", "Get the weather in Bern.")]}
TOLD: Any = {"messages": [("user", "City: Bern. Sky: sunny.")]}
FOUND = Report(city="Bern", sky="sunny")
STRATEGIES: dict[str, Any] = {
    "auto": Report,
    "provider": ProviderStrategy(Report),
    "strict": ProviderStrategy(Report, strict=True),
    "tool": ToolStrategy(Report),
}
strategies = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


@pytest.mark.usefixtures("column")
@strategies
@pytest.mark.parametrize("tools", [[weather], []], ids=["tools", "none"])
def test_an_agent(strategy: Any, tools: list[Any]) -> None:
    agent = create_agent(ChatTurnout(), tools, response_format=strategy)
    assert agent.invoke(ASKED if tools else TOLD)["structured_response"] == FOUND


@pytest.mark.usefixtures("column")
@strategies
async def test_asynchronously(strategy: Any) -> None:
    agent = create_agent(ChatTurnout(), [weather], response_format=strategy)
    assert (await agent.ainvoke(ASKED))["structured_response"] == FOUND


@pytest.mark.usefixtures("column")
@strategies
async def test_streamed(strategy: Any) -> None:
    agent: Any = create_agent(ChatTurnout(), [weather], response_format=strategy)
    *_, last = agent.stream(ASKED, stream_mode=["messages", "values"])
    assert last[1]["structured_response"] == FOUND
    *_, last = [piece async for piece in agent.astream(ASKED, stream_mode=["messages", "values"])]
    assert last[1]["structured_response"] == FOUND


OTHERS = ("azure", "azure_claude", "bedrock_nova", "bedrock_llama")
"""Backends that the strategy is chosen by where an agent is made: of each kind one."""


@strategies
@pytest.mark.parametrize("made_on", OTHERS)
def test_made_on_one_backend_and_run_on_another(
    strategy: Any,
    made_on: str,
    column: Column,
    fresh_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", made_on)
    agent = create_agent(ChatTurnout(), [weather], response_format=strategy)
    config: RunnableConfig = {"configurable": {"backend": column.name}}
    assert agent.invoke(ASKED, config)["structured_response"] == FOUND
    assert {(one.service, one.wire) for one in fresh_emulator.requests} == {(column.service, column.wire)}
    fresh_emulator.clear()
    monkeypatch.setenv("TURNOUT_BACKEND", column.name)
    assert agent.invoke(ASKED)["structured_response"] == FOUND
    assert {(one.service, one.wire) for one in fresh_emulator.requests} == {(column.service, column.wire)}


@pytest.mark.usefixtures("columns_file")
@pytest.mark.parametrize("strategy", [ProviderStrategy(Report), ToolStrategy(Report)], ids=["provider", "tool"])
@pytest.mark.parametrize("there", [name for name in COLUMNS if name != "azure"])
def test_a_conversation_of_an_agent_moves(strategy: Any, there: str) -> None:
    agent = create_agent(ChatTurnout(backend="azure"), [weather], response_format=strategy)
    first = agent.invoke(ASKED, {"configurable": {"backend": "azure"}})
    for backend in (there, "azure"):
        again: Any = {"messages": [*first["messages"], ("user", "Get the weather in Thun.")]}
        first = agent.invoke(again, {"configurable": {"backend": backend}})
        assert isinstance(first["structured_response"], Report)


@pytest.mark.usefixtures("column")
@pytest.mark.filterwarnings("ignore:reasoning_effort is left out")  # by the models that don't reason
def test_an_agent_that_thinks() -> None:
    agent = create_agent(ChatTurnout(reasoning_effort="low"), [weather], response_format=ToolStrategy(Report))
    assert agent.invoke(ASKED)["structured_response"] == FOUND
