"""`response_format` of a call, on every wire: the answer's text is an object of the schema, with tools offered too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.tools import FunctionTool

from tests.contract.forms import ADA, CALLED, FORMS, LETTER, Person, Report, form, weather
from turnout.errors import UnsupportedError
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer, Text, ToolCall

if TYPE_CHECKING:
    from turnout_emulator import Emulator
    from turnout_emulator.answers import Block

ASKED = [ChatMessage(LETTER)]
WEATHER = FunctionTool.from_defaults(weather)
WAYS = ("chat", "achat", "stream_chat", "astream_chat")


async def ask(llm: TurnoutLLM, way: str, messages: list[ChatMessage], **options: Any) -> ChatResponse:
    """An answer, in one of the four ways; the pieces of a streamed one must add up to it."""
    found: list[ChatResponse]
    if way == "chat":
        found = [llm.chat(messages, **options)]
    elif way == "achat":
        found = [await llm.achat(messages, **options)]
    elif way == "stream_chat":
        found = list(llm.stream_chat(messages, **options))
    else:
        found = [piece async for piece in await llm.astream_chat(messages, **options)]
    if "stream" in way:
        assert "".join(piece.delta or "" for piece in found) == (found[-1].message.content or "")
    return found[-1]


def check(response: ChatResponse, expected: Any) -> None:
    assert json.loads(response.message.content or "") == expected
    assert called(response) == []
    assert response.additional_kwargs["finish_reason"] == "stop"


def called(response: ChatResponse) -> list[tuple[str, Any]]:
    calls = TurnoutLLM().get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return [(call.tool_name, call.tool_kwargs) for call in calls]


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
def test_every_way_of_writing_it(given: Any) -> None:
    check(TurnoutLLM().chat(ASKED, response_format=given), ADA)


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("way", WAYS)
async def test_every_way_of_asking(way: str) -> None:
    check(await ask(TurnoutLLM(), way, ASKED, response_format=Person), ADA)


@pytest.mark.usefixtures("column")
def test_as_the_models_own() -> None:
    check(TurnoutLLM(additional_kwargs={"response_format": form()}).chat(ASKED), ADA)


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("way", WAYS)
async def test_any_json_object(way: str) -> None:
    messages = [ChatMessage("Name: Ada Lovelace. Age: 36. Give me 'name' and 'age' as keys.")]
    answer = await ask(TurnoutLLM(), way, messages, response_format={"type": "json_object"})
    assert json.loads(answer.message.content or "")["name"] == "Ada Lovelace"


@pytest.mark.usefixtures("column")
@pytest.mark.parametrize("way", WAYS)
async def test_tools_come_before_the_answer(way: str) -> None:
    options = {"tools": [WEATHER.metadata.to_openai_tool()], "response_format": Report}
    messages = [ChatMessage("Get the weather in Bern.")]
    first = await ask(TurnoutLLM(), way, messages, **options)
    assert called(first) == [("weather", {"city": "Bern"})]
    assert first.additional_kwargs["finish_reason"] == "tool_calls"
    call_id = TurnoutLLM().get_tool_calls_from_response(first)[0].tool_id
    given = {"tool_call_id": call_id, "name": "weather"}
    result = ChatMessage(role=MessageRole.TOOL, content="city: Bern, sky: sunny", additional_kwargs=given)
    check(await ask(TurnoutLLM(), way, [*messages, first.message, result], **options), {"city": "Bern", "sky": "sunny"})


@pytest.fixture(params=CALLED)
def by_a_call(request: pytest.FixtureRequest, columns_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", request.param)


@pytest.mark.usefixtures("by_a_call")
@pytest.mark.parametrize("way", WAYS)
async def test_words_before_the_call_are_none_of_the_answer(way: str, fresh_emulator: Emulator) -> None:
    blocks: list[Block] = [Text("Let me write that down."), ToolCall("Person", ADA)]
    fresh_emulator.queue(Answer(blocks=blocks, chunk_size=4))
    check(await ask(TurnoutLLM(), way, ASKED, response_format=Person), ADA)


@pytest.mark.usefixtures("by_a_call")
@pytest.mark.parametrize("way", WAYS)
async def test_words_before_another_call_are_kept(way: str, fresh_emulator: Emulator) -> None:
    early = ToolCall("Report", {"city": "?", "sky": "?"})
    blocks: list[Block] = [Text("Let me look."), ToolCall("weather", {"city": "Bern"}), early]
    fresh_emulator.queue(Answer(blocks=blocks, chunk_size=4))
    options = {"tools": [WEATHER.metadata.to_openai_tool()], "response_format": Report}
    answer = await ask(TurnoutLLM(), way, [ChatMessage("Get the weather in Bern.")], **options)
    assert answer.message.content == "Let me look."
    assert called(answer) == [("weather", {"city": "Bern"})]


@pytest.mark.usefixtures("by_a_call")
def test_the_answer_is_streamed(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(tool_calls=[ToolCall("Person", ADA)], chunk_size=4))
    pieces = [piece.delta for piece in TurnoutLLM().stream_chat(ASKED, response_format=Person) if piece.delta]
    assert (len(pieces) > 3) == fresh_emulator.requests[-1].stream
    assert json.loads("".join(pieces)) == ADA


@pytest.mark.usefixtures("columns_file")
@pytest.mark.parametrize("way", WAYS)
async def test_a_model_that_is_told_and_does_not(way: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer("I would rather not say."))
    with pytest.raises(UnsupportedError, match="was told to call 'Person', and answered without"):
        await ask(TurnoutLLM(backend="bedrock_llama"), way, ASKED, response_format=Person)


@pytest.mark.usefixtures("column")
def test_what_is_no_form_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    for given in (int, {"type": "json_schema"}):
        with pytest.raises(UnsupportedError):
            TurnoutLLM().chat(ASKED, response_format=given)
    assert not fresh_emulator.requests
