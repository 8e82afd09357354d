"""`response_format` of a call, on every wire: the answer's text is an object of the schema, with tools offered too."""

from __future__ import annotations

import json
import typing
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from tests.contract.forms import ADA, CALLED, FORMS, LETTER, Person, Report, form, weather
from turnout.errors import UnsupportedError
from turnout.langchain import ChatTurnout
from turnout_emulator import Answer, Text, ToolCall

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator
    from turnout_emulator.answers import Block

JSON_OBJECT = {"type": "json_object"}
OBJECT = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
ARRAY = {"type": "array", "items": {"type": "string"}}


class OldPersonDict(typing.TypedDict):
    """A person."""

    name: str
    age: int
    city: str


class Stop(BaseModel):
    city: str
    minutes: int


class Journey(BaseModel):
    """A journey, with parts that no service can be held to."""

    stops: list[Stop]
    remarks: dict[str, str]


WEATHER = tool(weather)
WAYS = ("invoke", "ainvoke", "stream", "astream")


async def ask(model: Any, way: str, messages: Any, **options: Any) -> AIMessage:
    """An answer, in one of the four ways; a streamed one is put together."""
    if way == "invoke":
        answer = model.invoke(messages, **options)
    elif way == "ainvoke":
        answer = await model.ainvoke(messages, **options)
    elif way == "stream":
        answer = added(list(model.stream(messages, **options)))
    else:
        answer = added([chunk async for chunk in model.astream(messages, **options)])
    assert isinstance(answer, AIMessage)
    return answer


def added(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


def check(answer: AIMessage, expected: Any) -> None:
    assert json.loads(answer.text) == expected
    assert not answer.tool_calls
    assert not answer.invalid_tool_calls
    assert answer.response_metadata["finish_reason"] == "stop"


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("given", [*FORMS.values(), OldPersonDict], ids=[*FORMS, "typing.TypedDict"])
def test_every_way_of_writing_it(given: Any) -> None:
    check(ChatTurnout().invoke(LETTER, response_format=given), ADA)


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("way", WAYS)
async def test_bound(way: str) -> None:
    check(await ask(ChatTurnout().bind(response_format=Person), way, LETTER), ADA)


@pytest.mark.usefixtures("column")
def test_as_the_models_own() -> None:
    check(ChatTurnout(extra={"response_format": form()}).invoke(LETTER), ADA)
    check(ChatTurnout().invoke(LETTER, extra={"response_format": form()}), ADA)


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("way", WAYS)
async def test_any_json_object(way: str) -> None:
    answer = await ask(ChatTurnout(), way, f"{LETTER} Give me 'name' and 'age' as keys.", response_format=JSON_OBJECT)
    assert json.loads(answer.text)["name"] == "Ada Lovelace"


@pytest.mark.usefixtures("column")
def test_plain_text_is_no_form() -> None:
    assert ChatTurnout().invoke("Say 'hello'.", response_format={"type": "text"}).text == "hello"


@pytest.mark.parametrize("way", WAYS)
async def test_tools_come_before_the_answer(way: str, column: Column, fresh_emulator: Emulator) -> None:
    model = ChatTurnout().bind_tools([WEATHER], response_format=form_of_report())
    messages: list[BaseMessage] = [HumanMessage("Get the weather in Bern.")]
    first = await ask(model, way, messages)
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("weather", {"city": "Bern"})]
    assert first.response_metadata["finish_reason"] == "tool_calls"
    messages += [first, ToolMessage("city: Bern, sky: sunny", tool_call_id=str(first.tool_calls[0]["id"]))]
    check(await ask(model, way, messages), {"city": "Bern", "sky": "sunny"})
    assert {request.wire for request in fresh_emulator.requests} == {column.wire}


def form_of_report() -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "Report", "schema": Report.model_json_schema()}}


