"""Caches that another model's vector can't come back from."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_classic.storage import LocalFileStore
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.stores import InMemoryByteStore
from langchain_core.vectorstores import InMemoryVectorStore

from turnout.errors import EmbeddingSpaceError, InvalidRequestError
from turnout.langchain import TurnoutEmbeddings, cached
from turnout.langchain.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langchain_core.stores import ByteStore

    from turnout_emulator import Emulator

TEXT = "The depot opens at seven."


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path, settings_file: Path) -> ByteStore:
    return InMemoryByteStore() if request.param == "memory" else LocalFileStore(tmp_path / "cache")


def test_a_vector_comes_back_in_its_own_space_only(
    store: ByteStore, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = cached(TurnoutEmbeddings(), store)
    made = {}
    for backend in ("azure", "bedrock", "openai"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        made[backend] = (embeddings.embed_documents([TEXT])[0], embeddings.embed_query(TEXT))
        assert made[backend] == (TurnoutEmbeddings().embed_documents([TEXT])[0], TurnoutEmbeddings().embed_query(TEXT))
    assert made["azure"] != made["bedrock"]
    before = len(fresh_emulator.requests)
    for backend, vectors in made.items():
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        assert (embeddings.embed_documents([TEXT])[0], embeddings.embed_query(TEXT)) == vectors
    assert len(fresh_emulator.requests) == before


async def test_the_same_model_comes_back_wherever_it_is_served(
    store: ByteStore, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = cached(TurnoutEmbeddings(model="elsewhere"), store)
    documents, query = await embeddings.aembed_documents([TEXT]), await embeddings.aembed_query(TEXT)
    monkeypatch.setenv("TURNOUT_BACKEND", "openai")
    before = len(fresh_emulator.requests)
    assert await embeddings.aembed_documents([TEXT]) == documents
    assert await embeddings.aembed_query(TEXT) == query
    assert len(fresh_emulator.requests) == before


def test_a_query_is_no_document(store: ByteStore, fresh_emulator: Emulator) -> None:
    plain = TurnoutEmbeddings(model="bedrock:cohere.embed-english-v3")
    embeddings = cached(plain, store)
    assert embeddings.embed_documents([TEXT]) == plain.embed_documents([TEXT])
    assert embeddings.embed_query(TEXT) == plain.embed_query(TEXT) != embeddings.embed_documents([TEXT])[0]


def test_queries_are_kept_elsewhere_or_not_at_all(settings_file: Path) -> None:
    documents, queries = InMemoryByteStore(), InMemoryByteStore()
    cached(TurnoutEmbeddings(), documents, queries=False).embed_query(TEXT)
    assert not list(documents.yield_keys())
    cached(TurnoutEmbeddings(), documents, queries=queries).embed_query(TEXT)
    assert not list(documents.yield_keys())
    assert len(list(queries.yield_keys())) == 1


def test_the_cache_of_the_framework_alone_gives_another_models_vector(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why this is needed; if it fails, LangChain's own cache has learned better."""
    bare = CacheBackedEmbeddings.from_bytes_store(TurnoutEmbeddings(), InMemoryByteStore(), key_encoder="sha256")
    first = bare.embed_documents([TEXT])
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert bare.embed_documents([TEXT]) == first != TurnoutEmbeddings().embed_documents([TEXT])


def test_the_usual_namespace_of_the_frameworks_cache_is_the_space(
    store: ByteStore, monkeypatch: pytest.MonkeyPatch, fresh_emulator: Emulator
) -> None:
    def made() -> CacheBackedEmbeddings:
        embeddings = TurnoutEmbeddings(model="default")
        return CacheBackedEmbeddings.from_bytes_store(
            embeddings, store, namespace=embeddings.model, key_encoder="sha256"
        )

    azure = made().embed_documents([TEXT])
    assert made().embed_documents([TEXT]) == azure
    assert len(fresh_emulator.requests) == 1
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert made().embed_documents([TEXT]) == TurnoutEmbeddings().embed_documents([TEXT]) != azure
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    elsewhere = TurnoutEmbeddings(model="elsewhere").model
    monkeypatch.setenv("TURNOUT_BACKEND", "openai")
    assert TurnoutEmbeddings(model="elsewhere").model == elsewhere  # the same model, wherever it is served


def test_the_route_stays_what_the_embeddings_are_made_with(settings_file: Path) -> None:
    made = TurnoutEmbeddings(model="bedrock:amazon.titan-embed-text-v2:0", dimensions=256)
    assert made.route_name == made.route.name == "bedrock:amazon.titan-embed-text-v2:0"
    assert made.model_dump()["model"] == made.route_name
    again = TurnoutEmbeddings(**made.model_dump())
    assert again == made == pickle.loads(pickle.dumps(made))
    assert again.model == made.model != TurnoutEmbeddings(model=made.route_name).model


@pytest.mark.parametrize("way", ["documents", "async documents", "query", "async query"])
def test_half_a_surrogate_pair_is_named(store: ByteStore, way: str) -> None:
    embeddings = cached(TurnoutEmbeddings(), store)
    half = "When \ud83d the"
    asks: dict[str, Callable[[], object]] = {
        "documents": lambda: embeddings.embed_documents(["fine", half]),
        "async documents": lambda: asyncio.run(embeddings.aembed_documents(["fine", half])),
        "query": lambda: embeddings.embed_query(half),
        "async query": lambda: asyncio.run(embeddings.aembed_query(half)),
    }
    number = 1 if "documents" in way else 0
    with pytest.raises(InvalidRequestError, match=f"text {number} has half of a surrogate pair at character 5"):
        asks[way]()


def test_a_cache_works_under_a_guard(store: ByteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    index = guarded(InMemoryVectorStore(cached(TurnoutEmbeddings(), store)))
    index.add_texts([TEXT])
    assert index.similarity_search(TEXT)[0].page_content == TEXT
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        index.similarity_search(TEXT)


def test_embeddings_that_do_not_say_their_space_have_no_cache() -> None:
    with pytest.raises(TypeError, match="DeterministicFakeEmbedding doesn't say its embedding space"):
        cached(DeterministicFakeEmbedding(size=3), InMemoryByteStore())
