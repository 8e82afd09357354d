"""Applications of LangChain's larger parts: agents with a form, models to fall back on, caches, loops that end early."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.runnables import ConfigurableField
from langchain_core.stores import InMemoryByteStore
from langchain_core.tools import tool

from tests.contract.apps.langchain_parameters import LAMP, LONG
from tests.contract.apps.langchain_parts import LANGCHAIN, get_weather
from tests.contract.apps.langchain_structured import ADA, LETTER, Person
from tests.contract.forms import Report
from tests.contract.forms import weather as weather_report
from turnout_emulator import Answer, Failure, Usage

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

ASKED: Any = {"messages": [("user", "Get the weather in Bern.")]}
FOUND = Report(city="Bern", sky="sunny")
TEXTS = ["The depot opens at seven.", "Keys are rotated in March."]


def agent_with(chat: ChatFactory, form: Any) -> Any:
    """An agent that has a tool, and whose last answer is an object."""
    return create_agent(chat(), [tool(weather_report)], response_format=form)


@LANGCHAIN.application(by_model=True)
def agent_with_form(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """An agent uses a tool, then answers with an object: in each of LangChain's strategies."""
    for form in (Report, ProviderStrategy(Report), ToolStrategy(Report)):
        assert agent_with(chat, form).invoke(ASKED)["structured_response"] == FOUND


@LANGCHAIN.application(by_model=True)
def agent_with_form_streamed(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The same, with its tokens and its state streamed."""

    async def stream() -> list[Any]:
        return [piece async for piece in agent_with(chat, Report).astream(ASKED, stream_mode=["messages", "values"])]

    now = list(agent_with(chat, Report).stream(ASKED, stream_mode=["messages", "values"]))
    for pieces in (now, asyncio.run(stream())):
        assert pieces[-1][1]["structured_response"] == FOUND


@LANGCHAIN.application(given=(Failure.server_error(),))
def fallback_with_tools(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """What is bound to a model with another to fall back on is bound to both."""
    both: Any = chat(max_retries=0).with_fallbacks([chat(max_retries=0)])
    answer = both.bind_tools([get_weather]).invoke("Get the weather in Bern.")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Bern"}]


@LANGCHAIN.application(given=(Failure.server_error(),))
def fallback_with_form(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    both: Any = chat(max_retries=0).with_fallbacks([chat(max_retries=0)])
    assert both.with_structured_output(Person).invoke(LETTER) == Person.model_validate(ADA)


@LANGCHAIN.application()
def configured_for_one_call(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A field of the model is said in the call's configuration."""
    model = chat().configurable_fields(max_tokens=ConfigurableField(id="longest"))
    short = model.with_config(configurable={"longest": 20}).invoke(LONG)
    assert 0 < len(short.text.split()) <= 20
    assert len(model.invoke(LONG).text.split()) > 20


CACHED = Answer("Green.", usage=Usage(input_tokens=100, output_tokens=5, cached_tokens=40))


@LANGCHAIN.application(given=(CACHED,))
def prompt_marked_for_caching(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A mark on the call goes where the service has one, and what was read from the cache is counted."""
    answer = chat().bind(cache_control={"type": "ephemeral"}).invoke(LAMP)
    counted: Any = answer.usage_metadata
    assert counted["input_tokens"] == 100
    assert counted["input_token_details"]["cache_read"] == 40


@LANGCHAIN.application(given=tuple(Answer("one two three four five six", chunk_delay=0.01) for _ in range(2)))
def loops_closed_early(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A script closes its event loops without more ado, one of them in the middle of a stream."""
    model: Any = chat()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(model.ainvoke("Count."))
    loop.close()
    pieces = model.astream("Count.")
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(anext(aiter(pieces))) is not None
    loop.close()
    del pieces
    gc.collect(1)
    assert "green" in asyncio.run(model.ainvoke(LAMP)).text


def cached(embeddings: EmbeddingsFactory, store: InMemoryByteStore) -> CacheBackedEmbeddings:
    """LangChain's cache, with the namespace that its documentation gives it."""
    inner: Any = embeddings()
    return CacheBackedEmbeddings.from_bytes_store(inner, store, namespace=inner.model, key_encoder="sha256")


def begin_cache(chat: ChatFactory, embeddings: EmbeddingsFactory) -> InMemoryByteStore:
    """A cache with the vectors of a few texts."""
    store = InMemoryByteStore()
    vectors = cached(embeddings, store).embed_documents(TEXTS)
    assert cached(embeddings, store).embed_documents(TEXTS) == vectors
    return store


def go_on_with_cache(chat: ChatFactory, embeddings: EmbeddingsFactory, saved: InMemoryByteStore) -> None:
    """The vectors are this model's, whatever is in the cache."""
    fresh = embeddings().embed_documents(TEXTS)
    store = InMemoryByteStore()
    store.mset([(key, value) for key in saved.yield_keys() if (value := saved.mget([key])[0]) is not None])
    for got, wanted in zip(cached(embeddings, store).embed_documents(TEXTS), fresh, strict=True):
        assert len(got) == len(wanted), f"{len(got)} numbers, not {len(wanted)}"
        assert max(abs(one - other) for one, other in zip(got, wanted, strict=True)) < 1e-6, "another model's vector"


LANGCHAIN.relay("cached_vectors", begin_cache, go_on_with_cache, to_the_next=True)
