"""A PostgreSQL that is stopped is one short error of turnout's, whatever was asked: it names the index and the host."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.index.data.test_readers import Framework
from tests.index.named_support import IDS, QUESTION, TEXTS
from tests.support.relay import Relay
from turnout.errors import IndexUnreachableError
from turnout.index.migration.named import NamedIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "hunter2-and-more"
LONGEST = 500  # characters of the error


@pytest.fixture
def relay(database: str) -> Iterator[Relay]:
    """What stands between the application and the database."""
    url = make_url(database)
    socket = Path(str(url.query.get("host"))) / f".s.PGSQL.{url.query.get('port', 5432)}"
    made = Relay((url.host, url.port or 5432) if url.host else socket)
    yield made
    made.stop()


@pytest.fixture
def address(database: str, relay: Relay) -> Callable[[str], str]:
    """The database behind the relay, for a driver."""

    def made(driver: str) -> str:
        url = make_url(database)
        there = url.set(drivername=driver, host="127.0.0.1", port=relay.port, query={}, password=PASSWORD)
        return there.render_as_string(hide_password=False)

    return made


def check(attempt: Callable[[], Any], relay: Relay) -> None:
    with pytest.raises(IndexUnreachableError) as refused:
        _run(attempt)
    error = refused.value
    assert "docs" in error.index
    assert error.host == f"127.0.0.1:{relay.port}"
    assert f"{error.index!r} at {error.host} can't be reached: " in str(error)
    assert len(str(error)) < LONGEST
    lines = [line for line in traceback.format_exception(error) if not line.startswith("  File")]
    printed = "".join(lines).replace("127.0.0.1", "")
    for secret in (PASSWORD, *TEXTS, "INSERT", "SELECT", "0.0"):
        assert secret not in printed


def _run(attempt: Callable[[], Any]) -> None:
    found = attempt()
    if inspect.isawaitable(found):
        asyncio.run(_awaited(found))


async def _awaited(found: Any) -> Any:
    return await found


def langchain_attempts(index: Any) -> dict[bool, list[Callable[[], Any]]]:
    """What is asked of a store: with False synchronously, with True asynchronously."""
    texts = [f"{TEXTS[0]} Again."]
    return {
        False: [
            lambda: index.similarity_search(QUESTION),
            lambda: index.get_by_ids(["keys"]),
            lambda: index.add_texts(texts),
            lambda: index.delete(["keys"]),
        ],
        True: [
            lambda: index.asimilarity_search(QUESTION),
            lambda: index.aget_by_ids(["keys"]),
            lambda: index.aadd_texts(texts),
            lambda: index.adelete(["keys"]),
        ],
    }


def llama_index_attempts(index: Any) -> list[Callable[[], Any]]:
    from llama_index.core.schema import TextNode

    return [
        lambda: index.as_retriever().retrieve(QUESTION),
        lambda: index.as_retriever().aretrieve(QUESTION),
        lambda: index.insert_nodes([TextNode(text=f"{TEXTS[0]} Again.")]),
        lambda: index.ainsert_nodes([TextNode(text=f"{TEXTS[0]} Again.")]),
        lambda: index.vector_store.delete_nodes(["keys"]),
        lambda: index.vector_store.adelete_nodes(["keys"]),
        lambda: index.vector_store.get_nodes(["keys"]),
    ]


def attempts_on(index: Framework, name: str) -> list[Callable[[], Any]]:
    if name == "llama_index":
        return llama_index_attempts(index._index)
    attempts = langchain_attempts(index._index)
    return [*attempts[False], *attempts[True]]


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql"])
def test_a_named_index(
    config: Callable[[str], None], address: Callable[[str], str], relay: Relay, framework: str, driver: str
) -> None:
    config(f'store = "pgvector"\nframework = "{framework}"\nconnection = "{address(driver)}"')
    index = Framework(framework)
    index.add(dict(zip(IDS, TEXTS, strict=True)))
    assert index.search() == set(IDS)
    relay.stop()
    for one in (index, Framework(framework)):
        for attempt in [*attempts_on(one, framework), one.lacking]:
            check(attempt, relay)
    check(lambda: NamedIndex("docs").reindex("bedrock", sample=0), relay)
    relay.start()
    assert index.search() == set(IDS)
    assert NamedIndex("docs").reindex("bedrock", sample=0).complete


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_guarded_pgvector(address: Callable[[str], str], relay: Relay, is_async: bool) -> None:
    from langchain_postgres import PGVector

    from turnout.langchain import TurnoutEmbeddings, guarded

    make = create_async_engine if is_async else create_engine
    engine = make(address("postgresql+psycopg"), poolclass=NullPool)
    store = guarded(PGVector(TurnoutEmbeddings(), connection=engine, collection_name="docs"))
    if is_async:
        asyncio.run(store.aadd_texts(TEXTS, ids=IDS))
    else:
        store.add_texts(TEXTS, ids=IDS)
    relay.stop()
    for attempt in langchain_attempts(store)[is_async]:
        check(attempt, relay)


@pytest.mark.usefixtures("config")
def test_a_guarded_store_of_llama_index(address: Callable[[str], str], relay: Relay) -> None:
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.vector_stores.postgres import PGVectorStore

    from turnout.llama_index import TurnoutEmbedding, guarded

    store = PGVectorStore(
        table_name="docs",
        embed_dim=1536,
        engine=create_engine(address("postgresql+psycopg"), poolclass=NullPool),
        async_engine=create_async_engine(address("postgresql+asyncpg"), poolclass=NullPool),
        initialization_fail_on_error=True,
    )
    context = StorageContext.from_defaults(vector_store=guarded(store, TurnoutEmbedding()))
    nodes = [TextNode(id_=one, text=text) for one, text in zip(IDS, TEXTS, strict=True)]
    index = VectorStoreIndex(nodes, storage_context=context, embed_model=TurnoutEmbedding())
    index.as_retriever().retrieve(QUESTION)
    relay.stop()
    for attempt in llama_index_attempts(index):
        check(attempt, relay)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+asyncpg"])
def test_a_guarded_pgvectorstore(address: Callable[[str], str], relay: Relay, driver: str) -> None:
    from langchain_postgres import Column, PGEngine, PGVectorStore

    from turnout.langchain import TurnoutEmbeddings, guarded

    engine = PGEngine.from_connection_string(address(driver), poolclass=NullPool)
    engine.init_vectorstore_table("docs", 1536, id_column=Column("id", "TEXT", nullable=False))
    store = guarded(PGVectorStore.create_sync(engine, TurnoutEmbeddings(), "docs", id_column="id"))
    store.add_texts(TEXTS, ids=IDS)
    assert store.delete(IDS[:1], None)
    assert len(store.similarity_search(QUESTION)) == 2
    relay.stop()
    attempts = langchain_attempts(store)
    for attempt in [*attempts[False], *attempts[True]]:
        check(attempt, relay)
