"""Chunks of streamed chat completions: equal to those that the SDK makes, and made without its constructor."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from turnout.clients import openai_client
from turnout.clients.chunks import hasten
from turnout.emulator import Raw
from turnout.settings import AzureBackend

if TYPE_CHECKING:
    from turnout.emulator import Emulator

ASKED: Any = {
    "model": "gpt-5-prod",
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
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
    choice(call(0, arguments='{"a": 1}')),
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
    {**HEAD, "created": "1750000000", "choices": [{"index": 0, "delta": None, "finish_reason": None}]},
    {**HEAD, "choices": None},
]


def sse(chunks: list[dict[str, Any]]) -> Raw:
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return Raw(200, {"content-type": "text/event-stream"}, text)


@pytest.fixture
def clients(fresh_emulator: Emulator) -> tuple[openai.OpenAI, openai.AsyncOpenAI]:
    backend = AzureBackend(endpoint=fresh_emulator.azure.url, api_key="turnout-emulator-azure-key")
    client = openai_client(backend)
    hasten(client.sync)
    hasten(client.aio)
    return client.sync, client.aio


async def aread(client: openai.AsyncOpenAI) -> list[Any]:
    return [chunk async for chunk in await client.chat.completions.create(**ASKED)]


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


def test_the_sdks_constructor_is_not_asked(
    fresh_emulator: Emulator,
    clients: tuple[openai.OpenAI, openai.AsyncOpenAI],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(**_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(ChatCompletionChunk, "construct", slow)
    fresh_emulator.queue(sse(USUAL), sse(USUAL))
    assert len(list(clients[0].chat.completions.create(**ASKED))) == len(USUAL)
    assert len(asyncio.run(aread(clients[1]))) == len(USUAL)


def test_what_is_no_stream_is_the_sdks(clients: tuple[openai.OpenAI, openai.AsyncOpenAI]) -> None:
    whole = {name: ASKED[name] for name in ("model", "messages")}
    completions = clients[0].chat.completions
    assert completions.create(**whole).choices[0].message.content
    raw = completions.with_raw_response.create(**ASKED)
    assert raw.status_code == 200
    assert all(type(chunk) is ChatCompletionChunk for chunk in raw.parse())
    with completions.with_streaming_response.create(**ASKED) as response:
        assert b"[DONE]" in response.read()


def test_a_client_is_hastened_once(clients: tuple[openai.OpenAI, openai.AsyncOpenAI]) -> None:
    before = clients[0].chat.completions
    hasten(clients[0])
    assert clients[0].chat.completions is before
