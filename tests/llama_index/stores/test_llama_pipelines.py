"""LlamaIndex's ingestion pipelines into every guarded store and every named index, as into the bare store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore

from tests.index.named_support import TEXTS
from tests.llama_index.stores.everywhere import documents, texts
from turnout.llama_index import TurnoutEmbedding, TurnoutIndex

if TYPE_CHECKING:
    from tests.llama_index.places import Place
    from tests.llama_index.stores.everywhere import Anywhere

EIGHT = "The depot opens at eight."
RUNS = [documents(), documents(), documents({"depot": EIGHT}), documents({"depot": EIGHT})[:2]]
EMBEDDED = [3, 0, 1, 0]
LEFT = {
    DocstoreStrategy.UPSERTS: [TEXTS[0], EIGHT, TEXTS[2]],
    DocstoreStrategy.DUPLICATES_ONLY: [*TEXTS, EIGHT],  # another version is another document
    DocstoreStrategy.UPSERTS_AND_DELETE: [TEXTS[0], EIGHT],
}
FINDS_NOTHING = {"bare-Simple", "guarded-Simple"}
"""A SimpleVectorStore has vectors alone, and a pipeline puts no nodes beside them: an index on it finds none of them."""


def pipeline(anywhere: Anywhere, **options: Any) -> IngestionPipeline:
    return IngestionPipeline(
        transformations=[SentenceSplitter(), TurnoutEmbedding()],
        vector_store=anywhere.index.vector_store,
        disable_cache=True,
        **options,
    )


def expected(anywhere: Anywhere, left: list[str]) -> list[str]:
    return [] if anywhere.name in FINDS_NOTHING else sorted(left)


@pytest.mark.parametrize("strategy", list(DocstoreStrategy))
def test_every_strategy(anywhere: Anywhere, strategy: DocstoreStrategy) -> None:
    made = pipeline(anywhere, docstore=SimpleDocumentStore(), docstore_strategy=strategy)
    embedded = []
    for run in RUNS:
        made.run(documents=[document.model_copy(deep=True) for document in run])
        embedded.append(len(anywhere.embedded()))
    assert embedded == EMBEDDED
    assert anywhere.all_texts() == expected(anywhere, LEFT[strategy])


@pytest.mark.parametrize("strategy", list(DocstoreStrategy))
async def test_every_strategy_asynchronously(anywhere: Anywhere, strategy: DocstoreStrategy) -> None:
    made = pipeline(anywhere, docstore=SimpleDocumentStore(), docstore_strategy=strategy)
    for run in RUNS:
        await made.arun(documents=[document.model_copy(deep=True) for document in run])
    assert anywhere.all_texts() == expected(anywhere, LEFT[strategy])


def test_an_index_on_the_store_of_another(anywhere: Anywhere) -> None:
    context = StorageContext.from_defaults(vector_store=anywhere.index.vector_store)
    some = [Document(text="", id_="empty"), *documents()]
    made = VectorStoreIndex.from_documents(
        some, storage_context=context, embed_model=TurnoutEmbedding(), use_async=True
    )
    assert sorted(texts(made.as_retriever(similarity_top_k=9).retrieve("depot"))) == sorted(TEXTS)


def test_a_named_index_from_documents(place: Place) -> None:
    """Many are embedded in few requests, and what has no text is left out, as in LlamaIndex's own index."""
    many = [Document(text=f"Track {number} leads to the depot.", id_=f"track-{number}") for number in range(20)]
    some = [Document(text="", id_="empty"), *many, Document(text="Track 7 is closed.", id_="track-7")]
    index = TurnoutIndex.from_documents(some, name="docs")
    assert [one.documents for one in index.status() if one.exists] == [20]
    assert len([one for one in place.emulator.requests if one.operation == "embeddings"]) < 4
    place.emulator.clear()
    TurnoutIndex.from_documents(some[:-1], name="docs", transformations=[SentenceSplitter()])
    assert len(place.emulator.requests) == 1  # of the document that was there in another version
    index.insert(Document(text="", id_="track-7"))
    assert [one.documents for one in index.status() if one.exists] == [19]


def test_a_named_index_from_documents_has_a_name_and_no_other_store(place: Place) -> None:
    with pytest.raises(TypeError, match="name the index"):
        TurnoutIndex.from_documents(documents())
    with pytest.raises(TypeError, match="storage context of its own"):
        TurnoutIndex.from_documents(documents(), StorageContext.from_defaults(), name="docs")
