"""Programs of LlamaIndex on every column: agents that hand over, objects in each way of asking, and tools that are run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import PromptTemplate, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.prompts import ChatPromptTemplate
from llama_index.core.schema import Document

from tests.contract.apps.llama_index_parts import CAPITAL, MULTIPLY, WEATHER, memory
from tests.contract.forms import ADA, LETTER, Person
from tests.support.parts import chats
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer, ToolCall

if TYPE_CHECKING:
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # LlamaIndex's own

FOUND = Person.model_validate(ADA)
PROMPT = PromptTemplate("{letter}")


def check(emulator: Emulator, column: Column) -> None:
    found = {(one.service, one.model, one.wire, one.status) for one in chats(emulator)}
    assert found == {(column.service, column.deployment, column.wire, 200)}


async def test_an_object_in_each_way_of_asking(column: Column, fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM()
    structured = llm.as_structured_llm(Person)
    asked = [ChatMessage(LETTER)]
    assert structured.chat(asked).raw == FOUND
    assert (await structured.achat(asked)).raw == FOUND
    assert Person.model_validate_json(structured.complete(LETTER).text) == FOUND
    assert Person.model_validate_json((await structured.acomplete(LETTER)).text) == FOUND
    assert list(structured.stream_chat(asked))[-1].raw == FOUND
    assert [piece async for piece in await structured.astream_chat(asked)][-1].raw == FOUND
    assert llm.structured_predict(Person, PROMPT, letter=LETTER) == FOUND
    assert await llm.astructured_predict(Person, PROMPT, letter=LETTER) == FOUND
    assert list(llm.stream_structured_predict(Person, PROMPT, letter=LETTER))[-1] == FOUND
    streamed = await llm.astream_structured_predict(Person, PROMPT, letter=LETTER)
    assert [one async for one in streamed][-1] == FOUND
    check(fresh_emulator, column)


def test_programs(column: Column, fresh_emulator: Emulator) -> None:
    chat_prompt = ChatPromptTemplate([ChatMessage("{letter}")])
    program = FunctionCallingProgram.from_defaults(
        output_cls=Person, prompt=chat_prompt, llm=TurnoutLLM(), tool_choice={"type": "auto"}
    )
    assert program(letter=LETTER) == FOUND
    fresh_emulator.queue(Answer(FOUND.model_dump_json()))
    in_words = LLMTextCompletionProgram.from_defaults(output_cls=Person, prompt=chat_prompt, llm=TurnoutLLM())
    assert in_words(letter=LETTER) == FOUND
    check(fresh_emulator, column)


def test_a_query_engine_that_answers_with_an_object(column: Column, fresh_emulator: Emulator) -> None:
    index = VectorStoreIndex.from_documents([Document(text=LETTER)], embed_model=TurnoutEmbedding())
    engine = index.as_query_engine(llm=TurnoutLLM().as_structured_llm(Person))
    answer: Any = engine.query("Who wrote the letter? Name, age and city.")
    assert isinstance(answer.response, Person)
    check(fresh_emulator, column)


async def test_predict_and_call(column: Column, fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM()
    assert llm.predict_and_call([MULTIPLY, WEATHER], "Multiply 6 and 7.").response == "42"
    assert (await llm.apredict_and_call([MULTIPLY, WEATHER], "Multiply 6 and 7.")).response == "42"
    both = "Multiply 6 and 7, and get the weather in Bern."
    called = llm.predict_and_call([MULTIPLY, WEATHER], both, allow_parallel_tool_calls=True)
    assert {source.tool_name for source in called.sources} == {"multiply", "get_weather"}
    check(fresh_emulator, column)


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
async def test_agents_that_hand_over(streaming: bool, column: Column, fresh_emulator: Emulator) -> None:
    made = [
        FunctionAgent(
            name=name,
            description=f"Knows {name}.",
            tools=[tool],
            llm=TurnoutLLM(),
            can_handoff_to=[other],
            streaming=streaming,
        )
        for name, tool, other in (("capitals", CAPITAL, "weather"), ("weather", WEATHER, "capitals"))
    ]
    workflow = AgentWorkflow(agents=list(made), root_agent="capitals")
    fresh_emulator.queue(
        Answer(tool_calls=[ToolCall("capital_of", {"country": "France"})]),
        Answer(tool_calls=[ToolCall("handoff", {"to_agent": "weather", "reason": "It knows the weather."})]),
        Answer(tool_calls=[ToolCall("get_weather", {"city": "Paris"})]),
        Answer("It is sunny in Paris."),
    )
    output: Any = await workflow.run("What is the weather in the capital of France?", memory=memory())
    assert str(output) == "It is sunny in Paris."
    assert output.current_agent_name == "weather"
    assert not fresh_emulator.pending
    check(fresh_emulator, column)


async def test_an_agents_second_question(column: Column, fresh_emulator: Emulator) -> None:
    agent = FunctionAgent(tools=[MULTIPLY, WEATHER], llm=TurnoutLLM(), system_prompt="Be brief.")
    kept = memory()
    assert "42" in str(await agent.run("Multiply 6 and 7.", memory=kept))
    assert "sunny in Bern" in str(await agent.run("Get the weather in Bern.", memory=kept))
    assert len(kept.get_all()) == 8
    check(fresh_emulator, column)


@pytest.mark.filterwarnings("ignore:is_running called from within a step")  # LlamaIndex's own
async def test_an_agent_that_reasons_in_words(column: Column, fresh_emulator: Emulator) -> None:
    """LlamaIndex's agent for models without tools."""
    fresh_emulator.queue(
        Answer('Thought: I need a tool.\nAction: multiply\nAction Input: {"a": 6, "b": 7}'),
        Answer("Thought: I can answer.\nAnswer: It is 42."),
    )
    agent = ReActAgent(tools=[MULTIPLY], llm=TurnoutLLM())
    assert str(await agent.run("Multiply 6 and 7.", memory=memory())) == "It is 42."
    check(fresh_emulator, column)
