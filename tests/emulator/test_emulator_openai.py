from __future__ import annotations

import math
from typing import Any

import httpx
import openai
import pytest

from turnout_emulator import Answer, Cut, Emulator, Failure, Raw, ToolCall, Usage
from turnout_emulator.accounts import AZURE_KEY

HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather at a location.",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}


def test_v1_answers_from_the_context(azure: openai.OpenAI, emulator: Emulator) -> None:
    response = azure.chat.completions.create(
        model="gpt-5-prod",
        messages=[
            {"role": "system", "content": "The Anchor Bridge was built in 1883. Trains cross it twice a day."},
            {"role": "user", "content": "When was the bridge built?"},
        ],
    )
    assert response.choices[0].message.content == "The Anchor Bridge was built in 1883."
    assert response.choices[0].finish_reason == "stop"
    assert response.model == "gpt-5-2025-08-07"
    received = emulator.requests[-1]
    assert (received.service, received.model, received.operation) == ("azure", "gpt-5-prod", "chat")
    assert (received.auth, received.identity, received.status) == ("api-key", "key1", 200)
    assert AZURE_KEY not in repr(received)


def test_dated_names_the_deployment_in_the_path(dated: openai.AzureOpenAI, emulator: Emulator) -> None:
    raw = dated.chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)
    assert raw.parse().model == "gpt-4o-2024-11-20"
    assert raw.headers["x-ms-region"] == "East US"
    received = emulator.requests[-1]
    assert received.path == "/openai/deployments/gpt-4o/chat/completions"
    assert received.query == {"api-version": "2024-10-21"}


def test_azure_stream_begins_with_the_prompt_filter(azure: openai.OpenAI) -> None:
    chunks = list(azure.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert chunks[0].choices == []
    assert "prompt_filter_results" in (chunks[0].model_extra or {})
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_stream_reports_usage_only_when_asked(plain: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    chunks = list(plain.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options=options))
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert len(text.split()) > 3


async def test_async_client_streams(emulator: Emulator) -> None:
    emulator.queue(Answer("one two three"))
    async with openai.AsyncOpenAI(base_url=f"{emulator.azure.url}/openai/v1/", api_key=AZURE_KEY) as client:
        stream = await client.chat.completions.create(model="mini", messages=HELLO, stream=True)
        pieces = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
    assert [piece for piece in pieces if piece] == ["one", " two", " three"]


def test_parallel_tool_calls(plain: openai.OpenAI) -> None:
    question: Any = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    message = plain.chat.completions.create(model="gpt-4o", messages=question, tools=[WEATHER]).choices[0].message
    assert [call.function.arguments for call in message.tool_calls or [] if call.type == "function"] == [
        '{"location":"Paris"}',
        '{"location":"London"}',
    ]
    one = plain.chat.completions.create(
        model="gpt-4o", messages=question, tools=[WEATHER], parallel_tool_calls=False
    ).choices[0]
    assert len(one.message.tool_calls or []) == 1
    assert one.finish_reason == "tool_calls"


def test_streamed_tool_arguments_come_in_pieces(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Answer(tool_calls=[ToolCall("get_weather", {"location": "Paris"}, "call_1")], chunk_size=5))
    stream = azure.chat.completions.create(model="gpt-4o", messages=HELLO, tools=[WEATHER], stream=True)
    deltas = [call for chunk in stream if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]
    assert deltas[0].id == "call_1"
    assert len(deltas) > 3
    assert "".join((delta.function and delta.function.arguments) or "" for delta in deltas) == '{"location":"Paris"}'


def test_wrong_key_is_refused(emulator: Emulator) -> None:
    with (
        openai.OpenAI(base_url=f"{emulator.azure.url}/openai/v1/", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.code == "401"
    assert "invalid subscription key" in str(caught.value)
    with (
        openai.OpenAI(base_url=f"{emulator.openai.url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("token", "status"),
    [("issue", 200), ("expired", 401), ("other-scope", 401), ("forged", 401)],
)
def test_entra_tokens(emulator: Emulator, token: str, status: int) -> None:
    tokens = {
        "issue": emulator.entra.issue("https://ai.azure.com/.default"),
        "expired": emulator.entra.issue(lifetime=-1),
        "other-scope": emulator.entra.issue("https://management.azure.com/.default"),
        "forged": emulator.entra.issue()[:-4] + "AAAA",
    }
    response = httpx.post(
        f"{emulator.azure.url}/openai/v1/chat/completions",
        headers={"authorization": f"Bearer {tokens[token]}"},
        json={"model": "gpt-4o", "messages": HELLO},
    )
    assert response.status_code == status
    if status == 401:
        assert "have expired" in response.json()["error"]["message"]


def test_revoked_tokens_are_refused() -> None:
    with Emulator() as emulator:
        headers = {"authorization": f"Bearer {emulator.entra.issue()}"}
        body = {"model": "gpt-4o", "messages": HELLO}
        url = f"{emulator.azure.url}/openai/v1/chat/completions"
        assert httpx.post(url, headers=headers, json=body).status_code == 200
        emulator.entra.revoke_all()
        assert httpx.post(url, headers=headers, json=body).status_code == 401


def test_missing_api_version_and_unknown_deployment(emulator: Emulator, dated: openai.AzureOpenAI) -> None:
    url = f"{emulator.azure.url}/openai/deployments/gpt-4o/chat/completions"
    response = httpx.post(url, headers={"api-key": AZURE_KEY}, json={"messages": HELLO})
    assert response.status_code == 404
    assert response.json() == {"error": {"code": "404", "message": "Resource not found"}}
    with pytest.raises(openai.NotFoundError) as caught:
        dated.chat.completions.create(model="nothing", messages=HELLO)
    assert caught.value.code == "DeploymentNotFound"


@pytest.mark.parametrize(
    ("arguments", "code", "param"),
    [
        ({"max_tokens": 5}, "unsupported_parameter", "max_tokens"),
        ({"temperature": 0.0}, "unsupported_value", "temperature"),
        ({"stop": ["x"]}, "unsupported_parameter", "stop"),
    ],
)
def test_reasoning_models_refuse(azure: openai.OpenAI, arguments: Any, code: str, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        azure.chat.completions.create(model="gpt-5-prod", messages=HELLO, **arguments)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert azure.chat.completions.create(model="gpt-4o", messages=HELLO, **arguments).choices


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"messages": []}, "empty array"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "Supported values are"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "preceeding message"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                    }
                ]
            },
            "must be followed by tool messages",
        ),
        ({"messages": HELLO, "tool_choice": "auto"}, "only allowed when 'tools'"),
        ({"messages": HELLO, "tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "pattern"),
        ({"messages": HELLO, "nonsense": 1}, "Unrecognized request argument"),
        ({"messages": HELLO, "temperature": 3}, "above maximum"),
        ({"messages": HELLO, "response_format": {"type": "json_object"}}, "must contain the word 'json'"),
        (
            {
                "messages": HELLO,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "x",
                        "strict": True,
                        "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
                    },
                },
            },
            "'additionalProperties' is required",
        ),
    ],
)
def test_invalid_requests_are_refused(emulator: Emulator, body: dict[str, Any], word: str) -> None:
    response = httpx.post(
        f"{emulator.azure.url}/openai/v1/chat/completions",
        headers={"api-key": AZURE_KEY},
        json={"model": "gpt-4o", **body},
    )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert word in response.json()["error"]["message"]


