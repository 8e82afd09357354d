"""LlamaIndex's own caches never give back another model's vector, and share the same model's wherever it is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore

from tests.llama_index.stores.kinds import documents
from turnout.errors import EmbeddingSpaceError
from turnout.llama_index import TurnoutEmbedding
from turnout.llama_index.vectors import SpacedCache

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

TEXT = "The depot opens at seven in the morning."


pytestmark = pytest.mark.usefixtures("settings_file")


def asked(emulator: Emulator) -> int:
    return len(emulator.requests)


def test_a_switch_of_the_backend_is_a_switch_of_the_cached_vectors(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SimpleKVStore()
    model = TurnoutEmbedding(embeddings_cache=cache)
    fresh = {}
    for backend in ("azure", "bedrock", "openai"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        fresh[backend] = TurnoutEmbedding().get_text_embedding_batch([TEXT, "Another."])
        assert model.get_text_embedding_batch([TEXT, "Another."]) == fresh[backend]
    assert len(fresh["azure"][0]) == len(fresh["bedrock"][0])
    assert fresh["azure"][0] != fresh["bedrock"][0]
    before = asked(fresh_emulator)
    for backend in ("azure", "bedrock", "openai"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        assert model.get_text_embedding_batch([TEXT, "Another."]) == fresh[backend]
        assert model.get_text_embedding(TEXT) == fresh[backend][0]
    assert asked(fresh_emulator) == before


async def test_a_cache_works_on_an_event_loop(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TurnoutEmbedding(embeddings_cache=SimpleKVStore(), embed_batch_size=1, num_workers=2)
    texts = [TEXT, "Another.", "A third."]
    first = await model.aget_text_embedding_batch(texts)
    query = await model.aget_query_embedding(TEXT)
    before = asked(fresh_emulator)
    assert await model.aget_text_embedding_batch(texts) == first
    assert await model.aget_text_embedding(TEXT) == first[0]
    assert await model.aget_query_embedding(TEXT) == query
    assert asked(fresh_emulator) == before
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert (await model.aget_text_embedding_batch(texts))[0] != first[0]


def test_the_same_model_elsewhere_shares_the_cache(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SimpleKVStore()
    first = TurnoutEmbedding(model="elsewhere", backend="azure", embeddings_cache=cache).get_text_embedding(TEXT)
    before = asked(fresh_emulator)
    monkeypatch.setenv("TURNOUT_BACKEND", "openai")
    assert TurnoutEmbedding(model="elsewhere", embeddings_cache=cache).get_text_embedding(TEXT) == first
    assert asked(fresh_emulator) == before


def test_a_query_is_not_a_document(fresh_emulator: Emulator) -> None:
    model = TurnoutEmbedding(model="elsewhere", backend="bedrock", embeddings_cache=SimpleKVStore())
    plain = TurnoutEmbedding(model="elsewhere", backend="bedrock")
    document, query = plain.get_text_embedding(TEXT), plain.get_query_embedding(TEXT)
    for _ in range(2):
        assert model.get_query_embedding(TEXT) == query
        assert model.get_text_embedding(TEXT) == document
    kinds = [request.body["input_type"] for request in fresh_emulator.requests]
    assert kinds == ["search_document", "search_query", "search_query", "search_document"]


def test_a_cache_that_is_set_later_is_keyed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, model = SimpleKVStore(), TurnoutEmbedding()
    model.embeddings_cache = cache
    model.get_text_embedding(TEXT)
    assert list(cache.get_all("embeddings")) == [f"text-embedding-ada-002/1536:document:{TEXT}"]
    assert isinstance(model.embeddings_cache, SpacedCache)
    assert TurnoutEmbedding(embeddings_cache=model.embeddings_cache).embeddings_cache is model.embeddings_cache
    with pytest.raises(EmbeddingSpaceError, match="go through TurnoutEmbedding"):
        SpacedCache(cache).get(TEXT, collection="embeddings")


def test_a_switch_in_a_call_caches_no_vector_under_another_space(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SimpleKVStore()
    model = TurnoutEmbedding(
        embeddings_cache=cache, progress=lambda _: monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    )
    vector = model.get_text_embedding(TEXT)
    kept = cache.get_all("embeddings")
    assert list(kept) == [f"text-embedding-ada-002/1536:document:{TEXT}"]
    assert list(kept[f"text-embedding-ada-002/1536:document:{TEXT}"].values()) == [vector]
    assert model.get_text_embedding(TEXT) != vector


def test_an_ingestion_pipeline_embeds_again_in_another_space_and_only_then(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = IngestionCache()

    def run(**arguments: Any) -> list[float]:
        pipeline = IngestionPipeline(transformations=[SentenceSplitter(), TurnoutEmbedding(**arguments)], cache=cache)
        return pipeline.run(documents=documents([TEXT]))[0].get_embedding()

    azure = run()
    before = asked(fresh_emulator)
    assert run(backend="azure") == run(max_retries=3, deadline=60, embed_batch_size=7, num_workers=2) == azure
    assert run(embeddings_cache=SimpleKVStore(), progress=print) == azure
    assert asked(fresh_emulator) == before
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    titan = run()
    assert asked(fresh_emulator) == before + 1
    assert len(titan) == len(azure)
    assert titan != azure
    path = str(tmp_path / "cache.json")
    cache.persist(path)
    cache = IngestionCache.from_persist_path(path)
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    assert run() == azure
    assert asked(fresh_emulator) == before + 1


def test_what_is_hashed_is_the_space() -> None:
    nodes = [TextNode(text=TEXT)]

    def hashed(**arguments: Any) -> str:
        return get_transformation_hash(nodes, TurnoutEmbedding(**arguments))

    assert TurnoutEmbedding().to_dict() == {
        "class_name": "TurnoutEmbedding",
        "model_name": "text-embedding-ada-002/1536",
    }
    ada = hashed()
    assert hashed(model="elsewhere", backend="openai") == hashed(model="elsewhere") == ada
    assert len({ada, hashed(backend="bedrock"), hashed(backend="openai")}) == 3
    assert hashed(backend="openai", dimensions=256) != hashed(backend="openai", dimensions=1024)


def test_a_serialised_model_is_read_only_as_the_space_that_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    said = TurnoutEmbedding().to_dict()
    assert TurnoutEmbedding.from_dict(said).to_dict() == said
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=r"ada-002/1536, the settings' with amazon\.titan.*model=") as caught:
        TurnoutEmbedding.from_dict(said)
    assert caught.value.fix
    assert TurnoutEmbedding.from_dict(said, model="elsewhere", backend="openai").to_dict() == said
