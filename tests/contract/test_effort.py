"""Thinking beside what it forbids on Claude, in both frameworks: forced tools, schemas, temperatures."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel

from tests.contract.apps.settings import COLUMNS
from turnout.errors import UnsupportedError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

LETTER = "Name: Ada Lovelace. Age: 36."
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
STATIONS: dict[str, Any] = {
    "type": "function",
    "function": {"name": "stations", "description": "List stations.", "parameters": {"type": "object"}},
}


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class Labels(BaseModel):
    """Labels, to which no service can hold."""

    labels: dict[str, str]


ADA = Person(name="Ada Lovelace", age=36)


class LangChain:
    """The same calls in LangChain."""

    @staticmethod
    def call(options: dict[str, Any], text: str, **arguments: Any) -> tuple[str, list[str]]:
        answer: AIMessage = ChatTurnout(**options).invoke(text, **arguments)
        return answer.text, [call["name"] for call in answer.tool_calls]

    @staticmethod
    def streamed(options: dict[str, Any], text: str, **arguments: Any) -> tuple[str, list[str]]:
        first, *rest = ChatTurnout(**options).stream(text, **arguments)
        for chunk in rest:
            first += chunk
        return first.text, [call["name"] for call in first.tool_calls]

    @staticmethod
    def found(options: dict[str, Any], schema: type[BaseModel]) -> Any:
        return ChatTurnout(**options).with_structured_output(schema).invoke(LETTER)

    @staticmethod
    def raw(fields: dict[str, Any], wire: str) -> dict[str, Any]:
        return {"extra": fields if wire == "anthropic-messages" else {"additionalModelRequestFields": fields}}


class LlamaIndex:
    """The same calls in LlamaIndex."""

    @staticmethod
    def call(options: dict[str, Any], text: str, **arguments: Any) -> tuple[str, list[str]]:
        return _read(TurnoutLLM(**options).chat([ChatMessage(text)], **arguments))

    @staticmethod
    def streamed(options: dict[str, Any], text: str, **arguments: Any) -> tuple[str, list[str]]:
        *_, last = TurnoutLLM(**options).stream_chat([ChatMessage(text)], **arguments)
        return _read(last)

    @staticmethod
    def found(options: dict[str, Any], schema: type[BaseModel]) -> Any:
        return TurnoutLLM(**options).structured_predict(schema, PromptTemplate(LETTER))

    @staticmethod
    def raw(fields: dict[str, Any], wire: str) -> dict[str, Any]:
        given = fields if wire == "anthropic-messages" else {"additionalModelRequestFields": fields}
        return {"additional_kwargs": given}


def _read(response: Any) -> tuple[str, list[str]]:
    calls = TurnoutLLM().get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return response.message.content or "", [call.tool_name for call in calls]


@pytest.fixture(params=[LangChain, LlamaIndex], ids=["langchain", "llama_index"])
def side(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["azure_claude", "bedrock_claude"])
def wire(request: pytest.FixtureRequest, columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TURNOUT_BACKEND", request.param)
    return COLUMNS[request.param].wire


@pytest.fixture
def body(fresh_emulator: Emulator) -> Callable[[], Any]:
    """The last request, as Messages would have it."""

    def found() -> Any:
        sent: dict[str, Any] = dict(fresh_emulator.requests[-1].body)
        sent |= sent.get("additionalModelRequestFields", {}) | sent.get("inferenceConfig", {})
        choice = sent.get("toolConfig", {}).get("toolChoice", sent.get("tool_choice"))
        return {
            **sent,
            "choice": choice,
            "format": sent.get("outputConfig") or sent.get("output_config", {}).get("format"),
        }

    return found


@pytest.fixture(autouse=True)
def _no_warning_unasked() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


THINKS = {"reasoning_effort": "low"}


def test_an_effort_is_thinking(side: Any, wire: str, body: Callable[[], Any]) -> None:
    side.call(THINKS, "Hello")
    assert body()["thinking"] == {"type": "adaptive"}
    assert body()["output_config"]["effort"] == "low"


@pytest.mark.parametrize("way", ["call", "streamed"])
@pytest.mark.parametrize("choice", ["weather", "any"])
def test_a_tool_is_told_and_not_forced(side: Any, wire: str, way: str, choice: str, body: Callable[[], Any]) -> None:
    ask = getattr(side, way)
    text, called = ask(THINKS, "Get the weather in Bern.", tools=[WEATHER, STATIONS], tool_choice=choice)
    assert (text, called) == ("", ["weather"])
    assert body()["thinking"] == {"type": "adaptive"}
    assert body()["choice"] in (None, {"type": "auto"})
    assert "Answer by calling" in str(body()["system"])


def test_a_tool_that_is_not_called_after_all(side: Any, wire: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer("I would rather not."))
    with pytest.raises(UnsupportedError, match="was told to call 'weather', and answered without"):
        side.call(THINKS, "Hello", tools=[WEATHER], tool_choice="weather")


def test_a_tool_that_may_be_called_is_no_matter(side: Any, wire: str, body: Callable[[], Any]) -> None:
    for choice in ("auto", "none"):
        side.call(THINKS, "Hello", tools=[WEATHER], tool_choice=choice)
        assert body()["thinking"] == {"type": "adaptive"}
        assert "Answer by calling" not in str(body().get("system"))


def test_one_tool_at_a_time(side: Any, wire: str, body: Callable[[], Any]) -> None:
    options = {"tools": [WEATHER], "tool_choice": "weather", "parallel_tool_calls": False}
    assert side.call(THINKS, "Get the weather in Bern.", **options)[1] == ["weather"]
    assert body()["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_a_schema_is_held_to_by_the_service(side: Any, wire: str, body: Callable[[], Any]) -> None:
    assert side.found(THINKS, Person) == ADA
    assert body()["format"] is not None
    assert body()["thinking"] == {"type": "adaptive"}
    text, _ = side.streamed(THINKS, LETTER, response_format=Person)
    assert Person.model_validate_json(text) == ADA


def test_a_schema_that_it_can_not_be_held_to_is_a_tool(side: Any, wire: str, body: Callable[[], Any]) -> None:
    assert isinstance(side.found(THINKS, Labels), Labels)
    assert body()["format"] is None
    assert body()["thinking"] == {"type": "adaptive"}
    text, called = side.call(THINKS, LETTER, response_format=Labels)
    assert not called
    assert isinstance(json.loads(text)["labels"], dict)


def test_without_thinking_a_tool_is_forced(side: Any, wire: str, fresh_emulator: Emulator) -> None:
    for options in ({}, {"reasoning_effort": "none"}):
        side.call(options, "Hello", tools=[WEATHER], tool_choice="weather")
        assert "Answer by calling" not in str(fresh_emulator.requests[-1].body)
        assert "thinking" not in str(fresh_emulator.requests[-1].body)


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.2), ("temperature", 0), ("top_p", 0.5)])
def test_sampling_goes_as_the_policy_says(
    side: Any, wire: str, name: str, value: float, body: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(UserWarning, match=f"{name} is left out: Claude takes none .* while it thinks"):
        side.call({**THINKS, name: value}, "Hello")
    assert body()["thinking"] == {"type": "adaptive"}
    monkeypatch.setenv("TURNOUT_UNSUPPORTED", "error")
    with pytest.raises(UnsupportedError, match=f"{name} is not possible"):
        side.call({**THINKS, name: value}, "Hello")


def test_a_temperature_of_one_is_taken(side: Any, wire: str, body: Callable[[], Any]) -> None:
    side.call({**THINKS, "temperature": 1}, "Hello")
    assert body()["temperature"] == 1


def test_an_effort_that_claude_has_not(side: Any, wire: str) -> None:
    with pytest.warns(UserWarning, match="reasoning_effort = 'minimal' is sent as 'low'"):
        side.call({"reasoning_effort": "minimal"}, "Hello")


@pytest.mark.parametrize("kind", [{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}], ids=str)
def test_thinking_in_the_wires_own_words(side: Any, wire: str, kind: dict[str, Any], body: Callable[[], Any]) -> None:
    options = side.raw({"thinking": kind}, wire)
    assert side.call(options, "Get the weather in Bern.", tools=[WEATHER], tool_choice="any")[1] == ["weather"]
    assert body()["thinking"] == kind
    assert side.found(options, Person) == ADA
    with pytest.warns(UserWarning, match="temperature is left out"):
        side.call({**options, "temperature": 0.2}, "Hello")


def test_the_applications_own_words_win(side: Any, wire: str, body: Callable[[], Any]) -> None:
    fields = {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}
    options = side.raw(fields, wire)
    assert side.call({**THINKS, **options}, "Get the weather in Bern.", tools=[WEATHER], tool_choice="any")[1]
    assert body()["thinking"] == {"type": "disabled"}
    assert body()["output_config"]["effort"] == "high"
    assert body()["choice"] in ({"any": {}}, {"type": "any"})


@pytest.mark.usefixtures("columns_file")
def test_nova_takes_no_limit_with_high_effort(side: Any, fresh_emulator: Emulator) -> None:
    options = {"model": "bedrock_nova:us.amazon.nova-2-lite-v1:0", "reasoning_effort": "high"}
    with pytest.warns(UserWarning, match="max_tokens is left out: the model takes none with high reasoning effort"):
        side.call({**options, "max_tokens": 500}, "Hello")
    sent = fresh_emulator.requests[-1].body
    assert not sent.get("inferenceConfig")
    assert sent["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "high"