def test_queued_answers_come_first_in_first_out(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Answer("first"), Answer("second", usage=Usage(10, 20, cached_tokens=4), finish="length"))
    azure.embeddings.create(model="embed-small", input="not an answer's business")
    assert azure.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content == "first"
    second = azure.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert second.choices[0].finish_reason == "length"
    assert second.usage is not None
    assert (second.usage.prompt_tokens, second.usage.completion_tokens) == (10, 20)
    assert second.usage.prompt_tokens_details is not None
    assert second.usage.prompt_tokens_details.cached_tokens == 4
    assert emulator.pending == 0


def test_queue_for_one_model_or_service(azure: openai.OpenAI, plain: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Answer("for mini"), model="mini")
    emulator.queue(Answer("for openai"), service="openai")
    assert azure.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content not in (
        "for mini",
        "for openai",
    )
    assert plain.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content == "for openai"
    assert azure.chat.completions.create(model="mini", messages=HELLO).choices[0].message.content == "for mini"


def test_rate_limit_says_how_long_to_wait(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Failure.rate_limited(retry_after=2.0))
    with pytest.raises(openai.RateLimitError) as caught:
        azure.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.response.headers["retry-after-ms"] == "2000"


def test_content_filter_on_prompt_and_completion(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Failure.content_filter({"violence": "high"}), Answer("cut", filtered={"hate": "medium"}))
    with pytest.raises(openai.BadRequestError) as caught:
        azure.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.code == "content_filter"
    body: Any = caught.value.body
    assert body["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}
    choice = azure.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0]
    assert choice.finish_reason == "content_filter"
    assert (choice.model_extra or {})["content_filter_results"]["hate"]["filtered"] is True


