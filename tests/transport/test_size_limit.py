"""An answer is read up to a size, however it is sent; one that is larger is an error, and not asked for again."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout.errors import ServiceAnswerError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.transport import size_limit
from turnout_emulator import Answer, Emulator, Raw

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = 200_000
ASKED = [ChatMessage("x")]
WIRES = [("default", "azure"), ("responses", "azure"), ("claude", "azure"), ("default", "bedrock")]
SPACES = b" " * (SMALL + 1)


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("settings_file")]


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return fresh_emulator.settings_toml(every_wire=True)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_limit, "MOST", SMALL)


EACH = [(framework, way) for framework in FRAMEWORKS for way in WAYS]
BODIES = {
    "plain": Raw(200, {"content-type": "application/json"}, SPACES + b"{}"),
    "gzip": Raw(200, {"content-type": "application/json", "content-encoding": "gzip"}, gzip.compress(SPACES + b"{}")),
    "deflate": Raw(
        200, {"content-type": "application/json", "content-encoding": "deflate"}, zlib.compress(SPACES + b"{}")
    ),
    "a failure": Raw(502, {"content-type": "text/html"}, SPACES),
}


@pytest.mark.parametrize(("model", "backend"), WIRES)
@pytest.mark.parametrize("body", BODIES)
def test_too_large(fresh_emulator: Emulator, body: str, model: str, backend: str) -> None:
    for framework, way in EACH:
        if backend == "bedrock" and (body in {"gzip", "deflate"} or "stream" in way):
            continue  # botocore decodes nothing, and reads a stream by frames of a bounded length
        fresh_emulator.queue(BODIES[body], Answer("Small."))
        with pytest.raises(ServiceAnswerError, match="larger than 0 MiB, and wasn't read to its end") as caught:
            Chat(framework, model=model, backend=backend).ask(way)
        assert (caught.value.attempts, caught.value.retryable) == (1, False), (framework, way)
        assert fresh_emulator.pending == 1, (framework, way)
        fresh_emulator.clear()


@pytest.mark.parametrize("model", ["azure:embed-small", "bedrock:amazon.titan-embed-text-v2:0"])
def test_too_many_vectors(fresh_emulator: Emulator, model: str) -> None:
    ways: list[Callable[[], object]] = [
        lambda: TurnoutEmbeddings(model=model).embed_query("x"),
        lambda: asyncio.run(TurnoutEmbeddings(model=model).aembed_query("x")),
    ]
    for ask in ways:
        fresh_emulator.queue(BODIES["plain"])
        with pytest.raises(ServiceAnswerError, match="larger than"):
            ask()


def test_a_stream_without_end(fresh_emulator: Emulator) -> None:
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "The "}, "finish_reason": null}]}\n\n'
    for framework, way in EACH:
        if "stream" in way:
            fresh_emulator.queue(Raw(200, {"content-type": "text/event-stream"}, chunk * (SMALL // len(chunk) + 1)))
            with pytest.raises(ServiceAnswerError, match="larger than"):
                Chat(framework, backend="azure").ask(way)


@pytest.mark.parametrize("level", ["[", '{"a":', '[{"a": "\\"", "b":'])
@pytest.mark.parametrize(("model", "backend"), WIRES)
def test_too_deep(fresh_emulator: Emulator, level: str, model: str, backend: str) -> None:
    for framework, way in EACH:
        if "stream" not in way:
            deep = Raw(200, {"content-type": "application/json"}, level * 5_000)
            fresh_emulator.queue(deep, Answer("Flat."))
            assert Chat(framework, model=model, backend=backend).ask(way)[0] == "Flat.", (framework, way)
            fresh_emulator.queue(deep)
            with pytest.raises(ServiceAnswerError, match="nested more than 200 levels deep"):
                Chat(framework, model=model, backend=backend, max_retries=0).ask(way)


def test_brackets_in_a_text_are_no_levels(fresh_emulator: Emulator) -> None:
    text = '[{"' * 2_000 + '\\"' * 300
    fresh_emulator.queue(Answer(text), Answer(text))
    for backend in ("azure", "bedrock"):
        assert ChatTurnout(backend=backend).invoke("x").content == text


def test_many_vectors_are_flat(fresh_emulator: Emulator) -> None:
    texts = [f"text {number}" for number in range(500)]
    assert len(TurnoutEmbeddings(model="azure:embed-small", dimensions=8).embed_documents(texts)) == 500
    assert fresh_emulator.requests


def test_what_is_encoded_twice_is_not_read(fresh_emulator: Emulator) -> None:
    twice = Raw(200, {"content-encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"{}")))
    for way in ("whole", "async"):
        fresh_emulator.queue(twice)
        with pytest.raises(ServiceAnswerError, match="encoded more than once"):
            Chat("langchain", backend="azure", max_retries=0).ask(way)


def test_what_is_encoded_and_small_is_read(fresh_emulator: Emulator) -> None:
    body = b'{"choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}]}'
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        answer = Raw(200, {"content-type": "application/json", "content-encoding": encoding}, packed)
        fresh_emulator.queue(answer, answer)
        assert ChatTurnout(backend="openai").invoke("x").content == "Hello."
        assert asyncio.run(ChatTurnout(backend="openai").ainvoke("x")).content == "Hello."
