"""Requests as large as the service takes: filled by an estimate, and halved where it was too low."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.providers.test_clients import AZURE_KEY, embedder
from tests.support.frameworks import FRAMEWORKS, Embedding
from turnout.embedding.batching import batches
from turnout.errors import ContextOverflowError
from turnout_emulator import Raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout.embedding.embedder import Embedder
    from turnout_emulator import Emulator
    from turnout_emulator.control import Received

TABLE = "1,2;3.4|" * 1_000  # a token for each of its 8,000 bytes
PROSE = "The depot opens at seven. Turnouts guide trains. " * 20

WAYS: dict[str, Callable[[Embedder, list[str]], list[list[float]]]] = {
    "sync": lambda some, texts: some.embed(texts),
    "async": lambda some, texts: asyncio.run(some.aembed(texts)),
    "iter": lambda some, texts: list(some.embed_iter(iter(texts))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [60, 160], ids=["one request", "several"])
def test_tables_of_digits_go_in_halves(fresh_emulator: Emulator, way: str, count: int) -> None:
    some = embedder(fresh_emulator, "azure", api_key=AZURE_KEY)
    texts = [f"{number} {TABLE}" for number in range(count)]
    vectors = WAYS[way](some, texts)
    statuses = [request.status for request in fresh_emulator.requests]
    assert vectors == [some.embed([text])[0] for text in texts]
    assert 1 <= statuses.count(400) <= statuses.count(200)


def test_ordinary_text_fills_its_requests(fresh_emulator: Emulator) -> None:
    some = embedder(fresh_emulator, "azure", api_key=AZURE_KEY)
    texts = [f"{number} {PROSE}"[:1_000] for number in range(2_000)]
    assert len(list(batches(texts, some.route))) == 4


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "model",
    [
        "azure:embed-small",
        "openai:text-embedding-3-small",
        "bedrock:cohere.embed-english-v3",
        "bedrock:amazon.titan-embed-text-v1",
        "bedrock:amazon.nova-2-multimodal-embeddings-v1:0",
    ],
)
def test_a_text_that_is_too_long_is_named(settings_file: Path, framework: str, model: str) -> None:
    del settings_file
    embedding = Embedding(framework, model=model)
    long = "1," * 1_000 if "cohere" in model else "word " * 8_200
    texts = ["a", "b", "a", "c", *map(str, range(20)), long, "z"]
    with pytest.raises(ContextOverflowError, match=r"^text 24 has too many tokens") as caught:
        embedding.texts(texts)
    assert caught.value.status == 400
    if not model.startswith("azure"):
        assert "of which the model takes" in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_its_number_is_the_callers(fresh_emulator: Emulator, way: str) -> None:
    some = embedder(fresh_emulator, "azure", api_key=AZURE_KEY)
    texts = ["same"] * 30 + [f"text {number}" for number in range(30)] + ["word " * 8_200] + ["same"]
    with pytest.raises(ContextOverflowError, match=r"^text 60 has too many tokens, of which the model takes 8,191: "):
        WAYS[way](some, texts)
    assert len(fresh_emulator.requests) <= 12


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (413, "Payload Too Large"),
        (422, "batch size 256 > maximum allowed batch size 32"),  # Text Embeddings Inference
        (400, "Value error, batch size is invalid, it should not be larger than 32.: input.contents"),  # DashScope
    ],
)
def test_a_server_that_takes_fewer_texts_gets_fewer(
    fresh_emulator: Emulator, settings_file: Path, framework: str, status: int, said: str
) -> None:
    del settings_file

    def at_most_32(received: Received) -> Raw | None:
        return Raw(status, {}, {"error": {"message": said}}) if len(received.body["input"]) > 32 else None

    embedding = Embedding(framework, model="openai:text-embedding-3-small")
    texts = [f"text {number}" for number in range(256)]
    expected = embedding.texts(texts)
    fresh_emulator.rule(at_most_32)
    before = len(fresh_emulator.requests)
    assert embedding.texts(texts) == expected
    statuses = [request.status for request in fresh_emulator.requests[before:]]
    assert (statuses.count(status), statuses.count(200)) == (7, 8)
