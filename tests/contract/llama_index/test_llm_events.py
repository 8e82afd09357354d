"""Events and token counts: one pair for each call, with the usage that the service reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, CBEventType, TokenCountingHandler
from llama_index_instrumentation import root_dispatcher

from tests.contract.llama_index.llama_parts import FRANCE, Ear, Listener
from turnout.errors import ServerError
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")

QUESTION = [ChatMessage(FRANCE)]
WAYS = ["chat", "achat", "stream_chat", "astream_chat", "complete", "acomplete", "stream_complete", "astream_complete"]


async def ask(llm: TurnoutLLM, way: str) -> None:
    """Ask in one of the eight ways and read the answer to its end."""
    method = getattr(llm, way)
    result = method(FRANCE if "complete" in way else QUESTION)
    if way.startswith("a"):
        result = await result
    if "stream" in way:
        if way.startswith("a"):
            assert [piece async for piece in result]
        else:
            assert list(result)


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener()
    root_dispatcher.add_event_handler(heard)
    yield heard
    root_dispatcher.event_handlers.remove(heard)


@pytest.mark.parametrize("way", WAYS)
async def test_one_pair_of_events(way: str, listener: Listener) -> None:
    ear = Ear(CBEventType.LLM)
    await ask(TurnoutLLM(callback_manager=CallbackManager([ear])), way)
    assert (len(ear.started), len(ear.ended)) == (1, 1)
    kind = "LLMCompletion" if "complete" in way else "LLMChat"
    assert [name for name in listener.heard if name.startswith("LLM") and "InProgress" not in name] == [
        f"{kind}StartEvent",
        f"{kind}EndEvent",
    ]


@pytest.mark.parametrize("way", WAYS)
async def test_tokens_are_counted_as_reported(way: str, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Answer(text="Yes, it is.", usage=Usage(input_tokens=123, output_tokens=45)))
    counter = TokenCountingHandler(tokenizer=str.split)
    await ask(TurnoutLLM(callback_manager=CallbackManager([counter])), way)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (123, 45)
    assert len(counter.llm_token_counts) == 1


def test_a_manager_that_is_set_later_hears() -> None:
    llm = TurnoutLLM()
    llm.complete(FRANCE)
    ear = Ear(CBEventType.LLM)
    llm.callback_manager = CallbackManager([ear])
    llm.complete(FRANCE)
    assert (len(ear.started), len(ear.ended)) == (1, 1)


def test_a_failed_call_ends_its_event(fresh_emulator: Emulator) -> None:
    from turnout_emulator import Failure

    fresh_emulator.queue(Failure.server_error())
    ear = Ear(CBEventType.LLM)
    with pytest.raises(ServerError):
        TurnoutLLM(callback_manager=CallbackManager([ear]), max_retries=0).chat(QUESTION)
    assert [type(payload["exception"]) for payload in ear.ended] == [ServerError]


def test_one_pair_of_events_for_embeddings(listener: Listener) -> None:
    ear = Ear(CBEventType.EMBEDDING)
    embedding = TurnoutEmbedding(callback_manager=CallbackManager([ear]))
    embedding.get_text_embedding_batch([f"text {n}" for n in range(40)])
    embedding.get_query_embedding("question")
    assert (len(ear.started), len(ear.ended)) == (2, 2)
    assert len(ear.ended[0]["chunks"]) == 40
    names = [name for name in listener.heard if name.startswith("Embedding")]
    assert names == ["EmbeddingStartEvent", "EmbeddingEndEvent"] * 2


async def test_one_pair_of_events_for_embeddings_async() -> None:
    ear = Ear(CBEventType.EMBEDDING)
    embedding = TurnoutEmbedding(callback_manager=CallbackManager([ear]))
    await embedding.aget_text_embedding_batch([f"text {n}" for n in range(40)])
    assert (len(ear.started), len(ear.ended)) == (1, 1)
