"""What `ChatTurnout` answers: text, reasoning, objects of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core import exceptions as lc
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from tests.support.parts import CONTEXT, chats
from turnout.langchain import ChatTurnout
from turnout_emulator import Answer, Reasoning, Text, ToolCall

if TYPE_CHECKING:
    from turnout_emulator import Emulator


@pytest.mark.usefixtures("settings_file")
def test_include_raw_gives_the_parsing_error_instead_of_raising(fresh_emulator: Emulator, backend: str) -> None:
    class Depot(BaseModel):
        name: str

    model = ChatTurnout().with_structured_output(Depot, include_raw=True)
    fresh_emulator.queue(Answer(text="no object here"))
    answer = model.invoke("x")
    assert answer["parsed"] is None
    assert isinstance(answer["parsing_error"], lc.OutputParserException)
    assert answer["raw"].content == "no object here"


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_each_method_of_structured_output(backend: str, method: str, fresh_emulator: Emulator) -> None:
    if method == "json_mode" and backend != "bedrock":  # the wire has no schema then, so the words decide
        fresh_emulator.queue(Answer(text='{"name": "Northgate", "tracks": 12}'))
    schema = {
        "title": "Depot",
        "type": "object",
        "properties": {"name": {"type": "string"}, "tracks": {"type": "integer"}},
        "required": ["name", "tracks"],
    }
    model = ChatTurnout().with_structured_output(schema, method=method)
    prompt = "name: Northgate, tracks: 12. Answer as JSON with the keys name and tracks."
    assert model.invoke(prompt) == {"name": "Northgate", "tracks": 12}


def test_text_is_a_string_streamed_or_not(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()
    chunks = list(model.stream(CONTEXT))
    assert all(isinstance(chunk.content, str) for chunk in chunks)
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == model.invoke(CONTEXT).content == "The depot opens at seven."
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] > 0
    assert whole.response_metadata["backend"] == backend


def test_text_beside_a_tool_call_is_a_string_too(backend: str, fresh_emulator: Emulator) -> None:
    call = ToolCall(name="open_depot", arguments={"hour": 7}, id="call_1")
    for stream in (False, True):
        fresh_emulator.queue(Answer(text="One moment.", tool_calls=[call]))
        model = ChatTurnout().bind_tools(
            [
                {
                    "title": "open_depot",
                    "description": "Opens.",
                    "type": "object",
                    "properties": {"hour": {"type": "integer"}},
                }
            ]
        )
        if stream:
            chunks = list(model.stream("open"))
            answer: Any = chunks[0]
            for chunk in chunks[1:]:
                answer += chunk
        else:
            answer = model.invoke("open")
        assert answer.content == "One moment."
        assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("open_depot", {"hour": 7})]
        kinds = [block["type"] for block in answer.content_blocks]
        assert kinds == ["text", "tool_call"], kinds


@pytest.mark.usefixtures("settings_file")
def test_reasoning_stays_in_blocks(fresh_emulator: Emulator) -> None:
    answer = Answer(blocks=[Reasoning("Let me think.", signature="c2ln"), Text("Seven.")])
    fresh_emulator.queue(answer, answer)
    model = ChatTurnout(backend="bedrock")
    chunks = list(model.stream("x"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    for message in (model.invoke("x"), whole):
        assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
        assert message.text == "Seven."


@pytest.mark.usefixtures("settings_file")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_redacted_reasoning_survives_saving(fresh_emulator: Emulator) -> None:
    from langchain_core.load import dumps, loads

    from turnout_emulator import RedactedReasoning

    model = ChatTurnout(backend="bedrock")
    for stream in (False, True):
        fresh_emulator.queue(Answer(blocks=[RedactedReasoning(b"sealed"), Text("Seven.")]))
        if stream:
            chunks = list(model.stream("When?"))
            answer: Any = chunks[0]
            for chunk in chunks[1:]:
                answer += chunk
        else:
            answer = model.invoke("When?")
        saved = loads(dumps([HumanMessage("When?"), answer, HumanMessage("Sure?")]), allowed_objects="all")
        fresh_emulator.clear()
        model.invoke(saved)
        sent = str(chats(fresh_emulator)[-1].body)
        assert "redactedContent" in sent, sent
