"""Applications whose model is to think, beside what some models don't take while they think."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import TextBlock, ThinkingBlock

from tests.contract.apps.llama_index_parts import LAMP, LLAMA_INDEX, MULTIPLY, WEATHER, calls_of, user
from tests.contract.apps.llama_index_structured import ADA, LETTER, Person
from turnout_emulator import Answer, Reasoning, Text, Usage

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory


@LLAMA_INDEX.application("reasoning", by_model=True)
def thinking(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    assert "green" in str(chat(reasoning_effort="high").complete(LAMP))


@LLAMA_INDEX.application("reasoning", by_model=True)
def thinking_with_form(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat(reasoning_effort="high")
    assert llm.structured_predict(Person, PromptTemplate("{letter}"), letter=LETTER) == ADA


@LLAMA_INDEX.application("reasoning beside tools", by_model=True)
def thinking_with_forced_tool(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat(reasoning_effort="high")
    response = llm.chat_with_tools([WEATHER, MULTIPLY], "Get the weather in Bern.", tool_choice="get_weather")
    assert [call.tool_name for call in calls_of(llm, response)] == ["get_weather"]


@LLAMA_INDEX.application("reasoning beside sampling", by_model=True)
def thinking_with_temperature(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    assert "green" in str(chat(reasoning_effort="high", temperature=0.2).complete(LAMP))


THOUGHT = Answer(blocks=[Reasoning("The text says it."), Text("The lamp is green.")], usage=Usage(11, 7))


@LLAMA_INDEX.application(given=(THOUGHT,), by_model=True)
def chunks_added_up(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A stream in which the model thinks unasked adds up to the answer, its blocks and its usage."""
    pieces = list(chat().stream_chat([user(LAMP)]))
    assert "".join(piece.delta or "" for piece in pieces) == "The lamp is green."
    blocks = pieces[-1].message.blocks
    assert "".join(block.text for block in blocks if isinstance(block, TextBlock)) == "The lamp is green."
    thoughts = "".join(block.content or "" for block in blocks if isinstance(block, ThinkingBlock))
    assert thoughts in {"", "The text says it."}, thoughts
    assert pieces[-1].additional_kwargs["total_tokens"] == 18
