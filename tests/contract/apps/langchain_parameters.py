"""Applications that say how the model is to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.apps.langchain_parts import LANGCHAIN

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

LAMP = "The lamp is green, and five bells are silent.\n\nWhich colour is the lamp?"


@LANGCHAIN.application()
def short_answer(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The limit on the answer, from the constructor and from the call, and how the answer says that it was cut."""
    for answer in (
        chat(max_tokens=20).invoke('Say "' + "la " * 60 + '"'),
        chat().invoke('Say "' + "la " * 60 + '"', max_tokens=20),
    ):
        assert answer.usage_metadata is not None
        assert 0 < len(answer.text.split()) <= 20
        assert answer.response_metadata.get("finish_reason") == "length", f"finish: {answer.response_metadata}"


@LANGCHAIN.application("sampling")
def sampling(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert "green" in chat(temperature=0).invoke(LAMP).text
    assert "green" in chat().bind(temperature=0.2).invoke(LAMP).text


@LANGCHAIN.application("stop sequences")
def stop_sequence(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    answer = chat().invoke(LAMP, stop=["five"])
    assert "green" in answer.text
    assert "bells" not in answer.text


@LANGCHAIN.application("seed")
def repeatable(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat().bind(seed=7)
    assert model.invoke(LAMP).text == model.invoke(LAMP).text
