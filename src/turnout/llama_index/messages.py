"""LlamaIndex's messages: those of every class and age read as turns, and turns written as messages and blocks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from io import IOBase
from pathlib import Path
from typing import Any

from llama_index.core.base.llms import types

from turnout.conversation import turns
from turnout.conversation.answers import tool_arguments
from turnout.conversation.media import DOCUMENTS, decode_data_url, is_data_url
from turnout.conversation.turns import Attachment, Call, Part, Reasoning, Role, Source, Text, Turn, WireBlock
from turnout.errors import InvalidRequestError
from turnout.routing import Route

_ROLES: dict[types.MessageRole, Role] = {
    types.MessageRole.SYSTEM: "system",
    types.MessageRole.DEVELOPER: "system",
    types.MessageRole.USER: "user",
    types.MessageRole.ASSISTANT: "assistant",
    types.MessageRole.CHATBOT: "assistant",
    types.MessageRole.MODEL: "assistant",
    types.MessageRole.TOOL: "tool",
    types.MessageRole.FUNCTION: "tool",
}
_TYPES = DOCUMENTS | {"htm": "text/html", "json": "application/json"}
_SOURCE = "turnout"
"""Name under which a block of reasoning has who made it; it is saved and moved with the block."""


def read(messages: Sequence[types.ChatMessage]) -> list[Turn]:
    """Messages as turns, in order; a message with nothing in it gives none."""
    found = [_turn(message, index) for index, message in enumerate(messages)]
    return [turn for turn in found if turn.parts or turn.role == "tool"]


def _turn(message: types.ChatMessage, index: int) -> Turn:
    role = _ROLES[message.role]
    turn = Turn(index, role, [], developer=message.role is types.MessageRole.DEVELOPER)
    for number, block in enumerate(message.blocks):
        turn.parts += _parts(block, role, f"{turn.where}, block {number}")
    extra = message.additional_kwargs
    if role == "tool":
        turn.call_id = _str(extra.get("tool_call_id")) or _str(extra.get("call_id"))
        turn.name = _str(extra.get("name"))
        turn.failed = extra.get("status") == "error"
    elif role == "assistant":
        if not turn.calls:
            turn.parts += map(_call, tool_calls_of(message))
        turn.source = _source(message.blocks)
    return turn


def _parts(block: Any, role: Role, where: str) -> list[Part]:  # noqa: PLR0911 - one line for each kind
    match block:
        case types.TextBlock():
            return [Text(block.text)] if block.text.strip() else []
        case types.ThinkingBlock():
            return [_reasoning(block)]
        case types.ToolCallBlock():
            return [_call(block)] if role == "assistant" else []
        case types.CachePoint(cache_control=control):
            ttl = None if control.ttl == "5m" else control.ttl  # which every service has for its default
            return [turns.CachePoint(ttl, converse=control.type == "default")]
        case types.CitableBlock():
            return _citable(block, role, where)
        case types.ImageBlock() | types.DocumentBlock() | types.AudioBlock() | types.VideoBlock():
            return [_attachment(block, where)]
        case _:
            return []


def _citable(block: types.CitableBlock, role: Role, where: str) -> list[Part]:
    """A search result, which Messages alone has; elsewhere what it holds."""
    if not all(isinstance(inner, types.TextBlock) for inner in block.content):
        return [part for inner in block.content for part in _parts(inner, role, where)]
    texts = [inner.text for inner in block.content if isinstance(inner, types.TextBlock)]
    content = [{"type": "text", "text": text} for text in texts]
    cites = {"citations": {"enabled": True}}
    result = {"type": "search_result", "source": block.source, "title": block.title, "content": content, **cites}
    return [WireBlock(result, frozenset({"anthropic-messages"}), Text("\n".join(texts)))]


def tool_calls_of(message: types.ChatMessage) -> list[types.ToolCallBlock]:
    """The tool calls of a message: its blocks, or what older integrations left in `additional_kwargs`."""
    blocks = [block for block in message.blocks if isinstance(block, types.ToolCallBlock)]
    return blocks or [_legacy_call(call) for call in message.additional_kwargs.get("tool_calls") or []]


def _legacy_call(call: Any) -> types.ToolCallBlock:
    """A tool call that was kept as OpenAI's object or dict, as Converse's dict, or as a `ToolSelection`."""
    data = call if isinstance(call, dict) else call.model_dump()
    function = data.get("function") or {}
    return types.ToolCallBlock(
        tool_call_id=data.get("id") or data.get("toolUseId") or data.get("tool_id"),
        tool_name=function.get("name") or data.get("name") or data.get("tool_name") or "",
        tool_kwargs=function.get("arguments") or data.get("input") or data.get("tool_kwargs") or {},
    )


def _call(block: types.ToolCallBlock) -> Call:
    arguments, readable = tool_arguments(block.tool_kwargs)
    return Call(block.tool_call_id, block.tool_name, dict(arguments), readable)


def _reasoning(block: types.ThinkingBlock) -> Reasoning:
    info, text = block.additional_information, block.content or ""
    item = None
    if info.get("encrypted_content"):
        summary = [{"type": "summary_text", "text": text}] if text else []
        encrypted = info["encrypted_content"]
        item = {"type": "reasoning", "id": info.get("id"), "summary": summary, "encrypted_content": encrypted}
    return Reasoning(text, info.get("signature") or None, info.get("redacted"), item)


def sign(block: types.ThinkingBlock, route: Route) -> None:
    """Write into a block of reasoning who made it: only that service reads it again."""
    source = {"backend": route.backend, "wire": route.wire, "model": route.model, "deployment": route.deployment}
    block.additional_information = {**block.additional_information, _SOURCE: source}


def _source(blocks: Iterable[Any]) -> Source | None:
    for block in blocks:
        found = block.additional_information.get(_SOURCE) if isinstance(block, types.ThinkingBlock) else None
        if isinstance(found, dict):
            return Source(**{name: _str(found.get(name)) for name in ("backend", "wire", "deployment", "model")})
    return None


def _attachment(block: Any, where: str) -> Attachment:
    data: Any = None
    found = Attachment(block.block_type, url=str(block.url) if block.url else None, where=where)
    match block:
        case types.ImageBlock():
            data, found.mime = block.image, block.image_mimetype
            found.options = {"detail": block.detail} if block.detail else {}
        case types.DocumentBlock():
            data, found.mime = block.data, block.document_mimetype
            found.name = None if block.title == "input_document" else block.title  # LlamaIndex's for no name
        case types.AudioBlock():
            data, found.mime = block.audio, f"audio/{block.format}" if block.format else None
        case types.VideoBlock():
            data, found.mime = block.video, block.video_mimetype
    if data:
        found.data, found.url = _bytes(data), None
    elif block.path:
        _read_file(found, Path(str(block.path)))
    elif found.url is not None and is_data_url(found.url):
        media = decode_data_url(found.url, where)
        found.data, found.mime, found.url = media.data, media.mime, None
    return found


def _read_file(found: Attachment, path: Path) -> None:
    try:
        found.data, found.url = path.read_bytes(), None
    except OSError as error:
        msg = f"{found.where}: {path} can't be read: {error.strerror}"
        raise InvalidRequestError(msg) from error
    found.mime = found.mime or _TYPES.get(path.suffix[1:].lower())
    found.name = found.name or path.name


def _bytes(data: bytes | IOBase) -> bytes:
    """A block's bytes, which it keeps as base64."""
    if isinstance(data, IOBase):
        data.seek(0)
        content = data.read()
        data.seek(0)
        data = content.encode() if isinstance(content, str) else content
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def write(conversation: Iterable[Turn]) -> list[types.ChatMessage]:
    """Turns that were prepared for Chat Completions as messages for its class."""
    return [_message(turn) for turn in conversation]


