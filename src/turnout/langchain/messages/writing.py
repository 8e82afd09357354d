"""Writing turns as messages that the wire's own LangChain class makes a valid request of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from turnout.conversation.caching import cache_point
from turnout.conversation.parts import messages_blocks, redacted_bytes
from turnout.conversation.turns import Attachment, CachePoint, Call, Reasoning, Text, WireBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_core.messages import BaseMessage

    from turnout.conversation.turns import Part, Turn

_PROVIDERS = {"openai-responses": "openai", "bedrock-converse": "bedrock_converse", "anthropic-messages": "anthropic"}


def write(turns: Iterable[Turn], wire: str) -> list[BaseMessage]:
    """Turns that were prepared for a wire as messages for its class, which may change them."""
    return [_message(turn, wire) for turn in turns]


def _message(turn: Turn, wire: str) -> BaseMessage:
    if turn.role == "assistant":
        return _answer(turn, wire)
    content = _content(turn.parts, wire)
    if turn.role == "tool":
        status: Any = "error" if turn.failed else "success"
        return ToolMessage(content=content, tool_call_id=turn.call_id or "", status=status)
    if turn.role == "system":
        role = {"__openai_role__": "developer"} if turn.developer else {}
        return SystemMessage(content=content, name=turn.name, additional_kwargs=role)
    return HumanMessage(content=content, name=turn.name)


def _answer(turn: Turn, wire: str) -> AIMessage:
    calls = [tool_call(name=call.name, args=call.arguments, id=call.call_id) for call in turn.calls]
    if turn.native:
        metadata = {"model_provider": _PROVIDERS[wire]}
        return AIMessage(content=_blocks(turn.parts, wire), tool_calls=calls, response_metadata=metadata)
    content = _content((part for part in turn.parts if not isinstance(part, Call)), wire)
    return AIMessage(content=content, tool_calls=calls, name=turn.name)


def _content(parts: Iterable[Part], wire: str) -> Any:
    """Blocks, or a string if there is nothing but one text."""
    blocks = _blocks(parts, wire)
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0].keys() == {"type", "text"} else blocks


def _blocks(parts: Iterable[Part], wire: str) -> list[Any]:
    if wire == "anthropic-messages":
        return messages_blocks(parts)
    blocks: list[Any] = []
    for part in parts:
        match part:
            case Text(text=text, extra=extra):
                blocks.append({"type": "text", "text": text, **extra})
            case CachePoint():
                blocks.append(cache_point(part))
            case Attachment():
                blocks.append(_converse_file(part) if wire == "bedrock-converse" else _openai_file(part, wire))
            case Reasoning():
                blocks.append(_reasoning(part, wire))
            case Call():
                blocks.append(_call(part, wire))
            case WireBlock(block=block):
                blocks.append({key: value for key, value in block.items() if key not in {"index", "cache_control"}})
    return blocks


def _call(call: Call, wire: str) -> dict[str, Any]:
    """A call among the blocks of an answer that this service gave."""
    if wire != "openai-responses":
        return {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments}
    arguments = call.written or json.dumps(call.arguments, ensure_ascii=False)
    made = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": arguments}
    return made | ({"id": call.item_id} if call.item_id else {})


def _reasoning(part: Reasoning, wire: str) -> Mapping[str, Any]:
    if wire == "openai-responses":
        assert part.item is not None
        return part.item
    inner: dict[str, Any] = {"text": part.text} if part.text else {}
    if part.signature:
        inner["signature"] = part.signature
    if part.redacted is not None:
        inner = {"redacted_content": redacted_bytes(part.redacted)}
    return {"type": "reasoning_content", "reasoning_content": inner}


# --- attachments


def _converse_file(part: Attachment) -> dict[str, Any]:
    source: dict[str, Any] = {"bytes": part.data} if part.url is None else {"s3Location": {"uri": part.url}}
    inner: dict[str, Any] = {"format": part.format, "source": source}
    if part.kind == "document":
        inner["name"] = part.name
        if isinstance(part.options.get("citations"), dict):
            inner["citations"] = part.options["citations"]
    return {part.kind: inner}


def _openai_file(part: Attachment, wire: str) -> dict[str, Any]:
    url = part.address if part.url or part.data is not None else None
    if part.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": part.base64, "format": part.format}}
    if part.kind == "image" and url is None:
        return {"type": "input_image", "file_id": part.file_id}
    if part.kind == "image":
        detail = {"detail": part.options["detail"]} if "detail" in part.options else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if part.data is not None:
        return {"type": "file", "file": {"file_data": url, "filename": part.name}}
    if wire == "openai-responses":
        return {"type": "input_file", **({"file_url": url} if url is not None else {"file_id": part.file_id})}
    return {"type": "file", "file": {"file_id": part.file_id}}
