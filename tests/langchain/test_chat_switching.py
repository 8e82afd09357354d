"""`ChatTurnout` on another backend: by the variable, or by the config of one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from tests.support.parts import CONTEXT, chats
from turnout.langchain import ChatTurnout, TurnoutEmbeddings

if TYPE_CHECKING:
    from turnout_emulator import Emulator


@pytest.mark.usefixtures("settings_file")
def test_the_variable_alone_changes_where_requests_go(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "Answer from the context."), ("human", "{question}")])
    chain = prompt | ChatTurnout() | StrOutputParser()
    embeddings = TurnoutEmbeddings()
    went = []
    for name in ("azure", "bedrock", "openai", "azure_dated"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        fresh_emulator.clear()
        assert chain.invoke({"question": CONTEXT}) == "The depot opens at seven."
        embeddings.embed_query("depot")
        went.append([(r.service, r.wire, r.model, "api-version" in r.query) for r in fresh_emulator.requests])
    assert went == [
        [("azure", "openai-chat", "gpt-5-prod", False), ("azure", "openai-embeddings", "embed-small", False)],
        [
            ("bedrock", "bedrock-converse", "us.anthropic.claude-sonnet-4-6", False),
            ("bedrock", "bedrock-invoke", "amazon.titan-embed-text-v2:0", False),
        ],
        [("openai", "openai-chat", "gpt-5", False), ("openai", "openai-embeddings", "text-embedding-3-small", False)],
        [("azure", "openai-chat", "gpt-5-prod", True), ("azure", "openai-embeddings", "embed-small", True)],
    ]


@pytest.mark.usefixtures("settings_file")
async def test_one_call_switches_by_its_config(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(backend="azure")
    chain = ChatPromptTemplate.from_messages([("human", "{text}")]) | model | StrOutputParser()
    there = chain.with_config(configurable={"backend": "bedrock"})
    config = RunnableConfig(configurable={"backend": "bedrock"})
    there.invoke({"text": "hello"})
    await there.ainvoke({"text": "hello"})
    list(chain.stream({"text": "hello"}, config))
    [_ async for _ in chain.astream({"text": "hello"}, config)]
    there.batch([{"text": "hello"}] * 2)
    await there.abatch([{"text": "hello"}] * 2)
    assert {r.service for r in chats(fresh_emulator)} == {"bedrock"}
    assert len(chats(fresh_emulator)) == 8
    chain.invoke({"text": "hello"})
    assert chats(fresh_emulator)[-1].service == "azure"


@pytest.mark.usefixtures("settings_file")
def test_tools_and_schemas_bound_before_the_switch_work_after_it(fresh_emulator: Emulator) -> None:
    class Depot(BaseModel):
        """A depot."""

        name: str
        tracks: int

    model = ChatTurnout(backend="azure")
    found = model.with_structured_output(Depot)
    for name in ("azure", "bedrock", "openai"):
        config = RunnableConfig(configurable={"backend": name})
        assert found.invoke("name: Northgate, tracks: 12", config) == Depot(name="Northgate", tracks=12)
        assert list(found.stream("name: Northgate, tracks: 12", config))[-1] == Depot(name="Northgate", tracks=12)
    bodies = {r.service: r.body for r in chats(fresh_emulator)}
    assert bodies["azure"]["response_format"]["type"] == "json_schema"
    assert bodies["bedrock"]["toolConfig"]["toolChoice"] == {"tool": {"name": "Depot"}}


@pytest.mark.usefixtures("settings_file")
def test_two_backends_do_not_share_a_cached_answer(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ChatTurnout(cache=InMemoryCache())
    for name in ("azure", "bedrock", "azure", "bedrock"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        model.invoke("hello")
        model.invoke("hello", backend="openai")
    assert [r.service for r in chats(fresh_emulator)] == ["azure", "openai", "bedrock", "openai"]


@pytest.mark.usefixtures("settings_file")
def test_a_cache_does_not_take_a_temperature_of_zero_for_none(fresh_emulator: Emulator) -> None:
    cache = InMemoryCache()
    given: list[dict[str, Any]] = [{}, {"temperature": 0.0}, {"top_p": 0.0}, {"temperature": 0.0}]
    for options in given:
        ChatTurnout(model="bedrock:amazon.nova-lite-v1:0", cache=cache, **options).invoke("hello")
    assert len(chats(fresh_emulator)) == 3