@pytest.mark.parametrize(
    ("failure", "azure_status", "openai_status"),
    [
        (Failure.permission(), 401, 403),
        (Failure.not_found(), 404, 404),
        (Failure.context_overflow(), 400, 400),
        (Failure.overloaded(), 503, 503),
        (Failure.timeout(), 408, 504),
        (Failure.server_error(), 500, 500),
        (Failure(status=418, code="teapot", message="short and stout"), 418, 418),
    ],
)
def test_each_kind_of_failure(
    azure: openai.OpenAI,
    plain: openai.OpenAI,
    emulator: Emulator,
    failure: Failure,
    azure_status: int,
    openai_status: int,
) -> None:
    emulator.queue(failure, failure)
    for client, status in ((azure, azure_status), (plain, openai_status)):
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=HELLO)
        assert caught.value.status_code == status
        if failure.code:
            assert caught.value.code == failure.code


def test_a_prompt_beyond_the_context_is_refused(plain: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        plain.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "word " * 130_000}])
    assert caught.value.code == "context_length_exceeded"


def test_cut_streams(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(
        Cut(after_chunks=4, answer=Answer("one two three four")),
        Cut(after_chunks=4, answer=Answer("one two three four"), clean=True),
        Cut(after_chunks=3, failure=Failure.server_error()),
    )
    with pytest.raises(httpx.RemoteProtocolError):
        list(azure.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    chunks = list(azure.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices] == [None, None, None]
    with pytest.raises(openai.APIError, match="had an error"):
        list(azure.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))


def test_raw_response_and_hang(azure: openai.OpenAI, emulator: Emulator) -> None:
    emulator.queue(Raw(502, {"x-proxy": "yes"}, "<html>Bad gateway</html>"), Failure.hang(30))
    with pytest.raises(openai.InternalServerError) as caught:
        azure.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.response.headers["x-proxy"] == "yes"
    with pytest.raises(openai.APITimeoutError):
        azure.with_options(timeout=0.3).chat.completions.create(model="gpt-4o", messages=HELLO)


def test_structured_output(plain: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    response = plain.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Ada Lovelace is 36 years old."}],
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}},
    )
    assert response.choices[0].message.content == '{"name": "Ada Lovelace", "age": 36}'


def cosine(left: list[float], right: list[float]) -> float:
    return (
        math.sumprod(left, right) if hasattr(math, "sumprod") else sum(a * b for a, b in zip(left, right, strict=True))
    )


def test_embeddings_are_the_same_space_on_azure_and_openai(azure: openai.OpenAI, plain: openai.OpenAI) -> None:
    there = azure.embeddings.create(model="embed-small", input="a bridge over the river").data[0].embedding
    here = plain.embeddings.create(model="text-embedding-3-small", input="a bridge over the river").data[0].embedding
    other = azure.embeddings.create(model="ada", input="a bridge over the river").data[0].embedding
    assert there == here
    assert len(there) == len(other) == 1536
    assert abs(cosine(there, other)) < 0.2
    assert cosine(there, there) == pytest.approx(1.0, abs=1e-5)


def test_shortened_embeddings_are_a_renormalised_prefix(azure: openai.OpenAI) -> None:
    full = azure.embeddings.create(model="embed-large", input="a bridge", encoding_format="float").data[0].embedding
    short = azure.embeddings.create(model="embed-large", input="a bridge", dimensions=256).data[0].embedding
    norm = math.sqrt(sum(value * value for value in full[:256]))
    assert len(full) == 3072
    assert short == pytest.approx([value / norm for value in full[:256]], abs=1e-6)


def test_embedding_limits(azure: openai.OpenAI) -> None:
    assert len(azure.embeddings.create(model="embed-small", input=["x"] * 2048).data) == 2048
    for arguments in (
        {"model": "embed-small", "input": ["x"] * 2049},
        {"model": "embed-small", "input": ""},
        {"model": "embed-small", "input": "word " * 9000},
        {"model": "ada", "input": "x", "dimensions": 256},
        {"model": "gpt-4o", "input": "x"},
    ):
        with pytest.raises(openai.BadRequestError):
            azure.embeddings.create(**arguments)


def test_token_inputs(azure: openai.OpenAI) -> None:
    response = azure.embeddings.create(model="embed-small", input=[[1, 2, 3], [1, 2, 3], [7, 8, 9]])
    vectors = [item.embedding for item in response.data]
    assert vectors[0] == vectors[1] != vectors[2]


def test_models_are_listed(azure: openai.OpenAI, plain: openai.OpenAI) -> None:
    assert "embed-small" in [model.id for model in azure.models.list()]
    assert "gpt-5" in [model.id for model in plain.models.list()]
