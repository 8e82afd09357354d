"""LangChain's chains: saved and loaded, configured for one call, with another model to fall back on, and bound by others."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain.chat_models import init_chat_model
from langchain_core.load import dumps, loads
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField

from tests.contract.apps.langchain_parts import get_weather
from tests.contract.forms import ADA, LETTER, Person
from tests.support.parts import chats
from turnout.errors import UnknownRouteError
from turnout.langchain import ChatTurnout
from turnout_emulator import Failure

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

OTHER = "openai:gpt-4o-mini"
CONFIG: RunnableConfig = {"configurable": {"model": OTHER}}
PROMPT = ChatPromptTemplate.from_messages([("human", "{text}")])
NAME = ("turnout", "langchain", "ChatTurnout")


def reached(emulator: Emulator) -> set[tuple[str, str | None]]:
    found = {(one.service, one.model) for one in chats(emulator)}
    emulator.clear()
    return found


def loaded(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is in beta
        return loads(
            text,
            allowed_objects="core",
            valid_namespaces=["turnout"],
            additional_import_mappings={NAME: NAME},
        )


async def test_a_calls_config_chooses_the_model(column: Column, fresh_emulator: Emulator) -> None:
    chain = PROMPT | ChatTurnout() | StrOutputParser()
    asked = {"text": "hello"}
    chain.invoke(asked, CONFIG)
    await chain.ainvoke(asked, CONFIG)
    list(chain.stream(asked, CONFIG))
    assert [piece async for piece in chain.astream(asked, CONFIG)]
    chain.batch([asked, asked], CONFIG)
    chain.with_config(CONFIG).invoke(asked)
    ChatTurnout().with_structured_output(Person).invoke(LETTER, CONFIG)
    agent: Any = create_agent(ChatTurnout(), [get_weather])
    agent.invoke({"messages": [("user", "Get the weather in Bern.")]}, CONFIG)
    assert reached(fresh_emulator) == {("openai", "gpt-4o-mini")}
    ChatTurnout().invoke("hello", CONFIG, model="default")
    chain.invoke(asked)
    assert reached(fresh_emulator) == {(column.service, column.deployment)}


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_events_of_each_version(column: Column, fresh_emulator: Emulator) -> None:
    model, asked = ChatTurnout(), "Get the weather in Bern."
    tools: Any = {"tools": [get_weather]}
    for config, reaches in ((None, (column.service, column.deployment)), (CONFIG, ("openai", "gpt-4o-mini"))):
        whole: Any = model.stream_events(asked, config, version="v3", **tools)
        awhole: Any = await model.astream_events(asked, config, version="v3", **tools)
        for message in (whole.output, await awhole):
            assert [call["args"] for call in message.tool_calls] == [{"city": "Bern"}]
        events = [event async for event in model.astream_events(asked, config, version="v2", **tools)]
        assert events[-1]["event"] == "on_chat_model_end"
        assert len(chats(fresh_emulator)) == 3
        assert reached(fresh_emulator) == {reaches}


@pytest.mark.usefixtures("columns_file")
def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownRouteError, match="fastt"):
        ChatTurnout(backend="openai").invoke("hello", {"configurable": {"model": "fastt"}})


def test_configurable_fields(column: Column, fresh_emulator: Emulator) -> None:
    model = ChatTurnout().configurable_fields(
        max_tokens=ConfigurableField(id="longest"), backend=ConfigurableField(id="cloud")
    )
    model.with_config(configurable={"longest": 20}).invoke("hello")
    assert reached(fresh_emulator) == {(column.service, column.deployment)}
    model.with_config(configurable={"cloud": "openai"}).invoke("hello")
    assert reached(fresh_emulator) == {("openai", "gpt-4.1-mini")}


def test_a_saved_chain(column: Column, fresh_emulator: Emulator) -> None:
    chain: Runnable[Any, Any] = PROMPT | ChatTurnout(max_tokens=20) | StrOutputParser()
    again = loaded(dumps(chain))
    assert again.invoke({"text": "hello"}) == chain.invoke({"text": "hello"})
    assert reached(fresh_emulator) == {(column.service, column.deployment)}
    assert again.steps[1] == ChatTurnout(max_tokens=20)


def test_a_saved_chain_with_tools(column: Column, fresh_emulator: Emulator) -> None:
    chain = PROMPT | ChatTurnout().bind_tools([get_weather])
    answer = loaded(dumps(chain)).invoke({"text": "Get the weather in Bern."})
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Bern"}]
    assert reached(fresh_emulator) == {(column.service, column.deployment)}


def test_init_chat_model_does_not_know_turnout() -> None:
    with pytest.raises(ValueError, match="turnout"):
        init_chat_model("default", model_provider="turnout")


FORMS: dict[str, Any] = {
    "class": Person,
    "json_schema": {"type": "json_schema", "json_schema": {"name": "Person", "schema": Person.model_json_schema()}},
    "json_object": {"type": "json_object"},
}


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_form_that_a_middleware_binds(form: Any, streamed: bool) -> None:
    @wrap_model_call
    def bound(request: Any, handler: Any) -> Any:
        return handler(request.override(model_settings={"response_format": form}))

    agent: Any = create_agent(ChatTurnout(), middleware=[bound])
    asked = {"messages": [("user", f"{LETTER} Answer with JSON that has 'name', 'age' and 'city'.")]}
    last = list(agent.stream(asked, stream_mode="values"))[-1] if streamed else agent.invoke(asked)
    found = json.loads(last["messages"][-1].text)
    assert found == ADA if form is not FORMS["json_object"] else isinstance(found, dict)


@pytest.mark.parametrize("way", ["whole", "async", "stream", "async-stream"])
async def test_with_fallbacks(way: str, column: Column, fresh_emulator: Emulator) -> None:
    """What is bound after it is bound to both models."""

    async def last_of(model: Any, text: str) -> Any:
        fresh_emulator.queue(Failure.server_error())
        if "stream" not in way:
            return await model.ainvoke(text) if "async" in way else model.invoke(text)
        pieces = [piece async for piece in model.astream(text)] if "async" in way else list(model.stream(text))
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = piece if isinstance(piece, Person) else whole + piece
        return whole

    both: Any = ChatTurnout(backend="openai", max_retries=0).with_fallbacks([ChatTurnout(max_retries=0)])
    answer = await last_of(both.bind_tools([get_weather]), "Get the weather in Bern.")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Bern"}]
    assert await last_of(both.with_structured_output(Person), LETTER) == Person.model_validate(ADA)
    went = [(one.service, one.model) for one in chats(fresh_emulator)]
    assert went == [("openai", "gpt-4.1-mini"), (column.service, column.deployment)] * 2
