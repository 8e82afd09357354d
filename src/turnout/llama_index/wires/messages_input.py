"""A conversation as Anthropic's Messages API takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    CachePoint,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llama_index.core.base.llms.types import ChatMessage


def messages_input(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Messages, without the system's, as the service's; runs of one role are one.

    Source: docs.anthropic.com/en/api/messages
    """
    made: list[dict[str, Any]] = []
    for message in messages:
        if message.role is MessageRole.SYSTEM:
            continue
        role, content = "user", _blocks(message.blocks)
        if message.role is MessageRole.ASSISTANT:
            role = "assistant"
        elif message.role is MessageRole.TOOL:
            given = message.additional_kwargs
            failed = {"is_error": True} if given.get("status") == "error" else {}
            content = [{"type": "tool_result", "tool_use_id": given["tool_call_id"], "content": content, **failed}]
        if made and made[-1]["role"] == role:
            made[-1]["content"] += content
        else:
            made.append({"role": role, "content": content})
    return made


def _blocks(blocks: Iterable[Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            if made:
                made[-1]["cache_control"] = block.cache_control.model_dump()
        elif (one := _block(block)) is not None:
            made.append(one)
    return made


def _block(block: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - one line for each kind
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text}
        case ImageBlock():
            return {"type": "image", "source": _source(block.image, block.image_mimetype)}
        case DocumentBlock():
            source = _source(block.data, block.document_mimetype)
            return {"type": "document", "source": source, **({"title": block.title} if block.title else {})}
        case ToolCallBlock():
            return {
                "type": "tool_use",
                "id": block.tool_call_id,
                "name": block.tool_name,
                "input": block.tool_kwargs,
            }
        case ThinkingBlock() if block.additional_information.get("redacted"):
            return {"type": "redacted_thinking", "data": block.additional_information["redacted"]}
        case ThinkingBlock() if block.additional_information.get("signature"):
            signature = block.additional_information["signature"]
            return {"type": "thinking", "thinking": block.content or "", "signature": signature}
        case CitableBlock():
            content = [{"type": "text", "text": part.text} for part in block.content if isinstance(part, TextBlock)]
            return {
                "type": "search_result",
                "source": block.source,
                "title": block.title,
                "content": content,
                "citations": {"enabled": True},
            }
        case _:
            return None


def _source(data: Any, mime: str | None) -> dict[str, Any]:
    return {"type": "base64", "media_type": mime, "data": data.decode("ascii")}
