"""What several LangChain applications share: the rows, a small library of documents, and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, tool

from tests.contract.apps.application import Applications

if TYPE_CHECKING:
    from typing import Any

    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

LANGCHAIN = Applications()


class ChatFactory(Protocol):
    """Makes a chat model; what it runs on is not the application's business."""

    def __call__(self, **options: Any) -> BaseChatModel: ...


class EmbeddingsFactory(Protocol):
    """Makes an embedding model, likewise."""

    def __call__(self) -> Embeddings: ...


LIBRARY = [
    Document("The signal box at Interlaken was built in 1892 by the firm of Ruppert.", metadata={"source": "signals"}),
    Document("Season tickets are refunded within thirty days of purchase.", metadata={"source": "tickets"}),
    Document(
        "The mountain railway uses a rack of the Abt system on gradients above nine per cent.",
        metadata={"source": "rack"},
    ),
    Document("Dogs travel at half fare and must be kept on a lead.", metadata={"source": "dogs"}),
    Document("The night train to Vienna leaves platform seven at 22:40.", metadata={"source": "trains"}),
]
BUILT = "When was the signal box at Interlaken built?"


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers: gives the product.

    Args:
        a: The first factor.
        b: The second factor.
    """
    return a * b


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city.

    Args:
        city: Name of the city.
    """
    return f"It is sunny in {city}."


@tool
def capital_of(country: str) -> str:
    """Tell the capital of a country.

    Args:
        country: Name of the country.
    """
    return {"France": "Paris", "Austria": "Vienna"}[country]


TOOLS: dict[str, BaseTool] = {one.name: one for one in (multiply, get_weather, capital_of)}


def said(*messages: BaseMessage) -> str:
    """The text of an answer, or of its chunks: strings, unless the model gave more than text, like its reasoning."""
    only_text = all(
        isinstance(block, str) or block.get("type") == "text"
        for message in messages
        if isinstance(message.content, list)
        for block in message.content
    )
    for message in messages:
        assert isinstance(message.content, str) or not only_text, f"text came as {message.content!r}"
    return "".join(message.text for message in messages)


def run_tools(answer: AIMessage) -> list[ToolMessage]:
    """Run what an answer calls."""
    messages = []
    for call in answer.tool_calls:
        result = TOOLS[call["name"]].invoke(call)
        assert isinstance(result, ToolMessage)
        messages.append(result)
    return messages
