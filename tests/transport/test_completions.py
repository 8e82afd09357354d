"""Chat completions, whole and in chunks: equal to those that the SDK makes, and made without its constructor."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.clients import client_of
from turnout.settings import AzureBackend
from turnout_emulator import Raw

if TYPE_CHECKING:
    from turnout_emulator import Emulator

ASKED: Any = {
    "model": "gpt-5-prod",
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
UNSTREAMED: Any = {name: ASKED[name] for name in ("model", "messages")}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_750_000_000, "model": "gpt-5"}


def choice(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]}


def call(index: int, **function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]}


USUAL = [
    {**HEAD, "choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
    choice({"role": "assistant", "content": "", "refusal": None}, logprobs=None),
    choice({"content": "Hel"}, content_filter_results={"hate": {"filtered": False, "severity": "safe"}}),
    choice({"content": "lo", "reasoning_content": "as other servers say it"}),
    choice(call(0, name="look", arguments="")),
    choice({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}),
    choice(
        {"content": "x"}, logprobs={"content": [{"token": "x", "bytes": [120], "logprob": -0.5, "top_logprobs": []}]}
    ),
    choice({}, "tool_calls"),
    {**HEAD, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
]
ODD = [
    choice({"content": "x"}, "a reason of tomorrow"),
    choice({"content": 5}),
    {"choices": [{"delta": {"content": "nothing else"}}]},
    {**HEAD, "created": "1750000000", "choices": [{"index": 0, "delta": {}, "finish_reason": None}]},
]

WHOLE = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_750_000_000, "model": "gpt-5"}
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": None},
    "a_count_of_tomorrow": 7,
}


def answer(message: dict[str, Any], reason: Any = "stop", **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason, **more}]
    return {**WHOLE, "choices": choices, "usage": USAGE, "prompt_filter_results": [{"prompt_index": 0}]}


ANSWERS = [
    answer(
        {"content": "Hello", "refusal": None, "annotations": []}, content_filter_results={"hate": {"filtered": False}}
    ),
    answer({"content": None, "tool_calls": call(0, name="look", arguments='{"a": 1}')["tool_calls"]}, "tool_calls"),
    answer(
        {"content": "x", "reasoning_content": "as other servers say it"}, logprobs={"content": None, "refusal": None}
    ),
]
ODD_ANSWERS = [
    answer({"content": "x"}, "a reason of tomorrow"),
    answer({"content": [{"type": "text", "text": "x"}]}),
    answer({"content": "x"}, None),
    {"choices": [{"message": {"role": "assistant", "content": "nothing else"}}]},
]


def sse(chunks: list[dict[str, Any]]) -> Raw:
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return Raw(200, {"content-type": "text/event-stream"}, text)


@pytest.fixture
def clients(fresh_emulator: Emulator) -> tuple[openai.OpenAI, openai.AsyncOpenAI]:
    backend = AzureBackend(endpoint=fresh_emulator.azure.url, api_key="turnout-emulator-azure-key")
    client = client_of(backend)
    return client.sync, client.aio


async def aread(client: openai.AsyncOpenAI) -> list[Any]:
    return [chunk async for chunk in await client.chat.completions.create(**ASKED)]


async def acreate(client: openai.AsyncOpenAI) -> ChatCompletion:
    answered: ChatCompletion = await client.chat.completions.create(**UNSTREAMED)
    return answered


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the odd ones
@pytest.mark.parametrize("chunks", [USUAL, ODD], ids=["usual", "odd"])
def test_chunks_are_the_sdks(
    fresh_emulator: Emulator, clients: tuple[openai.OpenAI, openai.AsyncOpenAI], chunks: list[dict[str, Any]]
) -> None:
    plain = openai.OpenAI(base_url=f"{fresh_emulator.azure.url}/openai/v1/", api_key="turnout-emulator-azure-key")
    fresh_emulator.queue(*(sse(chunks) for _ in range(3)))
    with plain:
        expected = list(plain.chat.completions.create(**ASKED))
    for got in (list(clients[0].chat.completions.create(**ASKED)), asyncio.run(aread(clients[1]))):
        assert got == expected
        assert [type(chunk) for chunk in got] == [ChatCompletionChunk] * len(chunks)
        assert [chunk.to_dict() for chunk in got] == [chunk.to_dict() for chunk in expected] == chunks
        assert [chunk.model_dump() for chunk in got] == [chunk.model_dump() for chunk in expected]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the odd ones
@pytest.mark.parametrize("whole", [*ANSWERS, *ODD_ANSWERS])
def test_whole_answers_are_the_sdks(
    fresh_emulator: Emulator, clients: tuple[openai.OpenAI, openai.AsyncOpenAI], whole: dict[str, Any]
) -> None:
    plain = openai.OpenAI(base_url=f"{fresh_emulator.azure.url}/openai/v1/", api_key="turnout-emulator-azure-key")
    said = Raw(200, {"content-type": "application/json", "x-request-id": "req-1"}, json.dumps(whole))
    fresh_emulator.queue(*(said for _ in range(4)))
    with plain:
        expected = plain.chat.completions.create(**UNSTREAMED)
    raw = clients[0].chat.completions.with_raw_response.create(**UNSTREAMED)
    ours = [clients[0].chat.completions.create(**UNSTREAMED), raw.parse()]
    ours.append(asyncio.run(acreate(clients[1])))
    for got in ours:
        assert got == expected
        assert type(got) is ChatCompletion
        assert got._request_id == expected._request_id
        assert got.to_dict() == expected.to_dict() == whole
        assert got.model_dump() == expected.model_dump()


def test_the_sdks_constructor_is_not_asked(
    fresh_emulator: Emulator,
    clients: tuple[openai.OpenAI, openai.AsyncOpenAI],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(**_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(ChatCompletionChunk, "construct", slow)
    monkeypatch.setattr(ChatCompletion, "construct", slow)
    fresh_emulator.queue(sse(USUAL), sse(USUAL))
    assert len(list(clients[0].chat.completions.create(**ASKED))) == len(USUAL)
    assert len(asyncio.run(aread(clients[1]))) == len(USUAL)
    assert clients[0].chat.completions.create(**UNSTREAMED).choices
    assert asyncio.run(acreate(clients[1])).choices


def test_raw_answers_are_the_sdks(clients: tuple[openai.OpenAI, openai.AsyncOpenAI]) -> None:
    completions = clients[0].chat.completions
    raw = completions.with_raw_response.create(**ASKED)
    assert raw.status_code == 200
    assert all(type(chunk) is ChatCompletionChunk for chunk in raw.parse())
    assert "choices" in completions.with_raw_response.create(**UNSTREAMED).parse(to=dict[str, Any])
    with completions.with_streaming_response.create(**ASKED) as response:
        assert b"[DONE]" in response.read()


def test_a_copy_of_a_client_makes_them_likewise(
    fresh_emulator: Emulator,
    clients: tuple[openai.OpenAI, openai.AsyncOpenAI],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert clients[0].chat.completions is clients[0].chat.completions
    monkeypatch.setattr(ChatCompletionChunk, "construct", None)
    fresh_emulator.queue(sse(USUAL))
    copy = clients[0].with_options(timeout=60)
    assert len(list(copy.chat.completions.create(**ASKED))) == len(USUAL)
