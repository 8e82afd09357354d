"""The same call in both frameworks, and what reaches the service of each."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from turnout.errors import TurnoutError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from turnout_emulator import Emulator

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"


@dataclass(frozen=True)
class File:
    """An attachment, as data or by its address."""

    kind: str
    data: bytes = b""
    url: str = ""
    mime: str = ""
    name: str = ""


@dataclass(frozen=True)
class ToolUse:
    """A tool call; arguments that are a string couldn't be read."""

    id: str
    arguments: Any = field(default_factory=lambda: {"city": "Bern"})
    name: str = "weather"


@dataclass(frozen=True)
class Message:
    """One message: words and files, an assistant's calls, or a tool's result."""

    role: str
    parts: tuple[str | File, ...] = ()
    calls: tuple[ToolUse, ...] = ()
    call_id: str = ""
    failed: bool = False


def user(*parts: str | File) -> Message:
    """What the user says."""
    return Message("user", parts)


def system(text: str) -> Message:
    """An instruction."""
    return Message("system", (text,))


def assistant(*parts: str, calls: tuple[ToolUse, ...] = ()) -> Message:
    """What the model said."""
    return Message("assistant", parts, calls)


def result(call_id: str, *parts: str | File, failed: bool = False) -> Message:
    """What a tool gave."""
    return Message("tool", parts, call_id=call_id, failed=failed)


# --- LangChain


def to_langchain(message: Message) -> BaseMessage:
    """A message in LangChain's form."""
    blocks = [_langchain_part(part) for part in message.parts]
    content: Any = blocks[0] if len(blocks) == 1 and isinstance(blocks[0], str) else blocks
    match message.role:
        case "system":
            return SystemMessage(content)
        case "user":
            return HumanMessage(content)
        case "tool":
            status: Any = "error" if message.failed else "success"
            return ToolMessage(content or "", tool_call_id=message.call_id, status=status)
        case _:
            calls = [c for c in message.calls if not isinstance(c.arguments, str)]
            broken = [c for c in message.calls if isinstance(c.arguments, str)]
            return AIMessage(
                content or "",
                tool_calls=[tool_call(name=c.name, args=c.arguments, id=c.id) for c in calls],
                invalid_tool_calls=[
                    invalid_tool_call(name=c.name, args=c.arguments, id=c.id, error="cut off") for c in broken
                ],
            )


def _langchain_part(part: str | File) -> str | dict[str, Any]:
    if isinstance(part, str):
        return part
    kind = {"image": "image", "document": "file"}[part.kind]
    source = {"url": part.url} if part.url else {"base64": base64.b64encode(part.data).decode()}
    return {"type": kind, **source, "mime_type": part.mime, **({"filename": part.name} if part.name else {})}


# --- LlamaIndex


def to_llama_index(message: Message) -> ChatMessage:
    """A message in LlamaIndex's form."""
    blocks: list[ContentBlock] = [_llama_part(part) for part in message.parts]
    blocks += [ToolCallBlock(tool_call_id=c.id, tool_name=c.name, tool_kwargs=c.arguments) for c in message.calls]
    extra: dict[str, Any] = {}
    if message.role == "tool":
        extra = {"tool_call_id": message.call_id, **({"status": "error"} if message.failed else {})}
    return ChatMessage(role=MessageRole(message.role), blocks=blocks, additional_kwargs=extra)


def _llama_part(part: str | File) -> ContentBlock:
    if isinstance(part, str):
        return TextBlock(text=part)
    if part.kind == "image":
        return ImageBlock(url=part.url) if part.url else ImageBlock(image=part.data, image_mimetype=part.mime)
    name = {"title": part.name} if part.name else {}
    if part.url:
        return DocumentBlock(url=part.url, document_mimetype=part.mime, **name)
    return DocumentBlock(data=part.data, document_mimetype=part.mime, **name)


# --- asking


@dataclass(frozen=True)
class Ask:
    """One call.

    Attributes:
        messages: The conversation.
        options: Parameters, `tools` and `tool_choice`, `response_format`, and what the wire gets as it is.
        schema: A pydantic class that the answer is to be an instance of.
    """

    messages: tuple[Message, ...] = (user("What is the weather in Bern?"),)
    options: dict[str, Any] = field(default_factory=dict)
    schema: Any = None


def ask_langchain(ask: Ask) -> None:
    """Ask by way of LangChain."""
    messages = [to_langchain(message) for message in ask.messages]
    model: Any = ChatTurnout()
    if ask.schema is not None:
        model.with_structured_output(ask.schema).invoke(messages, **ask.options)
    else:
        model.invoke(messages, **ask.options)


def ask_llama_index(ask: Ask) -> None:
    """Ask by way of LlamaIndex."""
    if ask.schema is not None:
        (message,) = ask.messages
        TurnoutLLM().structured_predict(ask.schema, PromptTemplate(str(message.parts[0])), llm_kwargs=ask.options)
    else:
        TurnoutLLM().chat([to_llama_index(message) for message in ask.messages], **ask.options)


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes:
        body: What reached the service; None if nothing was sent.
        error: The message of turnout's error, if there was one.
        warned: What turnout warned of.
    """

    body: Any
    error: str | None
    warned: tuple[str, ...]


def outcome(ask: Any, call: Ask, emulator: Emulator) -> Outcome:
    """Ask, and see what came of it."""
    before = len(emulator.requests)
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ask(call)
        except TurnoutError as raised:
            error = str(raised)
    sent = emulator.requests[before:]
    warned = tuple(str(one.message) for one in caught if " is left out: " in str(one.message))
    return Outcome(sent[0].body if sent else None, error, warned)


def go_on_in_langchain(tools: list[dict[str, Any]]) -> None:
    """Ask, and give the result of the tool that the answer calls."""
    question, model = HumanMessage("What is the weather in Bern?"), ChatTurnout().bind_tools(tools)
    answer = model.invoke([question])
    model.invoke([question, answer, ToolMessage("sunny", tool_call_id=answer.tool_calls[0]["id"])])


def go_on_in_llama_index(tools: list[dict[str, Any]]) -> None:
    """The same."""
    question, model = ChatMessage("What is the weather in Bern?"), TurnoutLLM()
    answer = model.chat([question], tools=tools)
    (call,) = model.get_tool_calls_from_response(answer)
    result = ChatMessage("sunny", role=MessageRole.TOOL, additional_kwargs={"tool_call_id": call.tool_id})
    model.chat([question, answer.message, result], tools=tools)
