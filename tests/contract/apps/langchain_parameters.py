"""Applications that say how the model is to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.apps.langchain_parts import LANGCHAIN, get_weather
from tests.contract.apps.limits import needs

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

LAMP = "The lamp is green, and five bells are silent.\n\nWhich colour is the lamp?"
LONG = 'Say "' + "la " * 60 + '"'


@LANGCHAIN.application(by_model=True)
def short_answer(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The limit on the answer, said to the constructor and in the call."""
    for answer in (chat(max_tokens=20).invoke(LONG), chat().invoke(LONG, max_tokens=20)):
        assert 0 < len(answer.text.split()) <= 20


@LANGCHAIN.application()
def why_it_ended(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """An application asks on when an answer was cut, and runs tools when there are some: one word for each."""
    model = chat()
    chunks = list(model.stream(LAMP))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    for answer, expected in (
        (model.invoke(LAMP), "stop"),
        (whole, "stop"),
        (model.invoke(LONG, max_tokens=20), "length"),
        (model.bind_tools([get_weather]).invoke("Get the weather in Bern."), "tool_calls"),
    ):
        finish = answer.response_metadata.get("finish_reason")
        assert finish == expected, f"finish_reason is {finish!r}, not {expected!r}"


@LANGCHAIN.application("sampling", by_model=True)
def sampling(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert "green" in chat(temperature=0).invoke(LAMP).text
    assert "green" in chat().bind(temperature=0.2).invoke(LAMP).text


@LANGCHAIN.application("stop sequences", by_model=True)
def stop_sequence(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    answer = chat().invoke(LAMP, stop=["five"])
    assert "green" in answer.text
    needs("stop sequences", "bells" not in answer.text, f"not stopped: {answer.text}")


@LANGCHAIN.application("seed", by_model=True)
def repeatable(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat().bind(seed=7)
    first, second = model.invoke(LAMP).text, model.invoke(LAMP).text
    assert "green" in first
    assert "green" in second
    needs("seed", first == second, f"not repeated: {first} / {second}")


@LANGCHAIN.application("user", by_model=True)
def user_named(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The service is told which of the application's users asks."""
    assert "green" in chat().bind(user="ada").invoke(LAMP).text


@LANGCHAIN.application("top k", by_model=True)
def top_k(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert "green" in chat().bind(top_k=5).invoke(LAMP).text