@pytest.mark.usefixtures("column")
def test_a_tool_that_must_be_called_is_called_first() -> None:
    for choice in ("any", "weather"):
        model = ChatTurnout().bind_tools([WEATHER], tool_choice=choice, response_format=Report)
        assert [call["name"] for call in model.invoke("Hello! I live in Bern.").tool_calls] == ["weather"]
    model = ChatTurnout().bind_tools([WEATHER], tool_choice="none", response_format=Report)
    check(model.invoke("City: Bern. Sky: sunny."), {"city": "Bern", "sky": "sunny"})


@pytest.mark.usefixtures("column")
def test_a_tool_of_the_same_name() -> None:
    model = ChatTurnout().bind_tools([{"name": "Report", "description": "Write a report.", "parameters": OBJECT}])
    check(model.invoke("City: Bern. Sky: sunny.", response_format=Report), {"city": "Bern", "sky": "sunny"})


def test_members_of_any_name_stay(column: Column, fresh_emulator: Emulator) -> None:
    values = {"stops": [{"city": "Bern", "minutes": 12}], "remarks": {"track": "9"}}
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Journey", values)]))
    check(ChatTurnout().invoke("Which journey?", response_format=Journey), values)
    sent = json.dumps(fresh_emulator.requests[-1].body)
    assert '"additionalProperties": {"type": "string"}' in sent, column


@pytest.fixture(params=CALLED)
def called(request: pytest.FixtureRequest, columns_file: object, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TURNOUT_BACKEND", request.param)
    return str(request.param)


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize("way", WAYS)
async def test_words_before_the_call_are_none_of_the_answer(way: str, fresh_emulator: Emulator) -> None:
    blocks: list[Block] = [Text("Let me write that down."), ToolCall("Person", ADA)]
    fresh_emulator.queue(Answer(blocks=blocks, chunk_size=4))
    check(await ask(ChatTurnout(), way, LETTER, response_format=Person), ADA)


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize("way", WAYS)
async def test_words_before_another_call_are_kept(way: str, fresh_emulator: Emulator) -> None:
    blocks: list[Block] = [
        Text("Let me look."),
        ToolCall("weather", {"city": "Bern"}),
        ToolCall("Report", {"city": "?", "sky": "?"}),
    ]
    fresh_emulator.queue(Answer(blocks=blocks, chunk_size=4))
    answer = await ask(ChatTurnout().bind_tools([WEATHER], response_format=Report), way, "Get the weather in Bern.")
    assert answer.text == "Let me look."
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Bern"})]
    assert answer.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.usefixtures("called")
def test_the_answer_is_streamed(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Person", ADA)], chunk_size=4))
    chunks = [chunk.text for chunk in ChatTurnout().stream(LETTER, response_format=Person) if chunk.text]
    assert (len(chunks) > 3) == fresh_emulator.requests[-1].stream
    assert json.loads("".join(chunks)) == ADA


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_that_is_told_and_does_not(
    way: str,
    columns_file: object,
    fresh_emulator: Emulator,
) -> None:
    fresh_emulator.queue(Answer("I would rather not say."))
    with pytest.raises(UnsupportedError, match="was told to call 'Person', and answered without"):
        await ask(ChatTurnout(backend="bedrock_llama"), way, LETTER, response_format=Person)


@pytest.mark.usefixtures("column")
def test_what_is_no_form_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    for given in (int, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "a", "schema": ARRAY}}):
        with pytest.raises(UnsupportedError):
            ChatTurnout().invoke(LETTER, response_format=given)
    assert not fresh_emulator.requests


@pytest.mark.usefixtures("column")
def test_with_structured_output_lets_tools_come_first() -> None:
    model = ChatTurnout().with_structured_output(Report, tools=[WEATHER], include_raw=True)
    raw: Any = model.invoke("Get the weather in Bern.")
    assert [call["name"] for call in raw["raw"].tool_calls] == ["weather"]
    messages = [
        HumanMessage("Get the weather in Bern."),
        raw["raw"],
        ToolMessage("city: Bern, sky: sunny", tool_call_id=raw["raw"].tool_calls[0]["id"]),
    ]
    assert model.invoke(messages)["parsed"] == Report(city="Bern", sky="sunny")
