"""A store that this process has open is emptied by another one, and filled with another model of the same length."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document

from tests.index.data import other as elsewhere
from tests.index.named_support import IDS, QUESTION, TEXTS
from turnout.errors import CollectionGoneError, EmbeddingSpaceError, IndexBehindError
from turnout.langchain import TurnoutEmbeddings, guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.index.data.other import Other

TITAN, ADA = "amazon.titan-embed-text-v1/1536", "text-embedding-ada-002/1536"
UUIDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(len(TEXTS))]  # ids that every store takes
ANOTHER = "00000000-0000-4000-8000-000000000009"
REFUSED = f"has vectors of {TITAN}, but the settings embed with {ADA}"


def where(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "qdrant":
        return str(request.getfixturevalue("qdrant").url)
    return str(request.getfixturevalue("database") if kind.startswith("pgvector") else tmp_path / "store")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("kind", ["chroma", "pgvector", "pgvectorstore", "qdrant", "lancedb"])
def test_a_guarded_store_is_looked_at_in_every_search_and_insert(
    kind: str, other: Other, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = where(kind, request, tmp_path)
    store = guarded(elsewhere.OPEN[kind](place, "azure"))
    store.add_texts(TEXTS, ids=UUIDS)
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]
    vector = TurnoutEmbeddings().embed_query(QUESTION)
    asynchronous: list[Callable[[], object]] = [
        lambda: asyncio.run(store.asimilarity_search(QUESTION)),
        lambda: asyncio.run(store.aadd_texts(["Another."], ids=[ANOTHER])),
    ]
    other.do(elsewhere.refill, kind, place, "bedrock")
    for search in (
        lambda: store.similarity_search(QUESTION),
        lambda: store.as_retriever().invoke(QUESTION),
        lambda: store.similarity_search_by_vector(vector),
        lambda: store.similarity_search_with_score(QUESTION),
        lambda: store.max_marginal_relevance_search(QUESTION),
        lambda: store.add_texts(["Another."], ids=[ANOTHER]),
        lambda: store.add_documents([Document("Another.", id=ANOTHER)]),
        *([] if kind == "pgvector" else asynchronous),  # the next test has its own
    ):
        with pytest.raises(EmbeddingSpaceError, match=REFUSED):
            search()
    assert guarded(elsewhere.OPEN[kind](place, "bedrock")).get_by_ids([ANOTHER]) == []


@pytest.mark.usefixtures("config")
def test_an_asynchronous_pgvector_is_looked_at_too(other: Other, database: str) -> None:
    from langchain_postgres import PGVector
    from sqlalchemy import NullPool
    from sqlalchemy.ext.asyncio import create_async_engine

    async def all_of_it() -> None:
        engine = create_async_engine(database, poolclass=NullPool)
        store = guarded(PGVector(TurnoutEmbeddings(), connection=engine, collection_name="documents"))
        await store.aadd_texts(TEXTS, ids=IDS)
        assert (await store.asimilarity_search(QUESTION, k=1))[0].page_content == TEXTS[1]
        await asyncio.to_thread(other.do, elsewhere.refill, "pgvector", database, "bedrock")
        with pytest.raises(EmbeddingSpaceError, match=REFUSED):
            await store.asimilarity_search(QUESTION)
        with pytest.raises(EmbeddingSpaceError, match=REFUSED):
            await store.aadd_texts(["Another."], ids=["another"])
        assert await store.aget_by_ids(["another"]) == []

    asyncio.run(all_of_it())


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("kind", ["chroma", "pgvector", "pgvectorstore", "qdrant", "lancedb"])
def test_a_store_that_is_refilled_while_texts_are_embedded_is_not_written(
    kind: str, other: Other, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = where(kind, request, tmp_path)
    store = guarded(elsewhere.OPEN[kind](place, "azure"))
    store.add_texts(TEXTS, ids=UUIDS)
    assert store.similarity_search(QUESTION, k=1)
    done: list[object] = []

    def meanwhile(_: object) -> None:
        if not done:
            done.append(kind)
            other.do(elsewhere.refill, kind, place, "bedrock")

    store.embeddings.progress = meanwhile  # type: ignore[union-attr]  # turnout's
    with pytest.raises(EmbeddingSpaceError, match=REFUSED):
        store.add_texts([f"Another {number}." for number in range(600)])
    assert done
    assert len(OTHERS_OF[kind](place)) == len(elsewhere.OTHERS)


def _chroma_ids(folder: str) -> list[str]:
    return list(elsewhere.chroma(folder, "bedrock").get()["ids"])


def _pgvector_ids(address: str) -> list[str]:
    from sqlalchemy import select

    store = elsewhere.pgvector(address, "bedrock")
    with store.session_maker() as session:
        return list(session.scalars(select(store.EmbeddingStore.id)))


def _qdrant_ids(address: str) -> list[str]:
    return [str(point.id) for point in elsewhere.qdrant(address, "bedrock").client.scroll("documents", limit=999)[0]]


def _lancedb_ids(folder: str) -> list[str]:
    return [row.chunk.id for row in elsewhere.lancedb(folder, "bedrock").lance.every()]


OTHERS_OF = {
    "chroma": _chroma_ids,
    "pgvector": _pgvector_ids,
    "pgvectorstore": lambda address: list(elsewhere.pgvectorstore(address, "bedrock").get()["ids"]),
    "qdrant": _qdrant_ids,
    "lancedb": _lancedb_ids,
}


@pytest.mark.usefixtures("config")
def test_a_chroma_collection_that_was_made_again_is_another_one(other: Other, tmp_path: Path) -> None:
    place = str(tmp_path / "store")
    store = guarded(elsewhere.chroma(place, "azure"))
    store.add_texts(TEXTS, ids=IDS)
    assert store.similarity_search(QUESTION, k=1)
    other.do(elsewhere.remake, place, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=REFUSED):
        store.similarity_search(QUESTION)
    with pytest.raises(EmbeddingSpaceError, match=REFUSED):
        store.add_texts(["Another."])
    other.do(elsewhere.remake, place, "azure")
    assert {found.page_content for found in store.similarity_search(QUESTION)} == set(elsewhere.OTHERS)
    store.add_texts(["The depot opens at eight."], ids=["eight"])
    assert store.similarity_search("When does the depot open?", k=1)[0].page_content == "The depot opens at eight."
    other.do(elsewhere.remove, place)
    for ask in (lambda: store.similarity_search(QUESTION), lambda: store.add_texts(["Another."])):
        with pytest.raises(CollectionGoneError, match="isn't there any more"):
            ask()


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("kind", ["chroma", "pgvector", "qdrant", "lancedb"])
def test_a_guarded_llama_index_store_is_looked_at_in_every_search_and_insert(
    kind: str, other: Other, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutEmbedding
    from turnout.llama_index import guarded as guard

    place = where(kind, request, tmp_path)
    model = TurnoutEmbedding()
    index = VectorStoreIndex.from_vector_store(guard(elsewhere.LLAMA[kind](place), model), model)
    index.insert_nodes([TextNode(id_=found, text=text) for found, text in zip(UUIDS, TEXTS, strict=True)])
    retriever = index.as_retriever(similarity_top_k=1)
    assert retriever.retrieve(QUESTION)[0].node_id == UUIDS[1]
    assert asyncio.run(retriever.aretrieve(QUESTION))[0].node_id == UUIDS[1]
    other.do(elsewhere.llama_refill, kind, place, "bedrock")
    node = TextNode(id_=ANOTHER, text="Another.")
    for ask in (
        lambda: retriever.retrieve(QUESTION),
        lambda: asyncio.run(retriever.aretrieve(QUESTION)),
        lambda: index.insert_nodes([node]),
        lambda: asyncio.run(index.ainsert_nodes([node])),
    ):
        with pytest.raises(EmbeddingSpaceError, match=REFUSED):
            ask()
    assert elsewhere.LLAMA[kind](place).get_nodes(node_ids=[ANOTHER]) == []


def named(framework: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """(search, search asynchronously, insert, insert asynchronously) of a new `TurnoutIndex("docs")`."""
    if framework == "langchain":
        from turnout.langchain import TurnoutIndex

        index = TurnoutIndex("docs")

        async def search() -> list[str]:
            return [found.page_content for found in await index.asimilarity_search(QUESTION, k=1)]

        return (
            lambda: [found.page_content for found in index.similarity_search(QUESTION, k=1)],
            lambda: asyncio.run(search()),
            lambda texts, ids: index.add_texts(texts, ids=ids),
            lambda texts, ids: asyncio.run(index.aadd_texts(texts, ids=ids)),
        )
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutIndex as Nodes

    nodes = Nodes("docs")

    def made(texts: list[str], ids: list[str]) -> list[TextNode]:
        return [TextNode(id_=one, text=text) for one, text in zip(ids, texts, strict=True)]

    retriever = nodes.as_retriever(similarity_top_k=1)
    return (
        lambda: [found.get_content() for found in retriever.retrieve(QUESTION)],
        lambda: [found.get_content() for found in asyncio.run(retriever.aretrieve(QUESTION))],
        lambda texts, ids: nodes.insert_nodes(made(texts, ids)),
        lambda texts, ids: asyncio.run(nodes.ainsert_nodes(made(texts, ids))),
    )


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
@pytest.mark.parametrize("kind", ["chroma", "pgvector", "qdrant", "lancedb"])
def test_a_named_index_is_looked_at_in_every_search_and_insert(
    kind: str,
    framework: str,
    other: Other,
    config: Callable[[str], None],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    lines = f'store = "{kind}"\nframework = "{framework}"\npath = "{tmp_path / "index"}"'
    if kind in {"pgvector", "qdrant"}:
        lines += f'\nconnection = "{where(kind, request, tmp_path)}"'
    config(lines)
    search, asearch, insert, ainsert = named(framework)
    insert(TEXTS, IDS)
    assert search() == asearch() == [TEXTS[1]]
    other.do(elsewhere.named_refill, "bedrock", framework)
    asks: list[Callable[[], object]] = [
        search,
        asearch,
        lambda: insert(["Another."], ["another"]),
        lambda: ainsert(["Another."], ["another"]),
    ]
    for ask in asks:
        with pytest.raises(EmbeddingSpaceError, match=REFUSED):
            ask()


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_a_named_index_whose_collection_was_deleted_says_what_it_lacks(
    framework: str, other: Other, config: Callable[[str], None], tmp_path: Path
) -> None:
    config(f'store = "chroma"\nframework = "{framework}"\npath = "{tmp_path / "index"}"')
    search, asearch, insert, _ = named(framework)
    insert(TEXTS, IDS)
    assert search() == [TEXTS[1]]
    other.do(elsewhere.named_remove)
    asks: list[Callable[[], object]] = [search, asearch, lambda: insert(["Another."], ["another"])]
    for ask in asks:
        with pytest.raises(IndexBehindError) as behind:
            ask()
        assert behind.value.lacking == len(TEXTS)
    insert(TEXTS, IDS)
    assert search() == [TEXTS[1]]


@pytest.mark.usefixtures("config")
def test_an_index_is_not_saved_over_one_of_another_space(other: Other, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community's own, on being imported
        from langchain_community.docstore.in_memory import InMemoryDocstore
        from langchain_community.vectorstores import FAISS
    from faiss import IndexFlatL2
    from llama_index.core import Document as Whole
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.core.vector_stores import SimpleVectorStore

    from turnout.llama_index import TurnoutEmbedding
    from turnout.llama_index import guarded as guard

    folder = str(tmp_path / "faiss")
    store = guarded(FAISS(TurnoutEmbeddings(), IndexFlatL2(1536), InMemoryDocstore(), {}))
    store.add_texts(TEXTS)
    store.save_local(folder)
    store.save_local(folder)
    other.do(elsewhere.save_faiss, folder, "bedrock")
    assert store.similarity_search(QUESTION, k=1)[0].page_content == TEXTS[1]  # what is in memory is searched
    with pytest.raises(EmbeddingSpaceError, match=f"there is an index of {TITAN}"):
        store.save_local(folder)
    back = FAISS.load_local(folder, TurnoutEmbeddings(backend="bedrock"), allow_dangerous_deserialization=True)
    assert len(guarded(back, folder=folder).similarity_search(QUESTION)) == len(elsewhere.OTHERS)

    persisted = str(tmp_path / "simple")
    model = TurnoutEmbedding()
    context = StorageContext.from_defaults(vector_store=guard(SimpleVectorStore(), model))
    VectorStoreIndex.from_documents([Whole(text=text) for text in TEXTS], storage_context=context, embed_model=model)
    context.persist(persisted)
    context.persist(persisted)
    other.do(elsewhere.persist_simple, persisted, "bedrock")
    with pytest.raises(EmbeddingSpaceError, match=f"there is an index of {TITAN}"):
        context.vector_store.persist(f"{persisted}/default__vector_store.json")
