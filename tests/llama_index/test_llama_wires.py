"""What each wire sends for a model's facts, seen at the emulator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from pydantic import BaseModel

from turnout.conversation.request import Fitted
from turnout.conversation.turns import Text, Turn
from turnout.errors import ServiceConnectionError, UnsupportedError
from turnout.llama_index import TurnoutLLM
from turnout.llama_index.wires import bedrock_converse
from turnout.routing import resolve
from turnout.settings import BedrockBackend
from turnout_emulator import Answer, Emulator, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnout.llama_index.wires.base import Wire

pytestmark = pytest.mark.usefixtures("settings_file")

QUESTION = [ChatMessage("Which colour is the lamp?")]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
STATIONS = {"type": "function", "function": {"name": "stations", "parameters": {"type": "object", "properties": {}}}}

LLAMA = "bedrock:us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "bedrock:mistral.mistral-large-2407-v1:0"
GPT_OSS = "bedrock:openai.gpt-oss-120b-1:0"
CLAUDE = "bedrock:us.anthropic.claude-sonnet-4-6"
NOVA_2 = "bedrock:us.amazon.nova-2-lite-v1:0"


class Thing(BaseModel):
    """A thing."""

    name: str


def sent(emulator: Emulator) -> Any:
    return emulator.requests[-1].body


# --- openai-chat


def test_the_limit_has_the_models_own_name(fresh_emulator: Emulator) -> None:
    TurnoutLLM("openai:gpt-4o", max_tokens=9).chat(QUESTION)
    TurnoutLLM("openai:gpt-5", max_tokens=9).chat(QUESTION)
    old, new = (received.body for received in fresh_emulator.requests)
    assert (old.get("max_tokens"), old.get("max_completion_tokens")) == (9, None)
    assert (new.get("max_tokens"), new.get("max_completion_tokens")) == (None, 9)


def test_parameters_go_as_they_are(fresh_emulator: Emulator) -> None:
    TurnoutLLM("openai:gpt-4o", temperature=0.5, top_p=0.9, seed=3, stop=["X"]).chat(QUESTION)
    assert sent(fresh_emulator).items() >= {"temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["X"]}.items()
    TurnoutLLM("openai:gpt-5", reasoning_effort="low").chat(QUESTION)
    assert sent(fresh_emulator)["reasoning_effort"] == "low"


def test_an_effort_of_a_model_that_does_not_reason(fresh_emulator: Emulator) -> None:
    with pytest.warns(UserWarning, match="reasoning_effort is left out: the model doesn't reason"):
        TurnoutLLM("openai:gpt-4o", reasoning_effort="low").chat(QUESTION)
    assert "reasoning_effort" not in sent(fresh_emulator)


def test_usage_of_a_stream_is_asked_for(fresh_emulator: Emulator) -> None:
    list(TurnoutLLM("openai:gpt-4o").stream_chat(QUESTION))
    assert sent(fresh_emulator)["stream_options"] == {"include_usage": True}
    list(TurnoutLLM("openai:gpt-4o").stream_chat(QUESTION, stream_options={"include_usage": False}))
    assert sent(fresh_emulator)["stream_options"] == {"include_usage": False}


def test_parallel_calls_are_forbidden_where_the_model_has_the_parameter(fresh_emulator: Emulator) -> None:
    TurnoutLLM("openai:gpt-4o").chat(QUESTION, tools=[WEATHER], allow_parallel_tool_calls=False)
    assert sent(fresh_emulator)["parallel_tool_calls"] is False
    TurnoutLLM("openai:o3").chat(QUESTION, tools=[WEATHER], allow_parallel_tool_calls=False)
    assert "parallel_tool_calls" not in sent(fresh_emulator)


def test_marks_of_other_wires_are_left_out(fresh_emulator: Emulator) -> None:
    blocks = [TextBlock(text="The lamp is green."), CachePoint(cache_control=CacheControl(type="default"))]
    thought = ThinkingBlock(content="Hm.", additional_information={"signature": "c2ln"})
    history = [
        ChatMessage(role=MessageRole.USER, blocks=blocks),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[thought, TextBlock(text="I see.")]),
        *QUESTION,
    ]
    assert "green" in str(TurnoutLLM("openai:gpt-4o").chat(history))
    assert [message["content"] for message in sent(fresh_emulator)["messages"]][:2] == ["The lamp is green.", "I see."]


# --- bedrock-converse


def test_unknown_parameters_of_converse_are_left_out(fresh_emulator: Emulator) -> None:
    with pytest.warns(UserWarning, match="seed is left out: the wire bedrock-converse has no such parameter"):
        TurnoutLLM(CLAUDE, seed=1, temperature=0.1, stop=["X"]).chat(QUESTION)
    assert sent(fresh_emulator)["inferenceConfig"] == {"temperature": 0.1, "stopSequences": ["X"]}


def test_no_config_is_sent_unasked(fresh_emulator: Emulator) -> None:
    TurnoutLLM(CLAUDE).chat(QUESTION)
    assert sent(fresh_emulator).keys() == {"messages"}


def test_arns_and_profiles(fresh_emulator: Emulator) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
    assert TurnoutLLM(f"bedrock:{arn}").chat(QUESTION).additional_kwargs["deployment"] == arn
    assert fresh_emulator.requests[-1].model == arn


@pytest.mark.parametrize(
    ("model", "choice", "tool_choice"),
    [
        (CLAUDE, "weather", {"tool": {"name": "weather"}}),
        (CLAUDE, "required", {"any": {}}),
        (CLAUDE, None, None),
        (LLAMA, "auto", {"auto": {}}),
        (GPT_OSS, "auto", None),
    ],
)
def test_tool_choice(model: str, choice: str | None, tool_choice: Any, fresh_emulator: Emulator) -> None:
    TurnoutLLM(model).chat(QUESTION, tools=[WEATHER, STATIONS], tool_choice=choice)
    config = sent(fresh_emulator)["toolConfig"]
    assert config.get("toolChoice") == tool_choice
    assert len(config["tools"]) == 2


def test_a_named_choice_where_only_any_can_be_forced(fresh_emulator: Emulator) -> None:
    TurnoutLLM(MISTRAL).chat(QUESTION, tools=[WEATHER, STATIONS], tool_choice="weather")
    config = sent(fresh_emulator)["toolConfig"]
    assert config["toolChoice"] == {"any": {}}
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["weather"]


@pytest.mark.parametrize("model", [LLAMA, GPT_OSS])
def test_a_forced_choice_where_none_can_be_is_told_and_checked(model: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("weather", {"city": "Bern"})]), Answer("Green."), Answer("Green."))
    tools = [WEATHER, STATIONS]
    response = TurnoutLLM(model).chat(QUESTION, tools=tools, tool_choice="weather")
    assert [call.tool_name for call in TurnoutLLM().get_tool_calls_from_response(response)] == ["weather"]
    config = sent(fresh_emulator)["toolConfig"]
    assert "toolChoice" not in config
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["weather"]
    assert "Answer by calling the tool 'weather'" in str(sent(fresh_emulator)["system"])
    with pytest.raises(UnsupportedError, match="can't be forced to call a tool, was told to call 'any'"):
        TurnoutLLM(model).chat(QUESTION, tools=tools, tool_choice="required")
    with pytest.raises(UnsupportedError, match="can't be forced"):
        list(TurnoutLLM(model).stream_chat(QUESTION, tools=tools, tool_choice="required"))


def test_a_schema_where_no_tool_can_be_forced(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(text='{"name": "lamp"}'))
    response = TurnoutLLM(GPT_OSS).chat(QUESTION, response_format=Thing)
    assert Thing.model_validate_json(str(response.message.content)) == Thing(name="lamp")
    form = sent(fresh_emulator)["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    assert '"additionalProperties": false' in form["structure"]["jsonSchema"]["schema"]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (NOVA_2, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (GPT_OSS, {"reasoning_effort": "low"}),
    ],
)
def test_reasoning_effort(model: str, fields: dict[str, Any], fresh_emulator: Emulator) -> None:
    TurnoutLLM(model, reasoning_effort="low").chat(QUESTION, additionalModelRequestFields={"top_k": 5})
    assert sent(fresh_emulator)["additionalModelRequestFields"] == {**fields, "top_k": 5}


def test_an_effort_that_the_model_does_not_have(fresh_emulator: Emulator) -> None:
    with pytest.warns(UserWarning, match="the model doesn't reason"):
        TurnoutLLM(LLAMA, reasoning_effort="low").chat(QUESTION)
    assert "additionalModelRequestFields" not in sent(fresh_emulator)


def test_a_stream_keeps_text_and_calls_in_order(fresh_emulator: Emulator) -> None:
    calls = [ToolCall("weather", {"city": "Bern"}), ToolCall("stations", {}), ToolCall("weather", {"city": "Zug"})]
    fresh_emulator.queue(Answer(text="Let me see.", tool_calls=calls, chunk_size=3))
    *_, last = TurnoutLLM(CLAUDE).stream_chat(QUESTION, tools=[WEATHER, STATIONS])
    assert last.message.content == "Let me see."
    found = TurnoutLLM().get_tool_calls_from_response(last)
    assert [(call.tool_name, call.tool_kwargs) for call in found] == [(c.name, c.arguments) for c in calls]


# --- what can't be taken


def test_unsupported_can_be_an_error(settings_file: Path, fresh_emulator: Emulator) -> None:
    text = settings_file.read_text(encoding="utf-8")
    settings_file.write_text(f'unsupported = "error"\n{text}', encoding="utf-8")
    with pytest.raises(UnsupportedError, match="seed is not possible"):
        TurnoutLLM(CLAUDE, seed=1).chat(QUESTION)
    assert fresh_emulator.requests == []


def test_a_value_out_of_range_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    with pytest.raises(UnsupportedError, match=r"temperature = 1\.5 is out of range"):
        TurnoutLLM(CLAUDE, temperature=1.5).chat(QUESTION)
    with pytest.raises(UnsupportedError, match="top_p = 7 is out of range"):
        TurnoutLLM("openai:gpt-4o").chat(QUESTION, top_p=7)
    assert fresh_emulator.requests == []


# --- streams of Converse


class Stream:
    def __init__(self, *events: dict[str, Any]) -> None:
        self.events, self.closed = events, False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.events)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stream], Wire]:
    """Makes the wire of a model whose service streams what is given."""

    def made(stream: Stream) -> Wire:
        runtime = SimpleNamespace(converse_stream=lambda **_: {"stream": stream})
        monkeypatch.setattr(bedrock_converse, "client_for", lambda *_: SimpleNamespace(sync=runtime))
        return bedrock_converse.build(resolve(backend="bedrock"), BedrockBackend())

    return made


ASKED = [Turn(0, "user", [Text("Well?")])]
WORD = {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Y"}}}
STOP = {"messageStop": {"stopReason": "end_turn"}}
END = {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 1}}}


def test_a_whole_stream_is_closed_and_says_why_it_ended(converse: Callable[[Stream], Wire]) -> None:
    stream = Stream({"contentBlockStart": {"contentBlockIndex": 0}}, WORD, STOP, END)
    *_, last = converse(stream).stream(ASKED, Fitted({}))
    assert last.message.content == "Y"
    assert last.additional_kwargs["raw_finish_reason"] == "end_turn"
    assert last.additional_kwargs["total_tokens"] == 2
    assert stream.closed


def test_a_stream_without_an_end_is_an_error(converse: Callable[[Stream], Wire]) -> None:
    stream = Stream(WORD)
    with pytest.raises(ServiceConnectionError, match="without a finish reason") as caught:
        list(converse(stream).stream(ASKED, Fitted({})))
    assert caught.value.backend == "bedrock"
    assert stream.closed


def test_a_stream_that_is_left_is_closed(converse: Callable[[Stream], Wire]) -> None:
    stream = Stream(WORD, STOP, END)
    pieces = converse(stream).stream(ASKED, Fitted({}))
    next(pieces)
    pieces.close()
    assert stream.closed
