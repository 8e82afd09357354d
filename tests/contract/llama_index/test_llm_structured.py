"""Objects of a pydantic class, at once and growing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ValidationError

from tests.contract.llama_index.llama_parts import Labels, Order, Person, Priority
from tests.support.parts import chats
from turnout.errors import StructuredOutputError
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, ToolCall

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = [
    pytest.mark.usefixtures("backend"),
    # LlamaIndex's StructuredLLM calls it.
    pytest.mark.filterwarnings("ignore:The `json` method is deprecated:DeprecationWarning"),
]

FACT = "Ada is 36 years old."


def ada() -> PromptTemplate:
    """A template of its own for each test: LlamaIndex's program in words leaves its output parser in it."""
    return PromptTemplate("{fact} Who is this?")


def test_structured_predict() -> None:
    assert TurnoutLLM().structured_predict(Person, ada(), fact=FACT) == Person(name="Ada", age=36)


async def test_astructured_predict() -> None:
    assert await TurnoutLLM().astructured_predict(Person, ada(), fact=FACT) == Person(name="Ada", age=36)


def test_the_strongest_method_is_taken(backend: str, fresh_emulator: Emulator) -> None:
    TurnoutLLM().structured_predict(Person, ada(), fact=FACT)
    body = chats(fresh_emulator)[-1].body
    if backend == "bedrock":
        assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "Person"}}
    else:
        assert body["response_format"]["json_schema"]["strict"] is True
        assert "tools" not in body


def test_nested(backend: str, fresh_emulator: Emulator) -> None:
    values = {
        "customer": "Grace",
        "priority": "high",
        "items": [{"name": "lamp", "quantity": 3}, {"name": "signal", "quantity": 2}],
        "note": None,
    }
    fresh_emulator.queue(_answer(backend, Order, values), _answer(backend, Order, values))
    order = TurnoutLLM().structured_predict(Order, PromptTemplate("What was ordered?"))
    assert order.priority is Priority.HIGH
    assert [item.quantity for item in order.items] == [3, 2]
    *_, last = TurnoutLLM().stream_structured_predict(Order, PromptTemplate("What was ordered?"))
    assert last == order


def test_a_schema_that_cannot_be_held_strictly(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Labels", {"labels": {"track": "9"}})]))
    labels = TurnoutLLM().structured_predict(Labels, PromptTemplate("track: 9"))
    assert labels.labels == {"track": "9"}
    assert "response_format" not in chats(fresh_emulator)[-1].body


def _answer(backend: str, schema: type[BaseModel], values: dict[str, Any]) -> Answer:
    """An object as the model gives it: as a tool call, or as JSON text."""
    if backend == "bedrock":
        return Answer(tool_calls=[ToolCall(schema.__name__, values)], chunk_size=4)
    return Answer(text=json.dumps(values), chunk_size=4)


@pytest.fixture
def slowly(backend: str, fresh_emulator: Emulator) -> None:
    values = {"name": "Ada Lovelace", "age": 36}
    fresh_emulator.queue(_answer(backend, Person, values))


def grows(objects: list[Any]) -> None:
    names = [found.name for found in objects if getattr(found, "name", None)]
    assert objects[-1] == Person(name="Ada Lovelace", age=36)
    assert len(set(names)) > 2
    assert all("Ada Lovelace".startswith(name) for name in names)


@pytest.mark.usefixtures("slowly")
def test_stream_structured_predict() -> None:
    grows(list(TurnoutLLM().stream_structured_predict(Person, ada(), fact=FACT)))


@pytest.mark.usefixtures("slowly")
async def test_astream_structured_predict() -> None:
    grows([found async for found in await TurnoutLLM().astream_structured_predict(Person, ada(), fact=FACT)])


def test_streamed_object_is_forced(backend: str, fresh_emulator: Emulator) -> None:
    *_, last = TurnoutLLM().stream_structured_predict(Person, ada(), fact=FACT)
    assert last == Person(name="Ada", age=36)
    if backend == "bedrock":
        assert chats(fresh_emulator)[-1].body["toolConfig"]["toolChoice"] == {"tool": {"name": "Person"}}


def test_as_structured_llm() -> None:
    llm = TurnoutLLM().as_structured_llm(Person)
    assert llm.chat([ChatMessage(FACT)]).raw == Person(name="Ada", age=36)
    assert Person.model_validate_json(llm.complete(FACT).text) == Person(name="Ada", age=36)
    *_, last = llm.stream_chat([ChatMessage(FACT)])
    assert last.raw == Person(name="Ada", age=36)


async def test_as_structured_llm_async() -> None:
    llm = TurnoutLLM().as_structured_llm(Person)
    assert (await llm.achat([ChatMessage(FACT)])).raw == Person(name="Ada", age=36)
    pieces = [piece async for piece in await llm.astream_chat([ChatMessage(FACT)])]
    assert pieces[-1].raw == Person(name="Ada", age=36)


async def test_the_system_prompt_goes_along(fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM(system_prompt="You read files about people.")
    llm.structured_predict(Person, ada(), fact=FACT)
    await llm.astructured_predict(Person, ada(), fact=FACT)
    assert ["You read files" in str(received.body) for received in chats(fresh_emulator)] == [True, True]


def test_by_a_tool_if_so_set(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Person", {"name": "Ada", "age": 36})]))
    llm = TurnoutLLM(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    assert llm.structured_predict(Person, ada(), fact=FACT) == Person(name="Ada", age=36)
    assert chats(fresh_emulator)[-1].body.keys() & {"tools", "toolConfig"}


def test_in_words_if_so_set(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(text='{"name": "Ada", "age": 36}'))
    llm = TurnoutLLM(pydantic_program_mode=PydanticProgramMode.LLM)
    assert llm.structured_predict(Person, ada(), fact=FACT) == Person(name="Ada", age=36)
    assert not chats(fresh_emulator)[-1].body.keys() & {"tools", "toolConfig", "response_format"}


def test_arguments_of_the_call(backend: str, fresh_emulator: Emulator) -> None:
    other = "openai" if backend == "bedrock" else "bedrock"
    found = TurnoutLLM().structured_predict(Person, ada(), llm_kwargs={"backend": other, "max_tokens": 90}, fact=FACT)
    assert found == Person(name="Ada", age=36)
    assert chats(fresh_emulator)[-1].service == other


def test_an_answer_that_does_not_fit(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(text="I would rather not say."))
    with pytest.raises(StructuredOutputError, match="Person") as caught:
        TurnoutLLM().structured_predict(Person, ada(), fact=FACT)
    assert isinstance(caught.value.__cause__, ValidationError)
