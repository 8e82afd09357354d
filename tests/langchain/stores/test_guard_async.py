"""The guard on an event loop, on every kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.langchain.stores.kinds import A, B, C, entries
from tests.langchain.stores.test_guard import ADA, LARGE, QUESTION, TEXTS, TITAN, asked, switch
from turnout.errors import EmbeddingSpaceError, ModelCallError
from turnout.langchain import TurnoutEmbeddings
from turnout.langchain.guard import GuardedVectorStore, guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.langchain.stores.kinds import Kind
    from turnout_emulator import Emulator


async def filled(kind: Kind) -> GuardedVectorStore:
    """A store with the texts, embedded with ada-002 on Azure."""
    store = guarded(kind.make(TurnoutEmbeddings(), 1536), name="docs")
    await store.aadd_texts(TEXTS, [{"page": page} for page in range(3)], ids=[A, B, C])
    return store


@pytest.mark.parametrize(("backend", "space"), [("bedrock", TITAN), ("openai", LARGE)])
async def test_another_model_neither_searches_nor_inserts(
    async_kind: Kind, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, backend: str, space: str
) -> None:
    store = await filled(async_kind)
    documents = await store.aget_by_ids([A])
    switch(monkeypatch, backend)
    before = asked(fresh_emulator)
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: store.asimilarity_search(QUESTION),
        lambda: store.asimilarity_search_with_score(QUESTION),
        lambda: store.asimilarity_search_with_relevance_scores(QUESTION),
        lambda: store.amax_marginal_relevance_search(QUESTION),
        lambda: store.asimilarity_search_by_vector([0.1] * 1536),
        lambda: store.amax_marginal_relevance_search_by_vector([0.1] * 1536),
        lambda: store.as_retriever().ainvoke(QUESTION),
        lambda: store.aadd_texts(["Another."]),
        lambda: store.aadd_documents(documents),
    ]
    for attempt in attempts:
        with pytest.raises(EmbeddingSpaceError, match=space):
            await attempt()
    assert asked(fresh_emulator) == before


async def test_an_index_is_adopted(async_kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = async_kind.make(TurnoutEmbeddings(), 1536)
    await unguarded.aadd_texts(TEXTS)
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        await guarded(unguarded).asimilarity_search(QUESTION)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"not of {TITAN}"):
        await guarded(unguarded, adopt="verify").asimilarity_search(QUESTION)
    switch(monkeypatch, "azure")
    store = guarded(unguarded, adopt="verify")
    assert (await store.asimilarity_search(QUESTION, k=1))[0].page_content == TEXTS[1]
    again = async_kind.reopen(store, TurnoutEmbeddings())
    assert entries((await again.asimilarity_search(QUESTION, k=9))[0])[1] == {}


async def test_an_index_is_emptied(async_kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(async_kind)
    await store.adelete([A, B, C])
    switch(monkeypatch, "bedrock")
    assert await store.aadd_texts(TEXTS)


async def test_a_first_insert_that_fails_leaves_no_record(async_kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(async_kind.make(TurnoutEmbeddings(), 1536))
    with pytest.raises(ModelCallError, match="text 1 is empty"):
        await store.aadd_texts(["A text.", " "])
    switch(monkeypatch, "bedrock")
    await store.aadd_texts(TEXTS)
    assert len(await store.asimilarity_search(QUESTION, k=9)) == 3


async def test_the_record_outlives_the_process(async_kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(async_kind)
    again = async_kind.reopen(store, TurnoutEmbeddings())
    assert (await again.asimilarity_search(QUESTION, k=1))[0].page_content == TEXTS[1]
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        await async_kind.reopen(again, TurnoutEmbeddings()).asimilarity_search(QUESTION)
