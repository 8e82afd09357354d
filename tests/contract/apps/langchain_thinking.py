"""Applications whose model is to think, beside what some models don't take while they think."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.apps.langchain_parameters import LAMP
from tests.contract.apps.langchain_parts import LANGCHAIN, get_weather, multiply
from tests.contract.apps.langchain_structured import ADA, LETTER, Person
from turnout_emulator import Answer, Reasoning, Text, Usage

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory


@LANGCHAIN.application("reasoning", by_model=True)
def thinking(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert "green" in chat(reasoning_effort="high").invoke(LAMP).text


@LANGCHAIN.application("reasoning", by_model=True)
def thinking_with_form(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat(reasoning_effort="high")
    assert model.with_structured_output(Person).invoke(LETTER) == Person.model_validate(ADA)


@LANGCHAIN.application("reasoning beside tools", by_model=True)
def thinking_with_forced_tool(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    model = chat(reasoning_effort="high").bind_tools([get_weather, multiply], tool_choice="get_weather")
    assert [call["name"] for call in model.invoke("Get the weather in Bern.").tool_calls] == ["get_weather"]


@LANGCHAIN.application("reasoning beside sampling", by_model=True)
def thinking_with_temperature(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    assert "green" in chat(reasoning_effort="high", temperature=0.2).invoke(LAMP).text


THOUGHT = Answer(blocks=[Reasoning("The text says it."), Text("The lamp is green.")], usage=Usage(11, 7))


@LANGCHAIN.application(given=(THOUGHT,), by_model=True)
def chunks_added_up(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A stream in which the model thinks unasked adds up to the answer, its blocks and its usage."""
    whole: Any = None
    for chunk in chat().stream(LAMP):
        whole = chunk if whole is None else whole + chunk
    assert whole.text == "The lamp is green."
    blocks = whole.content_blocks
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == "The lamp is green."
    thoughts = "".join(block.get("reasoning", "") for block in blocks if block["type"] == "reasoning")
    assert thoughts in {"", "The text says it."}, thoughts
    assert whole.usage_metadata["total_tokens"] == 18