def _message(turn: Turn) -> types.ChatMessage:
    role = types.MessageRole.DEVELOPER if turn.developer else types.MessageRole(turn.role)
    extra = {"tool_call_id": turn.call_id} if turn.role == "tool" else {}
    written = [block for part in turn.parts if (block := write_block(part)) is not None]
    if len(written) > 1 and all(isinstance(part, Text) for part in turn.parts):
        written = [types.TextBlock(text=turn.text)]  # the class joins texts with nothing between
    return types.ChatMessage(role=role, blocks=written, additional_kwargs=extra)


def write_block(part: Part) -> Any:  # noqa: PLR0911 - one line for each kind
    """A text, a call or an attachment as a block."""
    match part:
        case Text():
            return types.TextBlock(text=part.text)
        case Call():
            arguments = part.written or json.dumps(part.arguments, ensure_ascii=False)
            return types.ToolCallBlock(tool_call_id=part.call_id, tool_name=part.name, tool_kwargs=arguments)
        case Attachment(kind="image", url=str(url)):
            return types.ImageBlock(url=url, detail=part.options.get("detail"))
        case Attachment(kind="image"):
            detail = part.options.get("detail")
            return types.ImageBlock(image=part.base64.encode(), image_mimetype=part.mime, detail=detail)
        case Attachment(kind="audio"):
            return types.AudioBlock(audio=part.base64.encode(), format=part.format)
        case Attachment():
            return types.DocumentBlock(data=part.base64.encode(), document_mimetype=part.mime, title=part.name)
    return None


def alternating(
    conversation: Iterable[Turn],
    content: Callable[[Turn], list[dict[str, Any]]],
    result: Callable[[Turn, list[dict[str, Any]]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """A system prompt, and messages of the user and the assistant in turn, as Messages and Converse take them.

    `content` writes a turn's parts; `result` a tool's result, which is the user's there, of its turn and content.
    """
    written: dict[str, Any] = {"messages": []}
    for turn in conversation:
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
