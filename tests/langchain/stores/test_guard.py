"""A wrong vector never answers: the same switches, on every kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.langchain.stores.kinds import A, B, C, entries
from turnout.errors import EmbeddingSpaceError, ModelCallError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.records import CHECK, MADE, SPACE, SpaceRecord
from turnout.langchain import TurnoutEmbeddings
from turnout.langchain.guard import GuardedVectorStore, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from langchain_core.vectorstores import VectorStore

    from tests.langchain.stores.kinds import Kind
    from turnout_emulator import Emulator

TEXTS = [
    "Keys are rotated in March and in September.",
    "The depot opens at seven in the morning.",
    "Refunds are paid within ten days.",
]
QUESTION = "When does the depot open?"
ADA, TITAN, LARGE = "text-embedding-ada-002/1536", "amazon.titan-embed-text-v1/1536", "text-embedding-3-large/3072"


def switch(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", backend)


@pytest.fixture
def store(kind: Kind) -> GuardedVectorStore:
    """A store with the texts, embedded with ada-002 on Azure."""
    made = guarded(kind.make(TurnoutEmbeddings(), 1536), name="docs")
    made.add_texts(TEXTS, [{"page": page} for page in range(3)], ids=[A, B, C])
    return made


def asked(emulator: Emulator) -> int:
    return len(emulator.requests)


@pytest.mark.parametrize(("backend", "space"), [("bedrock", TITAN), ("openai", LARGE)])
def test_another_model_neither_searches_nor_inserts(
    store: GuardedVectorStore, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, backend: str, space: str
) -> None:
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    switch(monkeypatch, backend)
    before = asked(fresh_emulator)
    attempts: list[Callable[[], object]] = [
        lambda: store.similarity_search(QUESTION),
        lambda: store.similarity_search_with_score(QUESTION),
        lambda: store.similarity_search_with_relevance_scores(QUESTION),
        lambda: store.max_marginal_relevance_search(QUESTION),
        lambda: store.similarity_search_by_vector([0.1] * 1536),
        lambda: store.search(QUESTION, "mmr"),
        lambda: store.as_retriever().invoke(QUESTION),
        lambda: store.add_texts(["Another."]),
        lambda: store.add_documents(store.get_by_ids([A])),
    ]
    for attempt in attempts:
        with pytest.raises(EmbeddingSpaceError) as caught:
            attempt()
        error = caught.value
        assert (error.index, str(error.index_space), str(error.wanted_space)) == ("docs", ADA, space)
        assert error.fix == "turnout.reindex.reindex(…)"
    assert asked(fresh_emulator) == before
    assert len(store.get_by_ids([A, B, C])) == 3
    switch(monkeypatch, "azure")
    assert store.similarity_search(QUESTION, k=3)[0].page_content == TEXTS[1]
    assert {found.metadata["page"] for found in store.similarity_search(QUESTION, k=4)} == {0, 1, 2}


def test_the_record_outlives_the_process(
    kind: Kind, store: GuardedVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = kind.reopen(store, TurnoutEmbeddings())
    assert again.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    for backend, space in (("bedrock", TITAN), ("openai", LARGE)):
        switch(monkeypatch, backend)
        later = kind.reopen(again, TurnoutEmbeddings())
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {space}"):
            later.similarity_search(QUESTION)
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {space}"):
            later.add_texts(["Another."])
    switch(monkeypatch, "azure")
    last = kind.reopen(again, TurnoutEmbeddings())
    assert last.add_texts(["Tickets are free for children."])
    assert len(last.similarity_search(QUESTION, k=9)) == 4


def test_the_same_model_elsewhere_is_the_same_space(
    kind: Kind, store: GuardedVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(monkeypatch, "openai")
    again = kind.reopen(store, TurnoutEmbeddings(model="elsewhere"))
    assert again.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


@pytest.mark.parametrize(("key", "value"), [(SPACE, TITAN), (SPACE, ADA + "0"), (MADE, "yesterday"), (CHECK, "")])
def test_an_edited_record_is_found_out(
    kind: Kind, store: GuardedVectorStore, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    kind.edit(store, key, value)
    switch(monkeypatch, "bedrock" if value == TITAN else "azure")
    with pytest.raises(EmbeddingSpaceError, match="isn't as it was written"):
        kind.reopen(store, TurnoutEmbeddings()).similarity_search(QUESTION)


def unrecorded(kind: Kind, texts: list[str] = TEXTS) -> VectorStore:
    store = kind.make(TurnoutEmbeddings(), 1536)
    store.add_texts(texts)
    return store


def test_an_index_without_a_record_is_refused_with_what_to_do(kind: Kind) -> None:
    store = guarded(unrecorded(kind), name="docs")
    for attempt in (lambda: store.similarity_search(QUESTION), lambda: store.add_texts(["Another."])):
        with pytest.raises(
            EmbeddingSpaceError, match=r"no record .*adopt='verify'.*adopt='trust'.*turnout.reindex.reindex"
        ):
            attempt()


@pytest.mark.parametrize("adopt", ["trust", "verify"])
def test_an_index_without_a_record_is_adopted(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, adopt: Literal["trust", "verify"]
) -> None:
    store = guarded(unrecorded(kind), adopt=adopt)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    again = kind.reopen(store, TurnoutEmbeddings())
    assert again.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        kind.reopen(again, TurnoutEmbeddings(), adopt=adopt).similarity_search(QUESTION)


def test_verifying_finds_out_another_model_and_measures_it(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(unrecorded(kind), adopt="verify", name="docs")
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=rf"not of {TITAN}.*3 texts.*is -?0\.\d{{4}} at least") as caught:
        store.similarity_search(QUESTION)
    assert caught.value.index_space is None
    switch(monkeypatch, "azure")
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


def test_verifying_looks_at_the_whole_index(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded = unrecorded(kind, [f"Track {number} leads to the depot." for number in range(20)])
    switch(monkeypatch, "bedrock")
    unguarded.add_texts([f"Track {number} leads to the harbour." for number in range(20)])
    switch(monkeypatch, "azure")
    with pytest.raises(EmbeddingSpaceError, match=f"not of {ADA}"):
        guarded(unguarded, adopt="verify").similarity_search(QUESTION)


@pytest.mark.parametrize("adopt", ["trust", "verify"])
def test_nobody_is_trusted_on_another_length(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, adopt: Literal["trust", "verify"]
) -> None:
    store = guarded(unrecorded(kind), adopt=adopt)
    switch(monkeypatch, "openai")
    with pytest.raises(EmbeddingSpaceError, match=f"vectors of 1536 numbers; the settings embed with {LARGE}"):
        store.similarity_search(QUESTION)


def test_a_record_of_another_length_than_the_vectors_is_not_theirs(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(unrecorded(kind))
    store.check.keeper.write(SpaceRecord(EmbeddingSpace.parse(LARGE)))
    switch(monkeypatch, "openai")
    with pytest.raises(EmbeddingSpaceError, match=f"says {LARGE}, but its vectors have 1536 numbers"):
        store.similarity_search(QUESTION)


def test_an_empty_index_takes_the_space_of_its_first_texts(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(kind.make(TurnoutEmbeddings(), 1536))
    assert store.similarity_search(QUESTION) == []
    switch(monkeypatch, "bedrock")
    assert store.similarity_search(QUESTION) == []
    store.add_texts(TEXTS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    switch(monkeypatch, "azure")
    with pytest.raises(EmbeddingSpaceError, match=f"{TITAN}, but the settings embed with {ADA}"):
        store.similarity_search(QUESTION)


def test_an_index_whose_last_text_is_deleted_is_empty_again(
    store: GuardedVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.delete([A, B])
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        store.add_texts(TEXTS)
    store.delete([C])
    store.add_texts(TEXTS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]


def test_a_first_insert_that_fails_leaves_no_record(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(kind.make(TurnoutEmbeddings(), 1536))
    with pytest.raises(ModelCallError, match="text 1 is empty"):
        store.add_texts(["A text.", " "])
    switch(monkeypatch, "bedrock")
    store.add_texts(TEXTS)
    assert len(store.similarity_search(QUESTION, k=9)) == 3


def test_a_given_vector_has_the_length_of_the_index(store: GuardedVectorStore) -> None:
    vector = TurnoutEmbeddings().embed_query(QUESTION)
    assert store.similarity_search_by_vector(vector, k=1)[0].page_content == TEXTS[1]
    assert store.max_marginal_relevance_search_by_vector(vector, k=1)[0].page_content == TEXTS[1]
    for method in (store.similarity_search_by_vector, store.max_marginal_relevance_search_by_vector):
        with pytest.raises(EmbeddingSpaceError, match="has 3 numbers"):
            method([0.1, 0.2, 0.3])


def test_the_switch_is_free_of_requests_and_a_search_makes_one(
    store: GuardedVectorStore, fresh_emulator: Emulator
) -> None:
    before = asked(fresh_emulator)
    for _ in range(3):
        store.similarity_search(QUESTION)
    assert asked(fresh_emulator) == before + 3


def test_a_model_of_unknown_length_is_asked_for_it_once(
    kind: Kind, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = guarded(kind.make(TurnoutEmbeddings(model="unknown"), 1536))
    assert str(store.space) == "azure:embed-small/?"
    store.add_texts(TEXTS)
    before = asked(fresh_emulator)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    assert asked(fresh_emulator) == before + 1
    record = store.check.keeper.state().record
    assert record is not None
    assert str(record.space) == "azure:embed-small/1536"
    again = kind.reopen(store, TurnoutEmbeddings(model="unknown"))
    assert again.similarity_search(QUESTION, k=1)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match="azure:embed-small/1536, but"):
        again.similarity_search(QUESTION)


def test_metadata_and_ids_come_back_as_they_were(store: GuardedVectorStore) -> None:
    for found in (
        store.similarity_search(QUESTION, k=3),
        [document for document, _ in store.similarity_search_with_score(QUESTION, k=3)],
        store.get_by_ids([A, B, C]),
        store.as_retriever(search_type="mmr").invoke(QUESTION),
    ):
        assert dict(map(entries, found)) == {A: {"page": 0}, B: {"page": 1}, C: {"page": 2}}
