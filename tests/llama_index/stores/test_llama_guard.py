"""A wrong vector never answers: the same switches, on every kind of store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import VectorStoreQuery

from tests.llama_index.stores.kinds import TEXTS, Chroma, Postgres, documents, filled
from turnout.errors import EmbeddingSpaceError
from turnout.facts.spaces import EmbeddingSpace
from turnout.index.guard.records import CHECK, MADE, SPACE, SpaceRecord
from turnout.llama_index import GuardedVectorStore, TurnoutEmbedding, guarded, vectors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from tests.llama_index.stores.kinds import Kind

QUESTION = "When does the depot open?"
ADA, TITAN, LARGE = "text-embedding-ada-002/1536", "amazon.titan-embed-text-v1/1536", "text-embedding-3-large/3072"


def switch(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", backend)


def best(index: VectorStoreIndex) -> str:
    return index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content()


@pytest.fixture
def index(kind: Kind) -> VectorStoreIndex:
    """A guarded index with the texts, embedded with ada-002 on Azure."""
    return filled(guarded(kind.open(), TurnoutEmbedding(), name="docs"))


def count(index: VectorStoreIndex) -> int:
    return len(index.as_retriever(similarity_top_k=99).retrieve(QUESTION))


@pytest.mark.parametrize(("backend", "space"), [("bedrock", TITAN), ("openai", LARGE)])
async def test_another_model_neither_searches_nor_inserts(
    index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch, backend: str, space: str
) -> None:
    assert best(index) == TEXTS[1]
    store = index.vector_store
    assert isinstance(store, GuardedVectorStore)
    searched: list[object] = []
    for method in ("add", "async_add", "query", "aquery"):
        monkeypatch.setattr(type(store.store), method, lambda *args, **kwargs: searched.append(args))
    switch(monkeypatch, backend)
    attempts: list[Callable[[], object]] = [
        lambda: index.as_retriever().retrieve(QUESTION),
        lambda: index.as_query_engine(llm=MockLLM()).query(QUESTION),
        lambda: index.insert(documents(["Another."])[0]),
        lambda: index.insert_nodes([TextNode(text="Another.")]),
        lambda: store.query(VectorStoreQuery(query_embedding=[0.1] * 1536)),
        lambda: store.add([TextNode(text="Another.", embedding=[0.1] * 1536)]),
        store.check,
    ]
    for attempt in attempts:
        with pytest.raises(EmbeddingSpaceError) as caught:
            attempt()
        assert caught.value.index == "docs"
        assert str(caught.value.index_space) == ADA
        assert caught.value.fix == "turnout.reindex.reindex(…)"
    with pytest.raises(EmbeddingSpaceError) as caught:
        await index.as_retriever().aretrieve(QUESTION)
    assert str(caught.value.wanted_space) == space
    with pytest.raises(EmbeddingSpaceError):
        await index.ainsert_nodes([TextNode(text="Another.")])
    assert not searched
    monkeypatch.undo()


def test_back_again_it_works(index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError):
        best(index)
    switch(monkeypatch, "azure")
    found = index.as_retriever(similarity_top_k=9).retrieve(QUESTION)
    assert found[0].get_content() == TEXTS[1]
    assert sorted(node.metadata["page"] for node in found) == [0, 1, 2]
    assert all(list(node.metadata) == ["page"] for node in found)
    assert QUESTION in str(index.as_query_engine(llm=MockLLM()).query(QUESTION))


def test_the_record_outlives_the_process(kind: Kind, index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    again = kind.reopen(index)
    assert best(again) == TEXTS[1]
    for backend, space in (("bedrock", TITAN), ("openai", LARGE)):
        switch(monkeypatch, backend)
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {space}"):
            kind.reopen(again)
    switch(monkeypatch, "azure")
    last = kind.reopen(again)
    last.insert_nodes([TextNode(text="Tickets are free for children.")])
    assert count(kind.reopen(last)) == 4


async def test_it_works_on_an_event_loop(kind: Kind, index: VectorStoreIndex) -> None:
    again = kind.reopen(index)
    await again.ainsert_nodes([TextNode(text="Tickets are free for children.")])
    found = await again.as_retriever(similarity_top_k=9).aretrieve(QUESTION)
    assert found[0].get_content() == TEXTS[1]
    assert len(found) == 4


def test_the_same_model_elsewhere_is_the_same_space(index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    store = index.vector_store
    assert isinstance(store, GuardedVectorStore)
    switch(monkeypatch, "openai")
    elsewhere = TurnoutEmbedding(model="elsewhere")
    found = index.as_retriever(embed_model=elsewhere, similarity_top_k=1).retrieve(QUESTION)
    assert found[0].get_content() == TEXTS[1]
    assert guarded(store.store, elsewhere).space == EmbeddingSpace.parse(ADA)


@pytest.mark.parametrize(("key", "value"), [(SPACE, TITAN), (MADE, "yesterday"), (CHECK, "")])
def test_an_edited_record_is_found_out(
    kind: Kind, index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    kind.edit(index, key, value)
    switch(monkeypatch, "bedrock" if value == TITAN else "azure")
    with pytest.raises(EmbeddingSpaceError, match="isn't as it was written"):
        kind.reopen(index)


def test_an_index_without_a_record_is_refused_with_what_to_do(kind: Kind) -> None:
    unrecorded = filled(kind.open())
    with pytest.raises(
        EmbeddingSpaceError, match=r"no record .*adopt='verify'.*adopt='trust'.*turnout.reindex.reindex"
    ):
        guarded(unrecorded, name="docs")
    store = GuardedVectorStore(unrecorded.vector_store, TurnoutEmbedding())
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        store.query(VectorStoreQuery(query_embedding=[0.1] * 1536))
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        store.add([TextNode(text="Another.", embedding=[0.1] * 1536)])


@pytest.mark.parametrize("adopt", ["trust", "verify"])
def test_an_index_without_a_record_is_adopted(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, adopt: Literal["trust", "verify"]
) -> None:
    index = guarded(filled(kind.open()), adopt=adopt)
    assert best(index) == TEXTS[1]
    again = kind.reopen(index)
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but"):
        kind.reopen(again, adopt=adopt)


async def test_verifying_finds_out_another_model_and_measures_it(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(kind.open())
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=rf"not of {TITAN}.*3 texts.*is -?0\.\d{{4}} at least") as caught:
        guarded(index, adopt="verify", name="docs")
    assert caught.value.index_space is None
    store = GuardedVectorStore(
        index.vector_store, TurnoutEmbedding(), adopt="verify", docstore=index.storage_context.docstore
    )
    with pytest.raises(EmbeddingSpaceError, match=f"not of {TITAN}"):
        await store.acheck()
    switch(monkeypatch, "azure")
    await store.acheck()


@pytest.mark.parametrize("adopt", ["trust", "verify"])
def test_nobody_is_trusted_on_another_length(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, adopt: Literal["trust", "verify"]
) -> None:
    index = filled(kind.open())
    switch(monkeypatch, "openai")
    with pytest.raises(EmbeddingSpaceError, match=f"vectors of 1536 numbers; the settings embed with {LARGE}"):
        guarded(index, adopt=adopt)


def test_a_record_of_another_length_than_the_vectors_is_not_theirs(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(kind.open())
    GuardedVectorStore(index.vector_store)._check.keeper.write(SpaceRecord(EmbeddingSpace.parse(LARGE)))
    switch(monkeypatch, "openai")
    with pytest.raises(EmbeddingSpaceError, match=f"says {LARGE}, but its vectors have 1536 numbers"):
        guarded(index)


def test_an_empty_index_takes_the_space_of_its_first_nodes(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    store = guarded(kind.open(), TurnoutEmbedding())
    assert not store.query(VectorStoreQuery(query_embedding=[0.1] * 1536, similarity_top_k=1)).ids
    switch(monkeypatch, "bedrock")
    index = filled(store)
    assert best(index) == TEXTS[1]
    switch(monkeypatch, "azure")
    with pytest.raises(EmbeddingSpaceError, match=f"{TITAN}, but the settings embed with {ADA}"):
        best(index)


def test_an_index_whose_last_document_is_deleted_is_empty_again(
    index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        switch(monkeypatch, "bedrock")
        with pytest.raises(EmbeddingSpaceError):
            index.insert_nodes([TextNode(text="Another.")])
        index.delete_ref_doc(f"doc-{number}")
    index.insert_nodes([TextNode(text="Another.")])
    assert index.as_retriever(similarity_top_k=1).retrieve("Another.")[0].get_content() == "Another."


def test_an_index_made_for_another_length_takes_no_first_vector(
    database: str, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(monkeypatch, "openai")
    kind = Postgres(database)
    with pytest.raises(EmbeddingSpaceError, match=f"made for vectors of 1536 numbers.*{LARGE}"):
        filled(guarded(kind.open(), TurnoutEmbedding()))
    assert count(filled(guarded(Chroma(settings_file.parent / "chroma").open(), TurnoutEmbedding()))) == 3
    assert SPACE not in kind.comment()


async def test_a_query_that_was_embedded_before_a_switch_keeps_its_space(
    index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TurnoutEmbedding()
    switch(monkeypatch, "bedrock")
    made = [
        model.get_agg_embedding_from_queries([QUESTION, "Opening hours?"]),
        await model.aget_agg_embedding_from_queries([QUESTION, "Closing hours?"]),
        model.get_query_embedding("What of the depot?"),
        await model.aget_query_embedding("What of refunds?"),
        model.get_text_embedding("And of keys?"),
    ]
    switch(monkeypatch, "azure")
    for vector in made:
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            index.vector_store.query(VectorStoreQuery(query_embedding=list(vector)))


async def test_nodes_that_another_model_embedded_are_refused(
    index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = IngestionPipeline(transformations=[TurnoutEmbedding(backend="bedrock")])
    nodes = [*pipeline.run(documents=documents(["Another."])), *await pipeline.arun(documents=documents(["A third."]))]
    for node in nodes:
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            index.insert_nodes([node])
        with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
            await index.ainsert_nodes([node])
    with pytest.raises(EmbeddingSpaceError, match=f"are of {TITAN}, {ADA}"):
        index.insert_nodes([nodes[0], TextNode(text="A fourth.")])
    assert count(index) == 3


def test_a_switch_between_embedding_and_inserting_is_found_out(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = filled(guarded(SimpleVectorStore(), TurnoutEmbedding()))
    late = VectorStoreIndex(
        nodes=[],
        storage_context=index.storage_context,
        embed_model=TurnoutEmbedding(progress=lambda _: switch(monkeypatch, "azure")),
    )
    switch(monkeypatch, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"{ADA}, but the settings embed with {TITAN}"):
        late.insert_nodes([TextNode(text="Another.")])


def test_the_vectors_made_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_MOST", 2)
    ada, titan = EmbeddingSpace.parse(ADA), EmbeddingSpace.parse(TITAN)
    for number in range(3):
        vectors.remember([float(number)], ada)
    assert [vectors.spaces_of([float(number)]) for number in range(3)] == [frozenset(), {ada}, {ada}]
    vectors.remember([2.0], titan)
    assert vectors.spaces_of([2.0]) == {ada, titan}


def test_llama_index_hands_a_store_the_numbers_that_were_made_in_a_list_of_its_own(settings_file: Path) -> None:
    class Carrier(list[float]):
        """What could carry a vector's space, if a node kept it."""

    space = EmbeddingSpace.parse(ADA)
    [node] = IngestionPipeline(transformations=[TurnoutEmbedding()]).run(documents=documents(["Another."]))
    assert vectors.spaces_of(node.model_copy(deep=True).get_embedding()) == {space}
    assert vectors.spaces_of(TextNode.from_dict(node.to_dict()).get_embedding()) == {space}
    node.embedding = Carrier(node.get_embedding())
    assert type(node.get_embedding()) is list
    assert vectors.spaces_of(node.get_embedding()) == {space}


def test_a_call_stays_in_one_space_when_the_settings_change_in_it(
    settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = TurnoutEmbedding(backend=None, embed_batch_size=1, progress=lambda _: switch(monkeypatch, "openai"))
    assert [len(vector) for vector in model.get_text_embedding_batch(TEXTS)] == [1536] * 3
    assert len(model.get_text_embedding(TEXTS[0])) == 3072


def test_one_vector_of_another_length_among_many_is_found(index: VectorStoreIndex) -> None:
    nodes = [TextNode(text="Another.", embedding=[0.1] * length) for length in (1536, 1024)]
    with pytest.raises(EmbeddingSpaceError, match=f"1024 numbers.*{ADA}"):
        index.vector_store.add(nodes)
    assert count(index) == 3
