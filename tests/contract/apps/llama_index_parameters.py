"""Applications that say how the model is to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.apps.limits import needs
from tests.contract.apps.llama_index_parts import LLAMA_INDEX

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory

LAMP = "The lamp is green, and five bells are silent.\n\nWhich colour is the lamp?"
LONG = 'Say "' + "la " * 60 + '"'


@LLAMA_INDEX.application(by_model=True)
def short_answer(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The limit on the answer, said to the constructor and in the call."""
    for answer in (chat(max_tokens=20).complete(LONG), chat().complete(LONG, max_tokens=20)):
        assert 0 < len(answer.text.split()) <= 20


@LLAMA_INDEX.application("sampling", by_model=True)
def sampling(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    assert "green" in chat(temperature=0).complete(LAMP).text
    assert "green" in chat().complete(LAMP, temperature=0.2).text


@LLAMA_INDEX.application("stop sequences", by_model=True)
def stop_sequence(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    answer = chat().complete(LAMP, stop=["five"]).text
    assert "green" in answer
    needs("stop sequences", "bells" not in answer, f"not stopped: {answer}")


@LLAMA_INDEX.application("seed", by_model=True)
def repeatable(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    first, second = llm.complete(LAMP, seed=7).text, llm.complete(LAMP, seed=7).text
    assert "green" in first
    assert "green" in second
    needs("seed", first == second, f"not repeated: {first} / {second}")


@LLAMA_INDEX.application("user", by_model=True)
def user_named(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The service is told which of the application's users asks."""
    assert "green" in chat().complete(LAMP, user="ada").text


@LLAMA_INDEX.application("top k", by_model=True)
def top_k(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    assert "green" in chat().complete(LAMP, top_k=5).text
