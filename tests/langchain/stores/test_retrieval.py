"""LangChain's retrievers, filters, thresholds and selectors on every guarded store and every named index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_classic.retrievers import EnsembleRetriever, ParentDocumentRetriever
from langchain_core.documents import Document
from langchain_core.example_selectors import MaxMarginalRelevanceExampleSelector, SemanticSimilarityExampleSelector
from langchain_core.stores import InMemoryStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

from tests.index.named_support import IDS, METADATAS, QUESTION, TEXTS
from turnout.errors import UnsupportedError
from turnout.langchain import TurnoutEmbeddings, TurnoutIndex

if TYPE_CHECKING:
    from tests.langchain.stores.everywhere import Anywhere

NO_RELEVANCE = {"guarded-in_memory": "LangChain's InMemoryVectorStore doesn't say how relevant a score is"}
"""Stores on which LangChain's thresholds raise NotImplementedError, bare as well as guarded."""

ALIKE = "The depot opens at seven in the morning!"


def documents() -> list[Document]:
    rows = zip(TEXTS, METADATAS, IDS, strict=True)
    return [Document(text, metadata=dict(metadata), id=found) for text, metadata, found in rows]


def on_page(anywhere: Anywhere, page: int) -> Any:
    """A filter in the store's own form; a function sees the metadata as they were added."""
    if anywhere.takes_functions:
        return lambda document: document.metadata == METADATAS[page]
    return {"page": page}


def ids(found: list[Document]) -> list[str | None]:
    return [one.id for one in found]


def test_similarity_with_a_filter(anywhere: Anywhere) -> None:
    retriever = anywhere.store.as_retriever(search_kwargs={"k": 3, "filter": on_page(anywhere, 2)})
    retriever.add_documents(documents())
    found = retriever.invoke(QUESTION)
    assert [(one.id, one.metadata) for one in found] == [("refunds", METADATAS[2])]
    assert ids(anywhere.store.similarity_search(QUESTION, k=1)) == ["depot"]
    vector = anywhere.store.embeddings.embed_query(QUESTION)  # type: ignore[union-attr]
    assert ids(anywhere.store.similarity_search_by_vector(vector, k=3, filter=on_page(anywhere, 0))) == ["keys"]
    scored = anywhere.store.similarity_search_with_score(QUESTION, k=3, filter=on_page(anywhere, 0))
    assert ids([one for one, _ in scored]) == ["keys"]


async def test_similarity_with_a_filter_asynchronously(anywhere: Anywhere) -> None:
    retriever = anywhere.store.as_retriever(search_kwargs={"k": 3, "filter": on_page(anywhere, 2)})
    await retriever.aadd_documents(documents())
    assert ids(await retriever.ainvoke(QUESTION)) == ["refunds"]
    scored = await anywhere.store.asimilarity_search_with_score(QUESTION, k=3, filter=on_page(anywhere, 0))
    assert ids([one for one, _ in scored]) == ["keys"]


_MMR: dict[str, Any] = {"k": 2, "fetch_k": 4, "lambda_mult": 0.1}


def test_marginal_relevance(anywhere: Anywhere) -> None:
    anywhere.store.add_documents([*documents(), Document(ALIKE, id="alike", metadata={"page": 9})])
    assert set(ids(anywhere.store.similarity_search(QUESTION, k=2))) == {"depot", "alike"}
    found = ids(anywhere.store.as_retriever(search_type="mmr", search_kwargs=_MMR).invoke(QUESTION))
    assert len(found) == 2
    assert len({"depot", "alike"} & set(found)) == 1
    search = {**_MMR, "filter": on_page(anywhere, 1)}
    assert ids(anywhere.store.as_retriever(search_type="mmr", search_kwargs=search).invoke(QUESTION)) == ["depot"]


async def test_marginal_relevance_asynchronously(anywhere: Anywhere) -> None:
    await anywhere.store.aadd_documents([*documents(), Document(ALIKE, id="alike", metadata={"page": 9})])
    found = ids(await anywhere.store.as_retriever(search_type="mmr", search_kwargs=_MMR).ainvoke(QUESTION))
    assert len(found) == 2
    assert len({"depot", "alike"} & set(found)) == 1
    search = {**_MMR, "filter": on_page(anywhere, 1)}
    retriever = anywhere.store.as_retriever(search_type="mmr", search_kwargs=search)
    assert ids(await retriever.ainvoke(QUESTION)) == ["depot"]


@pytest.mark.parametrize(("threshold", "expected"), [(0.4, ["depot"]), (0.99, [])])
def test_a_threshold(anywhere: Anywhere, threshold: float, expected: list[str]) -> None:
    search = {"k": 1, "score_threshold": threshold}
    retriever = anywhere.store.as_retriever(search_type="similarity_score_threshold", search_kwargs=search)
    retriever.add_documents(documents())
    if anywhere.name in NO_RELEVANCE:
        with pytest.raises(NotImplementedError):
            retriever.invoke(QUESTION)
        return
    assert ids(retriever.invoke(QUESTION)) == expected
    search = {**search, "filter": on_page(anywhere, 1)}
    retriever = anywhere.store.as_retriever(search_type="similarity_score_threshold", search_kwargs=search)
    assert ids(retriever.invoke(QUESTION)) == expected


