"""A named index on each store: the collection of the settings' space answers, or says what it lacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document

from tests.index.named_support import IDS, METADATAS, QUESTION, TEXTS, requests
from turnout.errors import IndexBehindError, PartialWriteError, RateLimitError
from turnout_emulator import Failure

if TYPE_CHECKING:
    from tests.langchain.places import Place
    from turnout.langchain import TurnoutIndex


def filled(place: Place) -> TurnoutIndex:
    index = place.open()
    assert index.add_texts(TEXTS, [dict(metadata) for metadata in METADATAS], ids=IDS) == IDS
    return index


def best(index: TurnoutIndex) -> str:
    found = index.as_retriever(search_kwargs={"k": 1}).invoke(QUESTION)
    return found[0].page_content


def everything(index: TurnoutIndex) -> dict[str | None, tuple[str, dict[str, Any]]]:
    return {found.id: (found.page_content, found.metadata) for found in index.get_by_ids(IDS)}


def test_the_collection_of_the_active_space_answers_and_survives(place: Place) -> None:
    index = filled(place)
    assert best(index) == TEXTS[1]
    requests(place.emulator)
    again = place.open()
    assert best(again) == TEXTS[1]
    assert requests(place.emulator) == ["azure"]
    assert everything(again) == dict(zip(IDS, zip(TEXTS, METADATAS, strict=True), strict=True))


def test_a_switch_searches_the_other_collection_or_says_what_it_lacks(place: Place) -> None:
    index = filled(place)
    place.switch("bedrock")
    with pytest.raises(IndexBehindError, match=r"`turnout reindex docs --to bedrock --from azure`") as behind:
        index.similarity_search(QUESTION)
    assert (behind.value.index, behind.value.lacking, behind.value.documents) == ("docs", 3, 3)
    assert "amazon.titan-embed-text-v1/1536" in str(behind.value)
    with pytest.raises(IndexBehindError):
        index.add_texts(["Another."])
    assert requests(place.emulator) == []
    index.fill()
    assert best(index) == TEXTS[1]
    assert set(requests(place.emulator)) == {"bedrock"}
    place.switch("azure")
    assert best(index) == TEXTS[1]
    assert requests(place.emulator) == ["azure"]
    place.switch("bedrock")
    assert best(place.open()) == TEXTS[1]
    assert everything(index) == dict(zip(IDS, zip(TEXTS, METADATAS, strict=True), strict=True))


def test_a_collection_that_is_behind_names_how_much_it_lacks(place: Place) -> None:
    index = filled(place)
    place.switch("bedrock")
    index.fill()
    assert best(index) == TEXTS[1]
    place.switch("azure")
    index.add_texts(
        ["The depot opens at eight now.", "Lamps are lit at dusk."], [{"page": 1}, {"page": 9}], ids=["depot", "lamps"]
    )
    place.switch("bedrock")
    with pytest.raises(IndexBehindError):
        index.similarity_search(QUESTION)
    index.delete(["refunds"])
    with pytest.raises(IndexBehindError) as behind:
        place.open().similarity_search(QUESTION)
    assert behind.value.lacking == 2  # what is deleted needs no embedding, and is deleted everywhere
    place.say('fill = "on-the-way"')
    place.switch("bedrock")
    assert best(index) == "The depot opens at eight now."
    asked = requests(place.emulator)
    assert (set(asked), len(asked)) == ({"bedrock"}, 3)  # two texts and the question
    assert set(everything(index)) == {"keys", "depot"}
    assert index.get_by_ids(["refunds"]) == []


def test_what_is_there_is_not_embedded_again(place: Place) -> None:
    filled(place)
    requests(place.emulator)
    again = place.open()
    again.add_texts(TEXTS, [dict(metadata) for metadata in METADATAS], ids=IDS)
    assert requests(place.emulator) == []
    again.add_texts(TEXTS[:1], [{"page": 77}], ids=IDS[:1])
    assert again.get_by_ids(["keys"])[0].metadata == {"page": 77}
    if place.options:  # LangChain has no way to ask a store for its vectors
        return
    assert requests(place.emulator) == []


def test_a_change_goes_to_every_listed_space(place: Place) -> None:
    place.say('also = ["bedrock", "azure"]')
    index = filled(place)
    assert sorted(set(requests(place.emulator))) == ["azure", "bedrock"]
    place.switch("bedrock")
    assert best(index) == TEXTS[1]
    index.delete(["depot"])
    assert index.get_by_ids(["depot"]) == []
    place.switch("azure")
    assert index.get_by_ids(["depot"]) == []
    assert [(one.documents, one.lacking) for one in index.status() if one.exists] == [(2, 0), (2, 0)]


def test_a_side_that_fails_is_known_as_behind(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = place.open()
    place.emulator.queue(*[Failure("server_error")] * 20, service="bedrock")
    with pytest.raises(PartialWriteError, match="turnout reindex docs --to bedrock") as partial:
        index.add_texts(TEXTS, ids=IDS)
    assert [str(space) for space in partial.value.written] == ["text-embedding-ada-002/1536"]
    assert [str(space) for space in partial.value.behind] == ["amazon.titan-embed-text-v1/1536"]
    assert partial.value.ids == tuple(IDS)
    assert best(index) == TEXTS[1]
    place.switch("bedrock")
    with pytest.raises(IndexBehindError) as behind:
        place.open().similarity_search(QUESTION)
    assert behind.value.lacking == 3
    place.switch("azure")
    index.add_texts(TEXTS, ids=IDS)
    assert set(requests(place.emulator)) == {"bedrock"}
    place.switch("bedrock")
    assert best(index) == TEXTS[1]


def test_nothing_is_added_if_the_active_backend_fails(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = place.open()
    place.emulator.queue(*[Failure("rate_limited", retry_after=0.0)] * 50, service="azure")
    with pytest.raises(RateLimitError):
        index.add_texts(TEXTS, ids=IDS)
    place.emulator.clear()
    assert index.similarity_search(QUESTION) == []
    place.switch("bedrock")
    assert place.open().similarity_search(QUESTION) == []


def test_asynchronously(place: Place) -> None:
    place.say('also = ["bedrock"]')

    async def all_of_it() -> None:
        index = place.open()
        documents = [Document(text, id=found) for text, found in zip(TEXTS, IDS, strict=True)]
        assert await index.aadd_documents(documents) == IDS
        assert sorted(set(requests(place.emulator))) == ["azure", "bedrock"]
        for backend in ("azure", "bedrock"):
            place.switch(backend)
            found = await index.as_retriever(search_kwargs={"k": 1}).ainvoke(QUESTION)
            assert found[0].page_content == TEXTS[1]
            assert requests(place.emulator) == [backend]
            scored = await index.asimilarity_search_with_score(QUESTION, k=2)
            assert scored[0][0].id == "depot"
        await index.adelete(["depot"])
        assert await index.aget_by_ids(["depot"]) == []

    asyncio.run(all_of_it())


def test_every_search_goes_to_the_active_collection(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = filled(place)
    for backend in ("azure", "bedrock"):
        place.switch(backend)
        vector = index.embeddings.embed_query(QUESTION)
        assert index.similarity_search_by_vector(vector, k=1)[0].id == "depot"
        assert index.similarity_search_with_score(QUESTION, k=1)[0][0].id == "depot"
        assert index.max_marginal_relevance_search(QUESTION, k=2)[0].id == "depot"
        assert index.max_marginal_relevance_search_by_vector(vector, k=2)[0].id == "depot"
        assert index.similarity_search_with_relevance_scores(QUESTION, k=1)[0][0].id == "depot"
        assert set(requests(place.emulator)) == {backend}
