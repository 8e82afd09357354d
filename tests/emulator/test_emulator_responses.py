"""The Responses API, with the openai SDK."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import ResponseFunctionToolCall

from turnout_emulator import Answer, Cut, Emulator, Failure, Reasoning, RedactedReasoning, Text, ToolCall, Usage
from turnout_emulator.accounts import AZURE_KEY

BRIDGE = "The Anchor Bridge was built in 1883. Trains cross it twice a day."
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather at a location.",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
TWO_CITIES: Any = [{"role": "user", "content": "What is the weather in Paris and London?"}]
SEALED: Any = ["reasoning.encrypted_content"]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\x00\x00\x00\x40\x00\x00\x00\x20").decode()


def given_back(response: Any) -> list[Any]:
    return [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]


def calls(response: Any) -> list[ResponseFunctionToolCall]:
    return [item for item in response.output if item.type == "function_call"]


def test_answers_from_the_instructions(azure: openai.OpenAI, emulator: Emulator) -> None:
    response = azure.responses.create(
        model="gpt-5-prod", instructions=BRIDGE, input="When was the bridge built?", max_output_tokens=500
    )
    assert response.output_text == "The Anchor Bridge was built in 1883."
    assert (response.status, response.model) == ("completed", "gpt-5-2025-08-07")
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.output_tokens == 8 + response.usage.output_tokens_details.reasoning_tokens
    assert response.usage.output_tokens_details.reasoning_tokens > 0
    received = emulator.requests[-1]
    assert (received.wire, received.operation, received.model) == ("openai-responses", "chat", "gpt-5-prod")


def test_no_reasoning_without_effort(azure: openai.OpenAI) -> None:
    response = azure.responses.create(model="gpt-5-prod", input="Hello", reasoning={"effort": "minimal"})
    assert [item.type for item in response.output] == ["message"]


def test_events_of_a_stream(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(
        Answer(blocks=[Reasoning("I see"), Text("Look out"), ToolCall("get_weather", {"location": "Rome"}, "call_1")])
    )
    stream = azure.responses.create(
        model="gpt-5-prod", input="Hello", tools=[WEATHER], stream=True, reasoning={"summary": "auto"}
    )
    events = list(stream)
    assert [event.type.removeprefix("response.") for event in events] == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done"),
        *("output_item.done", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last: Any = events[-1]
    assert calls(last.response)[0].arguments == '{"location":"Rome"}'
    done: Any = [event.item for event in events if event.type == "response.output_item.done"]
    assert last.response.output == done


async def test_async_stream(emulator: Emulator) -> None:
    emulator.queue(Answer("one two three"))
    async with openai.AsyncOpenAI(base_url=f"{emulator.azure.url}/openai/v1/", api_key=AZURE_KEY) as client:
        stream = await client.responses.create(model="gpt-4o", input="Hello", stream=True)
        pieces = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    assert pieces == ["one", " two", " three"]


def test_tool_rounds(azure: openai.OpenAI) -> None:
    first = azure.responses.create(model="gpt-5-prod", input=TWO_CITIES, tools=[WEATHER])
    assert [call.arguments for call in calls(first)] == ['{"location":"Paris"}', '{"location":"London"}']
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"Rain in {index}"}
        for index, call in enumerate(calls(first))
    ]
    history: Any = [*TWO_CITIES, *given_back(first), *results]
    assert azure.responses.create(model="gpt-5-prod", input=history, tools=[WEATHER]).output_text == (
        "Rain in 0\nRain in 1"
    )
    one = azure.responses.create(model="gpt-5-prod", input=TWO_CITIES, tools=[WEATHER], parallel_tool_calls=False)
    assert len(calls(one)) == 1
    forced = azure.responses.create(
        model="gpt-4o", input="Rome", tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}
    )
    assert calls(forced)[0].name == "get_weather"
    none = azure.responses.create(model="gpt-5-prod", input=TWO_CITIES, tools=[WEATHER], tool_choice="none")
    assert calls(none) == []


def test_stored_responses(plain: openai.OpenAI) -> None:
    first = plain.responses.create(model="gpt-5", input=f"Remember: {BRIDGE}")
    second = plain.responses.create(model="gpt-5", input="When was the bridge built?", previous_response_id=first.id)
    assert "1883" in second.output_text
    assert second.previous_response_id == first.id
    with pytest.raises(openai.BadRequestError) as caught:
        plain.responses.create(model="gpt-5", input="Hello", previous_response_id="resp_nothing")
    assert caught.value.code == "previous_response_not_found"
    unstored = plain.responses.create(model="gpt-5", input="Hello", store=False)
    history: Any = [{"role": "user", "content": "Hello"}, *given_back(unstored), {"role": "user", "content": "Go on"}]
    with pytest.raises(openai.NotFoundError, match="Items are not persisted"):
        plain.responses.create(model="gpt-5", input=history, store=False)


def test_reasoning_belongs_to_its_items(azure: openai.OpenAI) -> None:
    first = azure.responses.create(model="gpt-5-prod", input="Hello")
    reasoning, message = given_back(first)
    ask: Any = {"role": "user", "content": "Go on"}
    for history, problem in (
        ([message, ask], "without its required 'reasoning' item"),
        ([reasoning, ask], "without its required following item"),
    ):
        with pytest.raises(openai.BadRequestError, match=problem):
            azure.responses.create(model="gpt-5-prod", input=history)
    assert azure.responses.create(model="gpt-5-prod", input=[reasoning, message, ask]).output_text
    del message["id"]
    assert azure.responses.create(model="gpt-5-prod", input=[message, ask]).output_text


def test_encrypted_reasoning_is_read_by_its_own_service_only(
    azure: openai.OpenAI, plain: openai.OpenAI, emulator: Emulator
) -> None:
    ask: Any = {"role": "user", "content": "Go on"}
    emulator.queue(Answer(blocks=[RedactedReasoning(b"secret"), Text("Done")]))
    first = azure.responses.create(model="gpt-5-prod", input="Hello", store=False, include=SEALED)
    history = [*given_back(first), ask]
    assert history[0]["encrypted_content"]
    assert azure.responses.create(model="gpt-5-prod", input=history, store=False).output_text
    with pytest.raises(openai.BadRequestError) as caught:
        plain.responses.create(model="gpt-5", input=history, store=False)
    assert caught.value.code == "invalid_encrypted_content"


def test_structured_output(azure: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    response = azure.responses.create(
        model="gpt-5-prod",
        input="Ada Lovelace is 36 years old.",
        text={"format": {"type": "json_schema", "name": "person", "strict": True, "schema": schema}},
    )
    assert json.loads(response.output_text) == {"name": "Ada Lovelace", "age": 36}


def test_images_and_files(azure: openai.OpenAI) -> None:
    def ask(question: str, part: Any) -> str:
        content: Any = [{"type": "input_text", "text": question}, part]
        return azure.responses.create(model="gpt-4o", input=[{"role": "user", "content": content}]).output_text

    url = f"data:image/png;base64,{PNG}"
    assert "png, 64 x 32 pixels" in ask("What is this?", {"type": "input_image", "image_url": url})
    assert "https://example.com/a.png" in ask(
        "What is this?", {"type": "input_image", "image_url": "https://example.com/a.png"}
    )
    data = "data:text/plain;base64," + base64.b64encode(BRIDGE.encode()).decode()
    file = {"type": "input_file", "filename": "bridge.txt", "file_data": data}
    assert ask("When was the bridge built?", file) == "The Anchor Bridge was built in 1883."


@pytest.mark.parametrize(
    ("arguments", "code", "param"),
    [
        ({"temperature": 0.2}, None, "temperature"),
        ({"max_output_tokens": 5}, "integer_below_min_value", "max_output_tokens"),
        ({"background": True}, None, "background"),
        ({"max_tokens": 50}, "unsupported_parameter", "max_tokens"),
        ({"seed": 1}, "unknown_parameter", "seed"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort"),
        ({"input": []}, "missing_required_parameter", "input"),
        ({"input": [{"role": "robot", "content": "x"}]}, "invalid_value", "input[0].role"),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "invalid_value",
            "input[0].content[0]",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, None, "input"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, None, "input"),
        (
            {"input": [{"type": "function_call", "call_id": "c" * 65, "name": "f", "arguments": "{}"}]},
            "string_above_max_length",
            "input[0].call_id",
        ),
        (
            {"input": [{"id": "x", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
            "invalid_value",
            "input[0].id",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "missing_required_parameter", "tools[0].name"),
        ({"tool_choice": {"type": "function", "name": "f"}}, None, "tool_choice"),
        ({"text": {"format": {"type": "json_object"}}}, None, "input"),
    ],
)
def test_invalid_requests_are_refused(emulator: Emulator, arguments: Any, code: str | None, param: str) -> None:
    response = httpx.post(
        f"{emulator.azure.url}/openai/v1/responses",
        headers={"api-key": AZURE_KEY},
        json={"model": "gpt-5-prod", "input": "Hello", **arguments},
    )
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")


def test_sampling_is_for_models_that_take_it(azure: openai.OpenAI) -> None:
    assert azure.responses.create(model="gpt-4o", input="Hello", temperature=0.2, top_p=0.5).temperature == 0.2
    with pytest.raises(openai.BadRequestError, match=r"reasoning\.effort"):
        azure.responses.create(model="gpt-4o", input="Hello", reasoning={"effort": "low"})


def test_filtered_prompt_and_completion(azure: openai.OpenAI, emulator: Emulator) -> None:
    filtered = Answer("Half of it", filtered={"hate": "high"})
    emulator.queue(Failure.content_filter({"violence": "high"}), filtered, filtered)
    with pytest.raises(openai.BadRequestError) as caught:
        azure.responses.create(model="gpt-5-prod", input="Hello")
    body: Any = caught.value.body
    assert caught.value.code == "content_filter"
    assert body["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}
    assert body["content_filters"][0]["source_type"] == "prompt"
    response: Any = azure.responses.create(model="gpt-5-prod", input="Hello")
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "content_filter")
    assert response.content_filters[1]["content_filter_results"]["hate"]["filtered"] is True
    events: Any = list(azure.responses.create(model="gpt-5-prod", input="Hello", stream=True))
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == "content_filter"


def test_too_long(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Answer("Half", finish="length", usage=Usage(7, 16)))
    response = azure.responses.create(model="gpt-4o", input="Hello")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    with pytest.raises(openai.BadRequestError) as caught:
        azure.responses.create(model="gpt-4o", input="word " * 130_000)
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "input"


def test_a_stream_fails(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Cut(after_chunks=3, failure=Failure.server_error()), Cut(after_chunks=3, answer=Answer("a b c")))
    events: Any = list(azure.responses.create(model="gpt-4o", input="Hello", stream=True))
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert [event.sequence_number for event in events] == [0, 1, 2, 3, 4]
    assert events[-1].response.error.message == "The server had an error while processing your request."
    with pytest.raises(httpx.RemoteProtocolError):
        list(azure.responses.create(model="gpt-4o", input="Hello", stream=True))
