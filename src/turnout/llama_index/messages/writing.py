"""Writing turns as messages and blocks that LlamaIndex's classes and converters take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from turnout.conversation.turns import Attachment, Call, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnout.conversation.turns import Part, Turn


def write(turns: Iterable[Turn]) -> list[ChatMessage]:
    """Turns that were prepared for Chat Completions as messages for its class."""
    return [_message(turn) for turn in turns]


def _message(turn: Turn) -> ChatMessage:
    role = MessageRole.DEVELOPER if turn.developer else MessageRole(turn.role)
    extra = {"tool_call_id": turn.call_id} if turn.role == "tool" else {}
    written = blocks(turn.parts)
    if len(written) > 1 and all(isinstance(part, Text) for part in turn.parts):
        written = [TextBlock(text=turn.text)]  # the class joins texts with nothing between
    return ChatMessage(role=role, blocks=written, additional_kwargs=extra)


def blocks(parts: Iterable[Part]) -> list[Any]:
    """Texts, calls and attachments as blocks."""
    written: list[Any] = []
    for part in parts:
        match part:
            case Text():
                written.append(TextBlock(text=part.text))
            case Call():
                arguments = part.written or json.dumps(part.arguments, ensure_ascii=False)
                written.append(ToolCallBlock(tool_call_id=part.call_id, tool_name=part.name, tool_kwargs=arguments))
            case Attachment():
                written.append(_file(part))
    return written


def _file(part: Attachment) -> Any:
    if part.kind == "image" and part.url is not None:
        return ImageBlock(url=part.url, detail=part.options.get("detail"))
    data = part.base64.encode()
    if part.kind == "image":
        return ImageBlock(image=data, image_mimetype=part.mime, detail=part.options.get("detail"))
    if part.kind == "audio":
        return AudioBlock(audio=data, format=part.format)
    return DocumentBlock(data=data, document_mimetype=part.mime, title=part.name)


def alternating(
    turns: Iterable[Turn],
    content: Callable[[Turn], list[dict[str, Any]]],
    result: Callable[[Turn, list[dict[str, Any]]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """A system prompt, and messages of the user and the assistant in turn, as Messages and Converse take them.

    `content` writes a turn's parts; `result` a tool's result, which is the user's there, of its turn and content.
    """
    written: dict[str, Any] = {"messages": []}
    for turn in turns:
        role, blocks_of_turn = "assistant" if turn.role == "assistant" else "user", content(turn)
        if turn.role == "system":
            written["system"] = blocks_of_turn
            continue
        if turn.role == "tool":
            blocks_of_turn = result(turn, blocks_of_turn)
        if written["messages"] and written["messages"][-1]["role"] == role:
            written["messages"][-1]["content"] += blocks_of_turn
        else:
            written["messages"].append({"role": role, "content": blocks_of_turn})
    return written
