"""Applications of LlamaIndex's larger parts: agents with a form, pipelines with a cache, loops that end early."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

from llama_index.core import Document
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.schema import MetadataMode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.tools import FunctionTool

from tests.contract.apps.llama_index_parts import LAMP, LLAMA_INDEX
from tests.contract.forms import Report, weather
from turnout_emulator import Answer

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory


@LLAMA_INDEX.application(by_model=True)
def agent_with_form(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """An agent uses a tool, then answers with an object, whether it streams or not."""

    async def run(*, streaming: bool) -> Any:
        tools = [FunctionTool.from_defaults(weather)]
        agent = FunctionAgent(tools=list(tools), llm=chat(), output_cls=Report, streaming=streaming)
        return await agent.run("Get the weather in Bern.")

    for streaming in (False, True):
        found = asyncio.run(run(streaming=streaming)).get_pydantic_model(Report)
        assert isinstance(found, Report)
        assert found.city == "Bern"
        assert found.sky.startswith("sunny")  # LlamaIndex asks again, with the conversation in one text


@LLAMA_INDEX.application(given=tuple(Answer("one two three four five six", chunk_delay=0.01) for _ in range(2)))
def loops_closed_early(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A script closes its event loops without more ado, one of them in the middle of a stream."""
    llm = chat()

    async def begin() -> Any:
        pieces = await llm.astream_complete("Count.")
        await anext(aiter(pieces))
        return pieces

    async def ask(text: str) -> str:
        return str(await llm.acomplete(text))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask("Count."))
    loop.close()
    loop = asyncio.new_event_loop()
    pieces = loop.run_until_complete(begin())
    loop.close()
    del pieces
    gc.collect(1)
    assert "green" in asyncio.run(ask(LAMP))


DOCUMENTS = [
    Document(text=text, doc_id=str(number))
    for number, text in enumerate(("The depot opens at seven.", "Keys are rotated in March."))
]


def ingested(embeddings: EmbeddingFactory, cache: IngestionCache) -> list[list[float]]:
    """The documents' vectors, out of a pipeline that keeps what it has embedded."""
    pipeline = IngestionPipeline(transformations=[embeddings()], cache=cache)
    return [node.get_embedding() for node in pipeline.run(documents=DOCUMENTS)]


def begin_cache(chat: LLMFactory, embeddings: EmbeddingFactory) -> dict[str, Any]:
    """A pipeline's cache, as it is stored."""
    cache = IngestionCache()
    vectors = ingested(embeddings, cache)
    assert ingested(embeddings, cache) == vectors
    assert isinstance(cache.cache, SimpleKVStore)
    return dict(cache.cache.to_dict())


def go_on_with_cache(chat: LLMFactory, embeddings: EmbeddingFactory, saved: dict[str, Any]) -> None:
    """The vectors are this model's, whatever is in the cache."""
    fresh = embeddings().get_text_embedding_batch([document.get_content(MetadataMode.EMBED) for document in DOCUMENTS])
    found = ingested(embeddings, IngestionCache(cache=SimpleKVStore.from_dict(saved)))
    for got, wanted in zip(found, fresh, strict=True):
        assert len(got) == len(wanted), f"{len(got)} numbers, not {len(wanted)}"
        assert max(abs(one - other) for one, other in zip(got, wanted, strict=True)) < 1e-6, "another model's vector"


LLAMA_INDEX.relay("cached_vectors", begin_cache, go_on_with_cache, to_the_next=True)
