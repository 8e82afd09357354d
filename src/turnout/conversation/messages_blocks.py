"""A turn's parts as blocks of Anthropic's Messages, which both frameworks send as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.conversation.caching import cache_control
from turnout.conversation.turns import Attachment, CachePoint, Call, Reasoning, Text, WireBlock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.conversation.turns import Part


def messages_blocks(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Parts that were prepared for Messages as its blocks."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case Text(text=text):
                blocks.append({"type": "text", "text": text})
            case CachePoint():
                blocks[-1]["cache_control"] = cache_control(part)
            case Call():
                blocks.append({"type": "tool_use", "id": part.call_id, "name": part.name, "input": part.arguments})
            case Reasoning(redacted=str(data)):
                blocks.append({"type": "redacted_thinking", "data": data})
            case Reasoning():
                signed = {"signature": part.signature} if part.signature else {}
                blocks.append({"type": "thinking", "thinking": part.text, **signed})
            case Attachment():
                blocks.append(_file(part))
            case WireBlock(block=block):
                blocks.append({key: value for key, value in block.items() if key not in {"index", "cache_control"}})
    return blocks


def _file(part: Attachment) -> dict[str, Any]:
    if part.url is not None:
        source = {"type": "url", "url": part.url}
    elif part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    elif part.text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": part.text}
    else:
        source = {"type": "base64", "media_type": part.mime or "", "data": part.base64}
    block: dict[str, Any] = {"type": part.kind, "source": source}
    if part.kind == "document":
        block |= {name: part.options[name] for name in ("citations", "context") if name in part.options}
        if part.name and "data" in source:
            block["title"] = part.name
    return block
