"""Vectors of the embeddings API: those that the SDK makes, made without its objects."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse, Embedding

from tests.providers.test_clients import AZURE_KEY, embedder, settings
from tests.support import frameworks
from turnout.errors import InvalidRequestError, ServiceAnswerError
from turnout_emulator import Raw
from turnout_emulator.accounts import OPENAI_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator
    from turnout_emulator.control import Received

SIZE = 1536
TEXTS = ["the harbour", "a berth", "the tide"]
NUMBERS = [[float(n + place) / 7 for n in range(SIZE)] for place in range(3)]


def packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answer(data: Any, content_type: str = "application/json") -> Raw:
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    return Raw(200, {"content-type": content_type}, json.dumps(body))


def items(vectors: list[Any]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]


def both(emulator: Emulator, answered: Raw) -> list[list[float]]:
    emulator.queue(answered, answered)
    made = embedder(emulator, "azure", api_key=AZURE_KEY, max_retries=0)
    found = made.embed(TEXTS)
    assert asyncio.run(made.aembed(TEXTS)) == found
    return found


def test_they_are_the_sdks(fresh_emulator: Emulator) -> None:
    made = embedder(fresh_emulator, "azure", api_key=AZURE_KEY)
    plain = openai.OpenAI(base_url=f"{fresh_emulator.azure.url}/openai/v1/", api_key=AZURE_KEY)
    with plain:
        answered = plain.embeddings.create(model=made.route.deployment, input=TEXTS)
    assert made.embed(TEXTS) == [item.embedding for item in answered.data]
    theirs, ours = fresh_emulator.requests
    assert ours.body == theirs.body


def test_the_sdks_objects_are_not_made(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(**_: Any) -> Any:
        raise AssertionError

    for kind in (Embedding, CreateEmbeddingResponse):
        monkeypatch.setattr(kind, "construct", slow)
    made = embedder(fresh_emulator, "azure", api_key=AZURE_KEY)
    assert len(made.embed(TEXTS)) == len(asyncio.run(made.aembed(TEXTS))) == 3


def test_lists_are_taken_as_they_are(fresh_emulator: Emulator) -> None:
    assert both(fresh_emulator, answer(items(NUMBERS))) == NUMBERS


def test_they_are_put_in_order(fresh_emulator: Emulator) -> None:
    sent = items([packed(numbers) for numbers in NUMBERS])
    expected = [list(struct.unpack(f"<{SIZE}f", struct.pack(f"<{SIZE}f", *numbers))) for numbers in NUMBERS]
    assert both(fresh_emulator, answer([sent[2], sent[0], sent[1]])) == expected


def test_without_an_index_they_are_in_order(fresh_emulator: Emulator) -> None:
    assert both(fresh_emulator, answer([{"embedding": numbers} for numbers in NUMBERS])) == NUMBERS
    assert both(fresh_emulator, answer([{**one, "index": None} for one in items(NUMBERS)])) == NUMBERS


@pytest.mark.parametrize("framework", frameworks.FRAMEWORKS)
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "base64 encoding is not currently supported"),  # vLLM
        (422, "1 validation error: encoding_format: Input should be 'float'"),
    ],
)
def test_a_server_without_base64_is_asked_for_floats(
    fresh_emulator: Emulator, framework: str, status: int, said: str
) -> None:
    def floats_alone(received: Received) -> Raw | None:
        if received.body["encoding_format"] == "float":
            return answer([{"embedding": numbers} for numbers in NUMBERS[: len(received.body["input"])]])
        return Raw(status, {"content-type": "application/json"}, {"message": said, "code": status})

    made = settings(
        fresh_emulator, openai={"api_key": OPENAI_KEY, "max_retries": 0, "connect_timeout": 20 + status / 8}
    )
    embedding = frameworks.Embedding(framework, settings=made)
    fresh_emulator.rule(floats_alone)
    assert embedding.texts(TEXTS) == NUMBERS
    assert embedding.query("x") == asyncio.run(embedding.aquery("x")) == NUMBERS[0]
    asked = [request.body["encoding_format"] for request in fresh_emulator.requests]
    assert asked.count("float") == 3
    assert asked.count("base64") <= 2  # once by each of the clients, for threads and for coroutines
    sent = len(fresh_emulator.requests)
    fresh_emulator.rule(lambda _: Raw(status, {"content-type": "application/json"}, {"message": said}))
    with pytest.raises(InvalidRequestError):
        embedding.query("x")
    assert len(fresh_emulator.requests) == sent + 1


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (answer(None), "it has no vectors: {"),
        (answer([{"index": place} for place in range(3)]), "a vector is no list of numbers: None"),
        (answer([{"index": 0, "embedding": [1.0]}] * 3), r"its vectors have the indexes \[0, 0, 0\]"),
        (answer([{**one, "index": str(one["index"])} for one in items(NUMBERS)]), "have the indexes"),
        (answer(items(["abc"] * 3)), "a vector is no base64 of numbers: Incorrect padding"),
        (answer(items(["abcd"] * 3)), "a vector is no base64 of numbers: bytes length"),
        (answer(items(["no numbers"] * 3)), "a vector is no base64 of numbers"),
        (answer(items([5] * 3)), "a vector is no list of numbers: 5"),
        (answer(items([[1.0, "2"]] * 3)), "a vector is no list of numbers: "),
        (answer(items([[1.0, True]] * 3)), "a vector is no list of numbers: "),
        (answer(items([[1.0, float("nan")]] * 3)), "a vector has numbers that are not finite"),
        (answer(items([packed([1.0, float("-inf")])] * 3)), "a vector has numbers that are not finite"),
        (answer(items([[1.0], [1.0, 2.0], [1.0]])), r"its vectors are of \[1, 2\] numbers"),
        (answer(items([[], [], []])), r"its vectors are of \[0\] numbers"),
        (answer([]), "it has 0 vectors for 3 texts"),
        (answer(items(NUMBERS + NUMBERS)), "it has 6 vectors for 3 texts"),
        (Raw(200, {"content-type": "text/html"}, "<p>a gateway</p>"), "it is no JSON: '<p>a gateway"),
    ],
    ids=[
        *("null", "no vector", "one index", "index as text", "no base64", "half a number", "words", "a number"),
        *("text for a number", "a truth", "not a number", "infinite", "lengths", "empty ones", "none", "too many"),
        "a page",
    ],
)
def test_what_is_no_vector_is_named(fresh_emulator: Emulator, answered: Raw, said: str) -> None:
    fresh_emulator.queue(answered, answered)
    made = embedder(fresh_emulator, "azure", api_key=AZURE_KEY, max_retries=0)
    with pytest.raises(ServiceAnswerError, match=said):
        made.embed(TEXTS)
    with pytest.raises(ServiceAnswerError, match=said):
        asyncio.run(made.aembed(TEXTS))
