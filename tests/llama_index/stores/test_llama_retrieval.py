"""Filters, query modes, fusion and memory on every guarded store and every named index, as on the bare store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM
from llama_index.core.memory import VectorMemoryBlock
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import FilterOperator
from pydantic import ValidationError

from tests.index.named_support import QUESTION, TEXTS
from tests.llama_index.stores.everywhere import documents, texts, where
from turnout.errors import UnsupportedError
from turnout.llama_index import TurnoutEmbedding

if TYPE_CHECKING:
    from llama_index.core.vector_stores import MetadataFilters

    from tests.llama_index.stores.everywhere import Anywhere

KEYS, DEPOT, REFUNDS = TEXTS
FILTERS: dict[str, tuple[MetadataFilters, list[str]]] = {
    "equal": (where(("page", 1, FilterOperator.EQ)), [DEPOT]),
    "not equal": (where(("source", "depot.md", FilterOperator.NE)), [KEYS, REFUNDS]),
    "greater": (where(("page", 0, FilterOperator.GT)), [DEPOT, REFUNDS]),
    "at most": (where(("page", 1, FilterOperator.LTE)), [KEYS, DEPOT]),
    "one of": (where(("source", ["depot.md", "keys.md"], FilterOperator.IN)), [KEYS, DEPOT]),
    "none of": (where(("source", ["depot.md", "keys.md"], FilterOperator.NIN)), [REFUNDS]),
    "either": (
        where(("page", 0, FilterOperator.EQ), ("page", 2, FilterOperator.EQ), condition="or"),
        [KEYS, REFUNDS],
    ),
    "both": (where(("page", 0, FilterOperator.GT), ("source", "refunds.md", FilterOperator.EQ)), [REFUNDS]),
    "nothing": (where(("page", 77, FilterOperator.EQ)), []),
    "has the words": (where(("source", "depot", FilterOperator.TEXT_MATCH)), [DEPOT]),
}

NOT_ON_CHROMA = "ChromaVectorStore has no such operator"
CANNOT_FILTER: dict[str, dict[str, str]] = {"chroma": {"has the words": NOT_ON_CHROMA}}
"""Kind of store → filter → why LlamaIndex's store refuses it, with a ValueError."""

_NO_MODE = "the store has no such mode"
_NO_HYBRID = "a PGVectorStore has them only with hybrid_search=True, with which this one isn't made"
CANNOT_QUERY: dict[str, dict[str, str]] = {
    "simple": {"hybrid": _NO_MODE, "sparse": _NO_MODE, "text_search": _NO_MODE},
    "postgres": {"hybrid": _NO_HYBRID, "sparse": _NO_HYBRID, "text_search": _NO_HYBRID},
    "chroma": {},  # it doesn't look at the mode
    "qdrant": {"hybrid": _NO_MODE},  # nor does it, but for this
    "lance": {"hybrid": _NO_MODE, "sparse": _NO_MODE, "text_search": _NO_MODE},
}
"""Kind of store → query mode → why LlamaIndex's store raises."""


def kind(anywhere: Anywhere) -> str:
    return anywhere.name.partition("-")[2].lower().replace("pgvector", "postgres").replace("lancedb", "lance")


@pytest.fixture
def filled(anywhere: Anywhere) -> Anywhere:
    anywhere.index.refresh_ref_docs(documents())
    return anywhere


@pytest.mark.parametrize("name", FILTERS)
async def test_filters(filled: Anywhere, name: str) -> None:
    filters, expected = FILTERS[name]
    if name in CANNOT_FILTER.get(kind(filled), {}):
        with pytest.raises(ValueError, match="not supported"):
            filled.index.as_retriever(filters=filters).retrieve(QUESTION)
        return
    retriever = filled.index.as_retriever(similarity_top_k=3, filters=filters)
    assert sorted(texts(retriever.retrieve(QUESTION))) == sorted(expected)
    assert sorted(texts(await retriever.aretrieve(QUESTION))) == sorted(expected)


async def test_marginal_relevance(filled: Anywhere) -> None:
    alike = "The depot opens at seven in the morning!"
    filled.index.insert_nodes([TextNode(text=alike, id_="alike", metadata={"page": 1, "source": "depot.md"})])
    assert set(texts(filled.index.as_retriever(similarity_top_k=2).retrieve(QUESTION))) == {DEPOT, alike}
    options: dict[str, Any] = {"vector_store_query_mode": "mmr", "vector_store_kwargs": {"mmr_threshold": 0.1}}
    retriever = filled.index.as_retriever(similarity_top_k=2, **options)
    for found in (texts(retriever.retrieve(QUESTION)), texts(await retriever.aretrieve(QUESTION))):
        assert len(found) == 2
        assert len({DEPOT, alike} & set(found)) == 1
    filters = where(("page", 1, FilterOperator.NE))
    retriever = filled.index.as_retriever(similarity_top_k=3, filters=filters, **options)
    assert sorted(texts(retriever.retrieve(QUESTION))) == sorted([KEYS, REFUNDS])


@pytest.mark.parametrize("mode", ["default", "hybrid", "sparse", "text_search"])
def test_query_modes(filled: Anywhere, mode: str) -> None:
    retriever = filled.index.as_retriever(similarity_top_k=1, vector_store_query_mode=mode)
    if mode in CANNOT_QUERY[kind(filled)]:
        with pytest.raises((ValueError, AttributeError, UnsupportedError)):
            retriever.retrieve("depot")
        return
    assert len(retriever.retrieve("depot")) == 1


@pytest.mark.parametrize("mode", list(FUSION_MODES))
async def test_fusion(filled: Anywhere, mode: FUSION_MODES) -> None:
    retrievers = [
        filled.index.as_retriever(similarity_top_k=2),
        filled.index.as_retriever(similarity_top_k=2, vector_store_query_mode="mmr"),
    ]
    options: dict[str, Any] = {"llm": MockLLM(), "mode": mode, "similarity_top_k": 1, "num_queries": 1}
    fusion = QueryFusionRetriever(retrievers, use_async=False, **options)
    assert texts(fusion.retrieve(QUESTION)) == [DEPOT]
    assert texts(await fusion.aretrieve(QUESTION)) == [DEPOT]


def test_fusion_of_searches_at_the_same_time(filled: Anywhere) -> None:
    retrievers = [filled.index.as_retriever(similarity_top_k=2) for _ in range(4)]
    options: dict[str, Any] = {"llm": MockLLM(), "similarity_top_k": 1, "num_queries": 1}
    fusion = QueryFusionRetriever(retrievers, use_async=True, **options)
    assert texts(fusion.retrieve(QUESTION)) == [DEPOT]


NO_MEMORY = {"bare-Simple", "guarded-Simple"}  # a SimpleVectorStore keeps no text


async def test_a_memory_in_the_store(anywhere: Anywhere) -> None:
    options: dict[str, Any] = {"embed_model": TurnoutEmbedding(), "similarity_top_k": 1}
    if anywhere.name in NO_MEMORY:
        with pytest.raises(ValidationError, match="must store text"):
            VectorMemoryBlock(vector_store=anywhere.index.vector_store, **options)
        return
    memory = VectorMemoryBlock(vector_store=anywhere.index.vector_store, **options)
    await memory.aput([ChatMessage(DEPOT)], session_id="one")
    await memory.aput([ChatMessage(REFUNDS)], session_id="one")
    assert DEPOT in await memory.aget([ChatMessage(QUESTION)], session_id="one")
