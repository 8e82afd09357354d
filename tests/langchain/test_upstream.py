"""What turnout uses of LangChain's integrations that isn't public is where it was."""

from __future__ import annotations

import asyncio
import inspect
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI

from turnout.langchain import upstream


@pytest.mark.parametrize("kind", [ChatOpenAI, ChatAnthropic, ChatBedrockConverse])
@pytest.mark.parametrize("method", ["_generate", "_stream"])
def test_each_class_answers_by_itself(kind: type[BaseChatModel], method: str) -> None:
    own = getattr(kind, method)
    assert own is not getattr(BaseChatModel, method)
    assert "messages" in inspect.signature(own).parameters or kind is ChatOpenAI


@pytest.mark.parametrize("kind", [ChatOpenAI, ChatAnthropic])
@pytest.mark.parametrize("method", ["_agenerate", "_astream"])
def test_each_class_but_converses_is_asynchronous(kind: type[BaseChatModel], method: str) -> None:
    assert getattr(kind, method) is not getattr(BaseChatModel, method)


def test_converse_has_no_asynchronous_form() -> None:
    """If it gets one, `upstream.Wire` has no need of a greenlet."""
    assert ChatBedrockConverse._agenerate is BaseChatModel._agenerate


@pytest.mark.parametrize("name", ["_client", "_async_client"])
def test_chat_anthropic_makes_its_clients_in_two_cached_properties(name: str) -> None:
    assert isinstance(vars(ChatAnthropic)[name], cached_property)


def test_chat_anthropic_asks_the_clients_that_it_is_made_with() -> None:
    clients = SimpleNamespace(sync=object(), aio=object())
    options: dict[str, Any] = {"model": "claude-sonnet-4-6", "api_key": "x", "max_tokens_to_sample": 1}
    model: Any = upstream.chat_anthropic()(clients=clients, **options)
    assert (model._client, model._async_client) == (clients.sync, clients.aio)


@pytest.mark.parametrize("name", ["_create_chat_result", "_convert_chunk_to_generation_chunk"])
def test_chat_openai_reads_answers_in_two_methods(name: str) -> None:
    assert callable(vars(BaseChatOpenAI)[name])
    assert name in vars(upstream.chat_openai())


def test_a_pgvectorstore_gives_out_its_engine_its_table_and_its_event_loop(database: str) -> None:
    from langchain_postgres import PGEngine, PGVectorStore
    from sqlalchemy import NullPool

    engine = PGEngine.from_connection_string(database, poolclass=NullPool)
    engine.init_vectorstore_table("documents", 3)
    store = PGVectorStore.create_sync(engine, DeterministicFakeEmbedding(size=3), "documents")
    inner = upstream.pgvectorstore_inner(store)
    assert (inner.schema_name, inner.table_name, inner.content_column) == ("public", "documents", "content")
    assert inner.embedding_column == "embedding"
    asked: list[object] = []
    whole = inner.engine

    class Noted:
        def connect(self) -> object:
            asked.append(self)
            return whole.connect()

    inner.engine = Noted()
    store.add_texts(["Keys are rotated in March.", "The depot opens at seven."])
    assert len(asked) == 2  # a transaction for each row
    assert len(store.similarity_search("Keys?")) == 2
    assert len(asked) == 3
    assert upstream.run_pgvectorstore(store, asyncio.sleep(0, "done")) == "done"
    assert asyncio.run(upstream.arun_pgvectorstore(store, asyncio.sleep(0, "done"))) == "done"
