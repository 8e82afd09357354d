"""Conversations in one shape: plain roles, tool calls as blocks, no residue of the integration that answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROLES = {
    MessageRole.DEVELOPER: MessageRole.SYSTEM,
    MessageRole.CHATBOT: MessageRole.ASSISTANT,
    MessageRole.MODEL: MessageRole.ASSISTANT,
    MessageRole.FUNCTION: MessageRole.TOOL,
}


def portable(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Copies of messages in the one shape, which may be changed."""
    return [_portable(message) for message in messages]


def _portable(message: ChatMessage) -> ChatMessage:
    role = _ROLES.get(message.role, message.role)
    blocks = [_own(block) for block in message.blocks]
    kept: dict[str, Any] = {}
    if role is MessageRole.TOOL:
        kept["tool_call_id"] = _answered_call(message)
        if isinstance(message.additional_kwargs.get("name"), str):
            kept["name"] = message.additional_kwargs["name"]
        if isinstance(message.additional_kwargs.get("status"), str):
            kept["status"] = message.additional_kwargs["status"]
    elif role is MessageRole.ASSISTANT:
        if not any(isinstance(block, ToolCallBlock) for block in blocks):
            blocks += tool_calls_of(message)
        if "reference_audio_id" in message.additional_kwargs:
            kept["reference_audio_id"] = message.additional_kwargs["reference_audio_id"]
    return ChatMessage(role=role, blocks=blocks, additional_kwargs=kept)


def _own(block: Any) -> Any:
    if isinstance(block, ToolCallBlock):
        return block.model_copy(update={"tool_kwargs": arguments_of(block.tool_kwargs)})
    return block.model_copy()


def _answered_call(message: ChatMessage) -> str | None:
    given = message.additional_kwargs
    call_id = given.get("tool_call_id") or given.get("call_id")
    return call_id if isinstance(call_id, str) else None


def tool_calls_of(message: ChatMessage) -> list[ToolCallBlock]:
    """The tool calls of a message: its blocks, or what older integrations left in `additional_kwargs`."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    return blocks or [_from_residue(call) for call in message.additional_kwargs.get("tool_calls") or []]


def _from_residue(call: Any) -> ToolCallBlock:
    """A tool call that was kept as OpenAI's object or dict, as Converse's dict, or as a `ToolSelection`."""
    data = call if isinstance(call, dict) else call.model_dump()
    function = data.get("function") or {}
    arguments = function.get("arguments") or data.get("input") or data.get("tool_kwargs") or {}
    return ToolCallBlock(
        tool_call_id=data.get("id") or data.get("toolUseId") or data.get("tool_id"),
        tool_name=function.get("name") or data.get("name") or data.get("tool_name") or "",
        tool_kwargs=arguments_of(arguments),
    )


def arguments_of(arguments: Any) -> dict[str, Any]:
    """A tool call's arguments as a dict, whether they came as one, as JSON or as the beginning of JSON."""
    if isinstance(arguments, str):
        try:
            arguments = from_json(arguments or "{}", allow_partial="trailing-strings")
        except ValueError:
            return {}
    return arguments if isinstance(arguments, dict) else {}


def has_tool_traffic(messages: Iterable[ChatMessage]) -> bool:
    """Whether a conversation holds tool calls or results."""
    return any(
        message.role is MessageRole.TOOL or any(isinstance(block, ToolCallBlock) for block in message.blocks)
        for message in messages
    )


def told(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """A conversation with its tool calls and results told in words, for a wire that has no tools in this call."""
    names: dict[str | None, str] = {}
    result = []
    for message in messages:
        blocks: list[Any] = []
        for block in message.blocks:
            if isinstance(block, ToolCallBlock):
                names[block.tool_call_id] = block.tool_name
                arguments = json.dumps(block.tool_kwargs, ensure_ascii=False)
                blocks.append(TextBlock(text=f"[I called {block.tool_name} with {arguments}]"))
            else:
                blocks.append(block)
        if message.role is MessageRole.TOOL:
            given = message.additional_kwargs
            name = names.get(given["tool_call_id"], "the tool")
            how = "failed" if given.get("status") == "error" else "gave"
            files = [block for block in blocks if not isinstance(block, TextBlock)]
            blocks = [TextBlock(text=f"[{name} {how}: {message.content or 'nothing'}]"), *files]
            result.append(ChatMessage(role=MessageRole.USER, blocks=blocks))
        else:
            result.append(ChatMessage(role=message.role, blocks=blocks))
    return result