@pytest.mark.parametrize(("threshold", "expected"), [(0.4, ["depot"]), (0.99, [])])
async def test_a_threshold_asynchronously(anywhere: Anywhere, threshold: float, expected: list[str]) -> None:
    search = {"k": 1, "score_threshold": threshold}
    retriever = anywhere.store.as_retriever(search_type="similarity_score_threshold", search_kwargs=search)
    await retriever.aadd_documents(documents())
    if anywhere.name in NO_RELEVANCE:
        with pytest.raises(NotImplementedError):
            await retriever.ainvoke(QUESTION)
        return
    assert ids(await retriever.ainvoke(QUESTION)) == expected


def _parents(anywhere: Anywhere) -> ParentDocumentRetriever:
    return ParentDocumentRetriever(
        vectorstore=anywhere.store,
        docstore=InMemoryStore(),
        child_splitter=RecursiveCharacterTextSplitter(chunk_size=20, chunk_overlap=0),
    )


def test_parents_of_what_is_found_and_an_ensemble(anywhere: Anywhere) -> None:
    parents = _parents(anywhere)
    parents.add_documents(documents(), ids=IDS)
    assert parents.invoke(QUESTION)[0].page_content == TEXTS[1]
    mmr = anywhere.store.as_retriever(search_type="mmr", search_kwargs={"k": 1})
    ensemble = EnsembleRetriever(retrievers=[anywhere.store.as_retriever(), mmr], weights=[0.5, 0.5])
    assert ensemble.invoke(QUESTION)[0].metadata["doc_id"] == "depot"


async def test_parents_of_what_is_found_asynchronously(anywhere: Anywhere) -> None:
    parents = _parents(anywhere)
    await parents.aadd_documents(documents(), ids=IDS)
    assert (await parents.ainvoke(QUESTION))[0].page_content == TEXTS[1]


EXAMPLES = [
    {"question": "When does the depot open?", "answer": "At seven."},
    {"question": "Who pays?", "answer": "We."},
]


def test_examples_are_selected(anywhere: Anywhere) -> None:
    near = SemanticSimilarityExampleSelector(vectorstore=anywhere.store, k=1)
    for example in EXAMPLES:
        near.add_example(example)
    assert near.select_examples({"question": QUESTION}) == EXAMPLES[:1]
    apart = MaxMarginalRelevanceExampleSelector(vectorstore=anywhere.store, k=1)
    assert apart.select_examples({"question": QUESTION}) == EXAMPLES[:1]


async def test_examples_are_selected_asynchronously(anywhere: Anywhere) -> None:
    near = SemanticSimilarityExampleSelector(vectorstore=anywhere.store, k=1)
    for example in EXAMPLES:
        await near.aadd_example(example)
    assert await near.aselect_examples({"question": QUESTION}) == EXAMPLES[:1]


def test_a_class_that_is_given_to_langchain(anywhere: Anywhere) -> None:
    if not anywhere.name.startswith("named-"):
        with pytest.raises(TypeError, match="name the store to guard"):
            type(anywhere.store).from_documents(documents(), TurnoutEmbeddings())
        return
    options: dict[str, Any] = {"name": "docs", **anywhere.options}
    index = TurnoutIndex.from_documents(documents(), TurnoutEmbeddings(), **options)
    assert ids(index.similarity_search(QUESTION, k=1)) == ["depot"]
    selector = SemanticSimilarityExampleSelector.from_examples(
        EXAMPLES, TurnoutEmbeddings(), TurnoutIndex, k=1, input_keys=["question"], **options
    )
    assert selector.select_examples({"question": "Who pays?"}) == EXAMPLES[1:]


TAKEN: dict[str, tuple[Any, dict[str, Any]]] = {
    "guarded-pgvector": ((False,), {"collection_only": False}),
    "guarded-chroma": ((), {"where": {"page": 1}}),
    "guarded-faiss": ((), {"refresh": True}),
}
"""Options that a store's own delete takes by position and by name; a named index takes flags for any store."""


def test_options_are_given_by_position_and_by_name(anywhere: Anywhere) -> None:
    store: Any = anywhere.store
    if anywhere.name.startswith("guarded-") and anywhere.name not in TAKEN:
        pytest.skip("the store itself takes no options")
    positional, named = TAKEN.get(anywhere.name, ((False,), {"collection_only": False}))
    assert store.add_texts(TEXTS, METADATAS, IDS) == IDS
    if anywhere.name in TAKEN:
        assert ids(store.similarity_search(QUESTION, 3, on_page(anywhere, 1))) == ["depot"]
    assert store.delete(IDS[:1], *positional) is not False
    assert store.delete(IDS[1:2], **named) is not False
    assert ids(store.similarity_search(QUESTION, 3)) == ["refunds"]


async def test_options_are_given_by_position_and_by_name_asynchronously(anywhere: Anywhere) -> None:
    store: Any = anywhere.store
    if not anywhere.name.startswith("named-"):
        pytest.skip("what the store itself takes is its own")
    assert await store.aadd_texts(TEXTS, METADATAS, IDS) == IDS
    await store.adelete(IDS[:1], False)
    await store.adelete(IDS[1:2], collection_only=False)
    with pytest.raises(UnsupportedError, match="deletes by ids"):
        await store.adelete(None, {"page": 2})
    with pytest.raises(UnsupportedError, match="deletes by ids"):
        await store.adelete(filter={"page": 2})
    assert ids(await store.asimilarity_search(QUESTION, 3)) == ["refunds"]
