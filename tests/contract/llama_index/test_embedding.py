"""Embeddings: queries and texts, one and many, sync and async."""

from __future__ import annotations

import json
import math
import pickle
from typing import TYPE_CHECKING

import pytest
from llama_index.core import Settings
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.schema import TextNode
from pydantic import ValidationError

from tests.contract.llama_index.llama_parts import service_of
from turnout.errors import InvalidRequestError, SettingsError
from turnout.llama_index import TurnoutEmbedding
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")

TEXTS = [f"Lamp number {n} stands at track {n}." for n in range(30)]


def close(a: list[float], b: list[float]) -> bool:
    return len(a) == len(b) and all(math.isclose(x, y, abs_tol=1e-6) for x, y in zip(a, b, strict=True))


def test_is_an_embedding() -> None:
    embedding = TurnoutEmbedding()
    assert isinstance(embedding, BaseEmbedding)
    assert embedding.class_name() == "TurnoutEmbedding"
    assert embedding.embed_batch_size == 2048


def test_settings_alone_choose_the_backend(backend: str, fresh_emulator: Emulator) -> None:
    TurnoutEmbedding().get_query_embedding("lamp")
    (received,) = fresh_emulator.requests
    assert (received.service, received.operation) == (service_of(backend), "embeddings")


def test_query() -> None:
    vector = TurnoutEmbedding().get_query_embedding("Where is the lamp?")
    assert len(vector) == TurnoutEmbedding().space.dimensions
    assert all(isinstance(number, float) for number in vector)
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-3)


def test_text_and_its_query_are_near() -> None:
    embedding = TurnoutEmbedding()
    query = embedding.get_query_embedding("lamp number 7")
    near, far = embedding.get_text_embedding(TEXTS[7]), embedding.get_text_embedding("Tickets are refunded.")
    assert embedding.similarity(query, near) > embedding.similarity(query, far) + 0.1


async def test_async_is_the_same() -> None:
    embedding = TurnoutEmbedding()
    assert close(await embedding.aget_query_embedding("lamp"), embedding.get_query_embedding("lamp"))
    assert close(await embedding.aget_text_embedding("lamp"), embedding.get_text_embedding("lamp"))


def test_a_batch_keeps_its_order() -> None:
    embedding = TurnoutEmbedding()
    vectors = embedding.get_text_embedding_batch(TEXTS)
    assert len(vectors) == len(TEXTS)
    for index in (0, 13, 29):
        assert close(vectors[index], embedding.get_text_embedding(TEXTS[index]))


async def test_an_async_batch_is_the_same() -> None:
    embedding = TurnoutEmbedding()
    vectors = await embedding.aget_text_embedding_batch(TEXTS)
    assert all(close(a, b) for a, b in zip(vectors, embedding.get_text_embedding_batch(TEXTS), strict=True))


def test_small_batches_are_the_same() -> None:
    small = TurnoutEmbedding(embed_batch_size=4).get_text_embedding_batch(TEXTS[:10])
    large = TurnoutEmbedding().get_text_embedding_batch(TEXTS[:10])
    assert all(close(a, b) for a, b in zip(small, large, strict=True))


def test_no_texts() -> None:
    assert TurnoutEmbedding().get_text_embedding_batch([]) == []


def test_few_requests(backend: str, fresh_emulator: Emulator) -> None:
    TurnoutEmbedding().get_text_embedding_batch(TEXTS)
    assert len(fresh_emulator.requests) == (30 if backend == "bedrock" else 1)


def test_nodes() -> None:
    nodes = [TextNode(text=text) for text in TEXTS[:3]]
    made = TurnoutEmbedding()(nodes)
    assert [len(node.embedding or []) for node in made] == [TurnoutEmbedding().space.dimensions] * 3


def test_unicode() -> None:
    assert len(TurnoutEmbedding().get_text_embedding("Gleis 9¾ 🚂 転轍機")) > 0


def test_dimensions(backend: str) -> None:
    assert len(TurnoutEmbedding(dimensions=256).get_query_embedding("lamp")) == 256
    with pytest.raises(SettingsError, match="dimensions"):
        TurnoutEmbedding(dimensions=99_999).get_query_embedding("lamp")


def test_an_empty_text_is_refused_before_anything_is_sent(fresh_emulator: Emulator) -> None:
    with pytest.raises(InvalidRequestError, match="text 1 is empty"):
        TurnoutEmbedding().get_text_embedding_batch(["lamp", "  "])
    assert fresh_emulator.requests == []


def test_another_backend(backend: str, fresh_emulator: Emulator) -> None:
    other = "openai" if backend == "bedrock" else "bedrock"
    TurnoutEmbedding(backend=other).get_query_embedding("lamp")
    assert fresh_emulator.requests[-1].service == other


def test_a_wrong_argument_is_refused() -> None:
    with pytest.raises(ValidationError):
        TurnoutEmbedding(dimensions=0)
    with pytest.raises(ValidationError):
        TurnoutEmbedding(deployment="x")


def test_accepted_by_settings() -> None:
    Settings.embed_model = TurnoutEmbedding()
    try:
        assert len(Settings.embed_model.get_query_embedding("lamp")) > 0
    finally:
        Settings._embed_model = None


# --- as it is seen from outside


def test_the_name_is_the_space(backend: str) -> None:
    wanted = "amazon.titan-embed-text-v2:0/1024" if backend == "bedrock" else "text-embedding-3-small/1536"
    assert TurnoutEmbedding().model_name == wanted
    assert TurnoutEmbedding().to_dict()["model_name"] == wanted
    assert TurnoutEmbedding().to_payload()["model_name"] == wanted


def test_what_is_hashed_follows_the_space_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, nodes = TurnoutEmbedding(), [TextNode(text="lamp", id_="1")]
    hashes = {}
    for name in ("azure", "azure_dated", "openai", "bedrock"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        hashes[name] = get_transformation_hash(nodes, embedding)
        assert get_transformation_hash(nodes, TurnoutEmbedding(settings=load_settings())) == hashes[name]
    assert hashes["azure"] == hashes["azure_dated"] == hashes["openai"] != hashes["bedrock"]


def test_no_secret_in_what_it_shows(settings_file: Path) -> None:
    embedding = TurnoutEmbedding(settings=load_settings())
    text = settings_file.read_text(encoding="utf-8")
    secrets = [line.split('"')[1] for line in text.splitlines() if line.startswith(("api_key", "secret_access_key"))]
    shown = [repr(embedding), json.dumps(embedding.to_dict()), str(embedding.to_payload())]
    assert not [secret for secret in secrets for text in shown if secret in text]
    pickled = pickle.dumps(embedding)
    assert not [secret for secret in secrets if secret.encode() in pickled]
    assert close(pickle.loads(pickled).get_query_embedding("lamp"), embedding.get_query_embedding("lamp"))


def test_dict_works_on_the_other_side() -> None:
    embedding = TurnoutEmbedding(dimensions=256)
    other = TurnoutEmbedding.from_dict(json.loads(json.dumps(embedding.to_dict())))
    assert other.to_dict() == embedding.to_dict()
    assert len(other.get_query_embedding("lamp")) == 256
