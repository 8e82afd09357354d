"""What applications do with a model goes on while calls move: objects, batches, indexes, and the frameworks' fallbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.tools import tool
from llama_index.core import PromptTemplate
from llama_index.core.schema import TextNode

import turnout.langchain.index as langchain_index
import turnout.llama_index.index as llama_index_index
from tests.contract.forms import ADA, LETTER, Person
from turnout.calls import circuit
from turnout.embedding import failover
from turnout.errors import ServerError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Failure, Received

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("no_backoff", "settings_file", "healthy")
FOUND = Person.model_validate(ADA)
INDEX = """
[index.docs]
store = "{store}"
path = "docs"
framework = "{framework}"
"""


@pytest.fixture
def healthy(fresh_emulator: Emulator) -> Iterator[None]:
    """Azure is down for chats."""
    circuit.reset_health()
    failover._compared.clear()
    fresh_emulator.rule(down)
    yield
    circuit.reset_health()
    failover._compared.clear()


def down(request: Received) -> Failure | None:
    return Failure("server_error") if request.service == "azure" and request.operation == "chat" else None


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return 'fallbacks = ["bedrock", "openai"]\n' + fresh_emulator.settings_toml()


def test_objects_in_langchain(fresh_emulator: Emulator) -> None:
    for method in (None, "function_calling", "json_schema", "json_mode"):
        circuit.reset_health()
        structured = ChatTurnout().with_structured_output(Person, method=method)
        assert structured.invoke(LETTER) == FOUND
        assert asyncio.run(structured.ainvoke(LETTER)) == FOUND
        assert list(structured.stream(LETTER))[-1] == FOUND
    assert {request.status for request in fresh_emulator.requests if request.service == "bedrock"} == {200}


def test_objects_in_llama_index(fresh_emulator: Emulator) -> None:
    llm, prompt = TurnoutLLM(), PromptTemplate("{letter}")
    assert llm.structured_predict(Person, prompt, letter=LETTER) == FOUND
    assert asyncio.run(llm.astructured_predict(Person, prompt, letter=LETTER)) == FOUND
    assert list(llm.stream_structured_predict(Person, prompt, letter=LETTER))[-1] == FOUND
    assert {request.status for request in fresh_emulator.requests if request.service == "bedrock"} == {200}


def test_batches() -> None:
    chat = ChatTurnout()
    answers = [*chat.batch(["x"] * 8), *asyncio.run(chat.abatch(["x"] * 8))]
    assert {answer.response_metadata["backend"] for answer in answers} == {"bedrock"}
    # Those that come later don't ask what rests.
    assert "failed_attempts" not in chat.invoke("x").response_metadata


def test_the_frameworks_own_fallbacks_go_on_top(fresh_emulator: Emulator) -> None:
    fresh_emulator.rule(lambda request: None if request.service == "openai" else Failure("server_error"))
    own: Any = ChatTurnout(model="bedrock:us.amazon.nova-lite-v1:0").with_fallbacks([ChatTurnout()])
    assert own.invoke("x").response_metadata["backend"] == "openai"
    agent: Any = create_agent(
        ChatTurnout(model="bedrock:us.amazon.nova-lite-v1:0"),
        [tool(weather)],
        middleware=[ModelFallbackMiddleware(ChatTurnout())],
    )
    last = agent.invoke({"messages": [("user", "Say hello.")]})["messages"][-1]
    assert last.response_metadata["backend"] == "openai"


def weather(city: str) -> str:
    """The weather of a city."""
    return city


def test_a_model_that_is_named_directly_stays(fresh_emulator: Emulator) -> None:
    for model in (ChatTurnout(model="azure:gpt-5-prod").invoke, TurnoutLLM(model="azure:gpt-5-prod").complete):
        with pytest.raises(ServerError):
            model("x")
    assert {request.service for request in fresh_emulator.requests} == {"azure"}


@pytest.mark.parametrize(("framework", "store"), [("langchain", "chroma"), ("llama_index", "simple")])
def test_an_index_is_searched_during_an_outage(
    fresh_emulator: Emulator, settings_file: Path, framework: str, store: str
) -> None:
    settings_file.write_text(settings_file.read_text() + INDEX.format(framework=framework, store=store))
    texts, question = ["Keys are rotated in March.", "The depot opens at seven."], "When does the depot open?"

    def search() -> str:
        if framework == "langchain":
            return langchain_index.TurnoutIndex("docs").similarity_search(question, k=1)[0].page_content
        found = llama_index_index.TurnoutIndex("docs").as_retriever(similarity_top_k=1).retrieve(question)
        return str(found[0].text)

    if framework == "langchain":
        langchain_index.TurnoutIndex("docs").add_texts(texts)
    else:
        llama_index_index.TurnoutIndex("docs").insert_nodes([TextNode(text=one) for one in texts])
    assert search() == texts[1]
    fresh_emulator.clear()
    fresh_emulator.rule(lambda request: Failure("server_error") if request.service == "azure" else None)
    assert search() == texts[1]
    assert fresh_emulator.requests[-1].service == "openai"
