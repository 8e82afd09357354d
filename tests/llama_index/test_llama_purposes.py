"""Queries and documents are embedded as what they are, where the model tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from turnout.llama_index import TurnoutEmbedding

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("settings_file")

MODELS = {
    "bedrock:cohere.embed-english-v3": ("search_query", "search_document"),
    "bedrock:cohere.embed-v4:0": ("search_query", "search_document"),
    "bedrock:amazon.nova-2-multimodal-embeddings-v1:0": ("TEXT_RETRIEVAL", "GENERIC_INDEX"),
}


def purpose(body: dict[str, Any]) -> str:
    said: str = body.get("input_type") or body["singleEmbeddingParams"]["embeddingPurpose"]
    return said


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_queries(model: str, fresh_emulator: Emulator) -> None:
    embedding = TurnoutEmbedding(model)
    embedding.get_query_embedding("lamp")
    await embedding.aget_query_embedding("lamp")
    assert [purpose(received.body) for received in fresh_emulator.requests] == [MODELS[model][0]] * 2


async def test_documents(model: str, fresh_emulator: Emulator) -> None:
    embedding = TurnoutEmbedding(model)
    embedding.get_text_embedding("lamp")
    await embedding.aget_text_embedding("lamp")
    embedding.get_text_embedding_batch(["lamp"])
    await embedding.aget_text_embedding_batch(["lamp"])
    assert [purpose(received.body) for received in fresh_emulator.requests] == [MODELS[model][1]] * 4


def test_the_largest_batches_that_the_model_takes(fresh_emulator: Emulator) -> None:
    TurnoutEmbedding("bedrock:cohere.embed-english-v3").get_text_embedding_batch([f"lamp {n}" for n in range(200)])
    assert sorted(len(received.body["texts"]) for received in fresh_emulator.requests) == [8, 96, 96]
