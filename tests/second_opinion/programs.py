"""Small applications in both frameworks, each of which gives what it got of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM

HELLO = "hello there"
WEATHER = "weather in Bern"
PERSON = "who was Ada Lovelace"
ANSWERS: dict[str, Any] = {
    HELLO: {"content": "Hello from the depot."},
    WEATHER: {"toolCalls": [{"name": "weather", "arguments": {"city": "Bern"}}]},
    PERSON: {"content": '{"name": "Ada Lovelace", "age": 36}'},
}
"""What a user says → what the emulator answers, as aimock's fixtures have it."""


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


def _langchain() -> dict[str, Callable[[], Any]]:
    def rounds() -> Any:
        model = ChatTurnout().bind_tools([tool(weather)])
        asked = model.invoke(WEATHER)
        (call,) = asked.tool_calls
        result = ToolMessage("sunny", tool_call_id=call["id"])
        last = model.invoke([HumanMessage(WEATHER), asked, result, HumanMessage(HELLO)])
        return call["name"], call["args"], last.text

    return {
        "answer": lambda: ChatTurnout().invoke(HELLO).text,
        "async answer": lambda: asyncio.run(ChatTurnout().ainvoke(HELLO)).text,
        "stream": lambda: "".join(chunk.text for chunk in ChatTurnout().stream(HELLO)),
        "finish reason": lambda: ChatTurnout().invoke(HELLO).response_metadata["finish_reason"],
        "usage": lambda: (used := ChatTurnout().invoke(HELLO).usage_metadata) is not None and used["total_tokens"] > 0,
        "tool rounds": rounds,
        "schema": lambda: ChatTurnout().with_structured_output(Person, method="json_schema").invoke(PERSON),
        "vectors": lambda: len(TurnoutEmbeddings().embed_documents(["a", "b"])),
    }


def _llama_index() -> dict[str, Callable[[], Any]]:
    def rounds() -> Any:
        llm = TurnoutLLM()
        asked = llm.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg=WEATHER)
        (call,) = llm.get_tool_calls_from_response(asked)
        result = ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": call.tool_id})
        history = [ChatMessage(WEATHER), asked.message, result, ChatMessage(HELLO)]
        return call.tool_name, call.tool_kwargs, llm.chat(history).message.content

    return {
        "answer": lambda: str(TurnoutLLM().complete(HELLO)),
        "async answer": lambda: str(asyncio.run(TurnoutLLM().acomplete(HELLO))),
        "stream": lambda: str(list(TurnoutLLM().stream_complete(HELLO))[-1]),
        "finish reason": lambda: TurnoutLLM().complete(HELLO).additional_kwargs["finish_reason"],
        "usage": lambda: bool(TurnoutLLM().complete(HELLO).additional_kwargs.get("total_tokens")),
        "tool rounds": rounds,
        "schema": lambda: TurnoutLLM().structured_predict(Person, PromptTemplate(PERSON)),
        "vectors": lambda: len(TurnoutEmbedding().get_text_embedding_batch(["a", "b"])),
    }


PROGRAMS = {"LangChain": _langchain(), "LlamaIndex": _llama_index()}
