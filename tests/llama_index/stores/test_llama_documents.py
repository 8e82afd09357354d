"""Documents that are inserted, refreshed and deleted on every guarded store and every named index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.schema import IndexNode
from llama_index.core.vector_stores import FilterOperator

from tests.index.named_support import QUESTION, TEXTS
from tests.llama_index.stores.everywhere import documents, ids, texts, where
from turnout.llama_index import TurnoutEmbedding, TurnoutIndex

if TYPE_CHECKING:
    from tests.llama_index.places import Place
    from tests.llama_index.stores.everywhere import Anywhere

EIGHT = "The depot opens at eight."
CHANGED = {"depot": EIGHT}
AFTERWARDS = sorted([TEXTS[0], EIGHT, TEXTS[2]])
KEYS_LEFT = [TEXTS[0]]

DELETES_BY_FILTER = {
    "bare-Chroma": "ChromaVectorStore gives Chroma an empty list of ids, which Chroma refuses",
    "guarded-Chroma": "ChromaVectorStore gives Chroma an empty list of ids, which Chroma refuses",
}
GETS_BY_FILTER = {
    "bare-Chroma": "the ids of ChromaVectorStore.get_nodes have no default",
    "bare-Simple": "SimpleVectorStore keeps no nodes",
    "guarded-Simple": "SimpleVectorStore keeps no nodes",
}
"""What LlamaIndex's stores can't do: name → why."""


def filled(anywhere: Anywhere) -> VectorStoreIndex:
    for document in documents():
        anywhere.index.insert(document)
    anywhere.embedded()
    return anywhere.index


def test_the_same_document_twice(anywhere: Anywhere) -> None:
    filled(anywhere)
    for document in documents():
        anywhere.index.insert(document)
    # LlamaIndex's own index has no way to know that a document is there; a named index has one copy, paid once.
    assert len(anywhere.embedded()) == (0 if anywhere.named else 3)
    assert anywhere.all_texts() == sorted(TEXTS if anywhere.named else TEXTS * 2)


async def test_the_same_document_twice_asynchronously(anywhere: Anywhere) -> None:
    await anywhere.index.ainsert(documents()[1])
    anywhere.embedded()
    await anywhere.index.ainsert(documents()[1])
    assert len(anywhere.embedded()) == (0 if anywhere.named else 1)
    assert anywhere.all_texts() == [TEXTS[1]] * (1 if anywhere.named else 2)


def test_refreshed_documents(anywhere: Anywhere) -> None:
    assert anywhere.index.refresh_ref_docs(documents()) == [True, True, True]
    anywhere.embedded()
    assert anywhere.index.refresh_ref_docs(documents()) == [False, False, False]
    assert anywhere.embedded() == []
    assert anywhere.index.refresh_ref_docs(documents(CHANGED)) == [False, True, False]
    assert len(anywhere.embedded()) == 1
    assert anywhere.all_texts() == AFTERWARDS


async def test_refreshed_documents_asynchronously(anywhere: Anywhere) -> None:
    assert await anywhere.index.arefresh_ref_docs(documents()) == [True, True, True]
    assert await anywhere.index.arefresh_ref_docs(documents()) == [False, False, False]
    assert await anywhere.index.arefresh_ref_docs(documents(CHANGED)) == [False, True, False]
    assert anywhere.all_texts() == AFTERWARDS


def test_an_updated_document(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    index.update_ref_doc(documents(CHANGED)[1])
    assert len(anywhere.embedded()) == 1
    assert anywhere.all_texts() == AFTERWARDS


async def test_an_updated_document_asynchronously(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    await index.aupdate_ref_doc(documents(CHANGED)[1])
    assert anywhere.all_texts() == AFTERWARDS


def test_deleted_documents_and_nodes(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    index.delete_ref_doc("depot", delete_from_docstore=True)
    index.delete_ref_doc("nowhere", delete_from_docstore=True)
    assert anywhere.all_texts() == sorted([TEXTS[0], TEXTS[2]])
    index.delete_nodes(ids(index.as_retriever(similarity_top_k=1).retrieve(TEXTS[2])), delete_from_docstore=True)
    assert anywhere.all_texts() == KEYS_LEFT


async def test_deleted_documents_and_nodes_asynchronously(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    await index.adelete_ref_doc("depot", delete_from_docstore=True)
    found = await index.as_retriever(similarity_top_k=1).aretrieve(TEXTS[2])
    await index.adelete_nodes(ids(found), delete_from_docstore=True)
    assert anywhere.all_texts() == KEYS_LEFT


_LATER = where(("page", 0, FilterOperator.GT))


def test_nodes_are_deleted_by_their_metadata(anywhere: Anywhere) -> None:
    store = filled(anywhere).vector_store
    if anywhere.name in DELETES_BY_FILTER:
        with pytest.raises(ValueError, match="non-empty list"):
            store.delete_nodes(filters=_LATER)
        return
    store.delete_nodes(filters=_LATER)
    assert anywhere.all_texts() == KEYS_LEFT


async def test_nodes_are_deleted_by_their_metadata_asynchronously(anywhere: Anywhere) -> None:
    store = filled(anywhere).vector_store
    if anywhere.name in DELETES_BY_FILTER:
        with pytest.raises(ValueError, match="non-empty list"):
            await store.adelete_nodes(filters=_LATER)
        return
    await store.adelete_nodes(filters=_LATER)
    assert anywhere.all_texts() == KEYS_LEFT


def test_nodes_are_got_by_their_metadata(anywhere: Anywhere) -> None:
    store = filled(anywhere).vector_store
    if anywhere.name in GETS_BY_FILTER:
        with pytest.raises((NotImplementedError, TypeError)):
            store.get_nodes(filters=_LATER)
        return
    found = store.get_nodes(filters=_LATER)
    assert sorted(texts(found)) == sorted(TEXTS[1:])
    assert {tuple(sorted(node.metadata)) for node in found} == {("page", "source")}
    assert texts(store.get_nodes([found[0].node_id], _LATER)) == texts(found[:1])


def test_a_part_of_the_nodes_is_deleted_by_metadata(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    if anywhere.name in DELETES_BY_FILTER:
        return  # with ids it works there, and the filter is what is asked here
    found = ids(index.as_retriever(similarity_top_k=2).retrieve(QUESTION))
    index.delete_nodes(found, filters=where(("page", 1, FilterOperator.EQ)))
    assert anywhere.all_texts() == sorted([TEXTS[0], TEXTS[2]])


def test_every_listed_space_is_refreshed_and_deleted_from(place: Place) -> None:
    place.say('also = ["bedrock"]')
    index = TurnoutIndex("docs")
    index.refresh_ref_docs(documents())
    index.refresh_ref_docs(documents(CHANGED))
    index.vector_store.delete_nodes(filters=where(("source", "refunds.md", FilterOperator.EQ)))
    for backend in ("azure", "bedrock"):
        place.switch(backend)
        assert sorted(texts(index.as_retriever(similarity_top_k=9).retrieve(QUESTION))) == sorted([TEXTS[0], EIGHT])
    assert [(one.documents, one.lacking) for one in index.status() if one.exists] == [(2, 0), (2, 0)]


def _inner() -> Any:
    inside = [Document(text="Shunting begins at nine.")]
    return VectorStoreIndex.from_documents(inside, embed_model=TurnoutEmbedding()).as_retriever()


def test_a_node_that_stands_for_another_retriever(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    index.insert_nodes([IndexNode(text="about shunting", index_id="shunting", obj=_inner())])
    assert texts(index.as_retriever(similarity_top_k=1).retrieve("about shunting")) == ["Shunting begins at nine."]
    if anywhere.named:
        objects = [IndexNode(text="about shunting", index_id="shunting", obj=_inner())]
        again = TurnoutIndex("docs", objects=objects)
        assert texts(again.as_retriever(similarity_top_k=1).retrieve("about shunting")) == ["Shunting begins at nine."]
        assert texts(again.as_retriever(similarity_top_k=1).retrieve(QUESTION)) == [TEXTS[1]]


async def test_a_node_that_stands_for_another_retriever_asynchronously(anywhere: Anywhere) -> None:
    index = filled(anywhere)
    await index.ainsert_nodes([IndexNode(text="about shunting", index_id="shunting", obj=_inner())])
    found = await index.as_retriever(similarity_top_k=1).aretrieve("about shunting")
    assert texts(found) == ["Shunting begins at nine."]
