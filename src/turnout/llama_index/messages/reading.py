"""Reading LlamaIndex's messages, of every class and age, as turns."""

from __future__ import annotations

import base64
import binascii
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from turnout.conversation import turns
from turnout.conversation.answers import tool_arguments
from turnout.conversation.media import DOCUMENTS, decode_data_url, is_data_url
from turnout.conversation.turns import Attachment, Call, Reasoning, Source, Text, Turn, WireBlock
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.conversation.turns import Part, Role
    from turnout.routing import Route

_ROLES: dict[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_TYPES = DOCUMENTS | {"htm": "text/html", "json": "application/json"}
"""What a file is, by the end of its name."""

_SOURCE = "turnout"
"""Name under which a block of reasoning has who made it; it is saved and moved with the block."""


def read(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Messages as turns, in order; a message with nothing in it gives none.

    Raises:
        InvalidRequestError: The file of a block can't be read.
    """
    found = [_turn(message, index) for index, message in enumerate(messages)]
    return [turn for turn in found if turn.parts or turn.role == "tool"]


def _turn(message: ChatMessage, index: int) -> Turn:
    role = _ROLES[message.role]
    turn = Turn(index, role, [], developer=message.role is MessageRole.DEVELOPER)
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
        case TextBlock():
            return [Text(block.text)] if block.text.strip() else []
        case ThinkingBlock():
            return [_reasoning(block)]
        case ToolCallBlock():
            return [_call(block)] if role == "assistant" else []
        case CachePoint(cache_control=control):
            ttl = None if control.ttl == "5m" else control.ttl  # which every service has for its default
            return [turns.CachePoint(ttl, converse=control.type == "default")]
        case CitableBlock():
            return _citable(block, role, where)
        case ImageBlock() | DocumentBlock() | AudioBlock() | VideoBlock():
            return [_attachment(block, where)]
        case _:
            return []


def _citable(block: CitableBlock, role: Role, where: str) -> list[Part]:
    """A search result, which Messages alone has; elsewhere what it holds."""
    if not all(isinstance(inner, TextBlock) for inner in block.content):
        return [part for inner in block.content for part in _parts(inner, role, where)]
    texts = [inner.text for inner in block.content if isinstance(inner, TextBlock)]
    result = {
        "type": "search_result",
        "source": block.source,
        "title": block.title,
        "content": [{"type": "text", "text": text} for text in texts],
        "citations": {"enabled": True},
    }
    return [WireBlock(result, frozenset({"anthropic-messages"}), Text("\n".join(texts)))]


# --- calls and reasoning


def tool_calls_of(message: ChatMessage) -> list[ToolCallBlock]:
    """The tool calls of a message: its blocks, or what older integrations left in `additional_kwargs`."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    return blocks or [_legacy_call(call) for call in message.additional_kwargs.get("tool_calls") or []]


def _legacy_call(call: Any) -> ToolCallBlock:
    """A tool call that was kept as OpenAI's object or dict, as Converse's dict, or as a `ToolSelection`."""
    data = call if isinstance(call, dict) else call.model_dump()
    function = data.get("function") or {}
    return ToolCallBlock(
        tool_call_id=data.get("id") or data.get("toolUseId") or data.get("tool_id"),
        tool_name=function.get("name") or data.get("name") or data.get("tool_name") or "",
        tool_kwargs=function.get("arguments") or data.get("input") or data.get("tool_kwargs") or {},
    )


def _call(block: ToolCallBlock) -> Call:
    arguments, readable = tool_arguments(block.tool_kwargs)
    return Call(block.tool_call_id, block.tool_name, dict(arguments), readable)


def _reasoning(block: ThinkingBlock) -> Reasoning:
    info, text = block.additional_information, block.content or ""
    item = None
    if info.get("encrypted_content"):
        summary = [{"type": "summary_text", "text": text}] if text else []
        item = {"type": "reasoning", "id": info.get("id"), "summary": summary}
        item["encrypted_content"] = info["encrypted_content"]
    return Reasoning(text, info.get("signature") or None, info.get("redacted"), item)


def sign(block: ThinkingBlock, route: Route) -> None:
    """Write into a block of reasoning who made it: only that service reads it again."""
    source = {"backend": route.backend, "wire": route.wire, "model": route.model, "deployment": route.deployment}
    block.additional_information = {**block.additional_information, _SOURCE: source}


def _source(blocks: Iterable[Any]) -> Source | None:
    for block in blocks:
        found = block.additional_information.get(_SOURCE) if isinstance(block, ThinkingBlock) else None
        if isinstance(found, dict):
            return Source(**{name: _str(found.get(name)) for name in ("backend", "wire", "deployment", "model")})
    return None


# --- attachments


def _attachment(block: ImageBlock | DocumentBlock | AudioBlock | VideoBlock, where: str) -> Attachment:
    found = Attachment(block.block_type, url=str(block.url) if block.url else None, where=where)
    match block:
        case ImageBlock():
            data, found.mime = block.image, block.image_mimetype
            found.options = {"detail": block.detail} if block.detail else {}
        case DocumentBlock():
            data, found.mime = block.data, block.document_mimetype
            # LlamaIndex calls what has no name so.
            found.name = None if block.title == "input_document" else block.title
        case AudioBlock():
            data, found.mime = block.audio, f"audio/{block.format}" if block.format else None
        case VideoBlock():
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
