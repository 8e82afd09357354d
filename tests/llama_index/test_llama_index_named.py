"""A named index on each of LlamaIndex's stores: the collection of the settings' space answers, or says what it lacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode

from tests.index.named_support import IDS, METADATAS, QUESTION, TEXTS, requests, settings, use
from turnout.errors import IndexBehindError, PartialWriteError, RateLimitError, UnsupportedError
from turnout.llama_index import TurnoutEmbedding, TurnoutIndex
from turnout_emulator import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.llama_index.places import Place
    from turnout_emulator import Emulator


def nodes() -> list[TextNode]:
    return [
        TextNode(
            id_=found,
            text=text,
            metadata=dict(metadata),
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"{found}-document")},
        )
        for found, text, metadata in zip(IDS, TEXTS, METADATAS, strict=True)
    ]


def filled() -> TurnoutIndex:
    index = TurnoutIndex("docs")
    index.insert_nodes(nodes())
    return index


def best(index: TurnoutIndex) -> str:
    return index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content(MetadataMode.NONE)


def everything(index: TurnoutIndex) -> dict[str, tuple[str, dict[str, Any], str | None]]:
    found = index.vector_store.get_nodes(node_ids=IDS)
    return {node.node_id: (node.get_content(MetadataMode.NONE), node.metadata, node.ref_doc_id) for node in found}


WHOLE = {node.node_id: (node.get_content(MetadataMode.NONE), node.metadata, node.ref_doc_id) for node in nodes()}


def test_the_collection_of_the_active_space_answers_and_survives(place: Place) -> None:
    assert best(filled()) == TEXTS[1]
    requests(place.emulator)
    again = TurnoutIndex("docs")
    assert best(again) == TEXTS[1]
    assert requests(place.emulator) == ["azure"]
    again.insert_nodes(nodes())
    assert requests(place.emulator) == []
    assert everything(again) == WHOLE


def test_a_switch_searches_the_other_collection_or_says_what_it_lacks(place: Place) -> None:
    index = filled()
    place.switch("bedrock")
    with pytest.raises(IndexBehindError, match=r"`turnout reindex docs --to bedrock --from azure`") as behind:
        best(index)
    assert (behind.value.lacking, behind.value.documents) == (3, 3)
    place.say('fill = "on-the-way"')
    assert best(index) == TEXTS[1]
    assert set(requests(place.emulator)) == {"bedrock"}
    assert everything(index) == WHOLE
    place.switch("azure")
    assert best(index) == TEXTS[1]
    assert requests(place.emulator) == ["azure"]
    place.switch("bedrock")
    assert best(TurnoutIndex("docs")) == TEXTS[1]


def test_a_change_goes_to_every_listed_space(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = filled()
    assert set(requests(place.emulator)) == {"azure", "bedrock"}
    index.delete_ref_doc("refunds-document")
    index.delete_nodes(["keys"])
    for backend in ("bedrock", "azure"):
        place.switch(backend)
        assert set(everything(index)) == {"depot"}
        assert best(index) == TEXTS[1]
    assert [(one.documents, one.lacking) for one in index.status() if one.exists] == [(1, 0), (1, 0)]


def test_a_side_that_fails_is_known_as_behind(place: Place) -> None:
    place.say('also = ["bedrock"]')
    place.emulator.queue(*[Failure("server_error")] * 20, service="bedrock")
    index = TurnoutIndex("docs")
    with pytest.raises(PartialWriteError, match="turnout reindex docs --to bedrock") as partial:
        index.insert_nodes(nodes())
    assert [str(space) for space in partial.value.behind] == ["amazon.titan-embed-text-v1/1536"]
    assert best(index) == TEXTS[1]
    place.switch("bedrock")
    with pytest.raises(IndexBehindError):
        best(index)
    index.fill()
    assert best(index) == TEXTS[1]


def test_nothing_is_added_if_the_active_backend_fails(place: Place) -> None:
    place.say('also = ["bedrock"]')
    place.emulator.queue(*[Failure("rate_limited", retry_after=0.0)] * 50, service="azure")
    index = TurnoutIndex("docs")
    with pytest.raises(RateLimitError):
        index.insert_nodes(nodes())
    place.emulator.clear()
    assert index.as_retriever().retrieve(QUESTION) == []


def test_asynchronously(place: Place) -> None:
    place.say('also = ["bedrock"]')

    async def all_of_it() -> None:
        index = TurnoutIndex("docs")
        await index.ainsert_nodes(nodes())
        for backend in ("azure", "bedrock"):
            place.switch(backend)
            found = await index.as_retriever(similarity_top_k=1).aretrieve(QUESTION)
            assert found[0].node_id == "depot"
            assert requests(place.emulator) == [backend]
        await index.adelete_nodes(["depot"])
        assert [node.node_id for node in await index.vector_store.aget_nodes(node_ids=["depot", "keys"])] == ["keys"]

    asyncio.run(all_of_it())


def test_a_switch_between_a_question_and_its_search_changes_nothing(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = filled()
    from llama_index.core.vector_stores.types import VectorStoreQuery

    vector = TurnoutEmbedding().get_query_embedding(QUESTION)
    place.switch("bedrock")
    found = index.vector_store.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=1))
    assert found.ids == ["depot"]
    assert requests(place.emulator) == []


def test_an_index_of_the_other_framework_is_refused(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings(fresh_emulator, tmp_path, 'store = "chroma"\npath = "index"'), monkeypatch)
    with pytest.raises(UnsupportedError, match=r"turnout\.langchain\.TurnoutIndex"):
        TurnoutIndex("docs")


def test_a_database_whose_driver_is_synchronous_alone(
    database: str, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = database.replace("postgresql+psycopg://", "postgresql://")  # for SQLAlchemy that is psycopg2
    lines = f'store = "pgvector"\nframework = "llama_index"\npath = "{tmp_path}"\nconnection = "{address}"'
    use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
    index = filled()
    assert best(index) == TEXTS[1]
    found = asyncio.run(index.as_retriever(similarity_top_k=1).aretrieve(QUESTION))
    assert found[0].node_id == "depot"
