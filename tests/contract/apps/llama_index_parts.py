"""What several LlamaIndex applications share: the rows, a small library of documents, and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llama_index.core import Document
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool

from tests.contract.apps.application import Applications

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.base.llms.types import ChatResponse
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from llama_index.core.llms.llm import ToolSelection

LLAMA_INDEX = Applications()


class LLMFactory(Protocol):
    """Makes an LLM; what it runs on is not the application's business."""

    def __call__(self, **options: Any) -> FunctionCallingLLM: ...


class EmbeddingFactory(Protocol):
    """Makes an embedding model, likewise."""

    def __call__(self) -> BaseEmbedding: ...


LIBRARY = [
    Document(text="The signal box at Interlaken was built in 1892 by the firm of Ruppert.", doc_id="signals"),
    Document(text="Season tickets are refunded within thirty days of purchase.", doc_id="tickets"),
    Document(text="The mountain railway uses a rack of the Abt system on steep gradients.", doc_id="rack"),
    Document(text="Dogs travel at half fare and must be kept on a lead.", doc_id="dogs"),
    Document(text="The night train to Vienna leaves platform seven at 22:40.", doc_id="trains"),
]
BUILT = "When was the signal box at Interlaken built?"
LAMP = "The lamp is green.\n\nWhich colour is the lamp?"


def multiply(a: int, b: int) -> int:
    """Multiply two numbers: gives the product."""
    return a * b


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


def capital_of(country: str) -> str:
    """Tell the capital of a country."""
    return {"France": "Paris", "Austria": "Vienna"}[country]


MULTIPLY = FunctionTool.from_defaults(multiply)
WEATHER = FunctionTool.from_defaults(get_weather)
CAPITAL = FunctionTool.from_defaults(capital_of)
TOOLS = {str(tool.metadata.name): tool for tool in (MULTIPLY, WEATHER, CAPITAL)}


def user(text: str) -> ChatMessage:
    """What the user says."""
    return ChatMessage(role=MessageRole.USER, content=text)


def memory() -> ChatMemoryBuffer:
    """A memory without a database, which LlamaIndex's default one would leave open."""
    return ChatMemoryBuffer.from_defaults(token_limit=10_000, tokenizer_fn=str.split)


def calls_of(llm: FunctionCallingLLM, response: ChatResponse) -> list[ToolSelection]:
    """The tool calls in an answer."""
    return llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)


def run_tools(llm: FunctionCallingLLM, response: ChatResponse) -> list[ChatMessage]:
    """Run what an answer calls."""
    return [
        ChatMessage(
            role=MessageRole.TOOL,
            content=str(TOOLS[call.tool_name].call(**call.tool_kwargs).content),
            additional_kwargs={"tool_call_id": call.tool_id},
        )
        for call in calls_of(llm, response)
    ]


def raised(kind: type[BaseException], call: Callable[[], Any]) -> None:
    """Assert that a call raises; LlamaIndex has no errors of its own for what services refuse."""
    try:
        answer = call()
    except kind:
        return
    msg = f"no {kind.__name__}, but {answer!r}"
    raise AssertionError(msg)
