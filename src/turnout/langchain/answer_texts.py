"""An answer that came as a tool's call, because the model can't be held to a form otherwise → its text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CALL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"})
"""Content blocks that are a tool's call or a piece of one, of every wire."""


def call_as_text(message: BaseMessage, tool: str) -> bool:
    """Make text of the call that is the answer; changed in place.

    Other calls come before the answer: with one of them in the message, the answer's own was made too early, and goes.

    Args:
        message: A whole answer.
        tool: The tool whose call is the answer.

    Returns:
        Whether the message is now the answer.
    """
    if not isinstance(message, AIMessage):
        return False
    calls = [(call["name"], json.dumps(call["args"], ensure_ascii=False)) for call in message.tool_calls]
    broken = [(call["name"], call["args"] or "") for call in message.invalid_tool_calls]
    found = [text for name, text in (*calls, *broken) if name == tool]
    if not found:
        return False
    message.tool_calls = [call for call in message.tool_calls if call["name"] != tool]
    message.invalid_tool_calls = [call for call in message.invalid_tool_calls if call["name"] != tool]
    message.additional_kwargs.pop("tool_calls", None)
    early = bool(message.tool_calls or message.invalid_tool_calls)
    if isinstance(message.content, str):
        message.content = message.content if early else found[0]
        return not early
    kept = [block for block in message.content if not _calls(block, tool) and (early or not _says(block))]
    message.content = kept if early else [*kept, {"type": "text", "text": found[0]}]
    return not early


def _calls(block: Any, tool: str) -> bool:
    return isinstance(block, dict) and block.get("type") in CALL_BLOCKS and block.get("name") == tool


def _says(block: Any) -> bool:
    return isinstance(block, str) or block.get("type") == "text"


class CallStream:
    """The same for a streamed answer, chunk by chunk.

    Words before the answer's call are none of it. They are held back until it is clear what they belong to.

    Args:
        tool: The tool whose call is the answer.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._answering: Any = None  # index of the call that is the answer
        self._dropped: set[Any] = set()
        self._held = ""
        self._other = False

    @property
    def answered(self) -> bool:
        """Whether the answer is the text so far."""
        return self._answering is not None and not self._other

    def take(self, chunk: AIMessageChunk) -> None:
        """A chunk as it is read, changed in place."""
        said, blocks = _parted(chunk.content)
        answer, calls = "", []
        for call in chunk.tool_call_chunks:
            index = call.get("index")
            if call.get("name") == self._tool:
                if self._answering is None and not self._other:
                    self._answering = index
                else:  # a second answer, or one that was made too early
                    self._dropped.add(index)
            if index in self._dropped:
                continue
            if self._answering is not None and index == self._answering:
                answer += call.get("args") or ""
            else:
                calls.append(call)
        mine = {self._answering, *self._dropped} - {None}
        self._other = self._other or bool(calls)
        self._held += said
        if self._other and not self.answered:
            answer, self._held = self._held + answer, ""
        if len(calls) < len(chunk.tool_call_chunks):
            chunk.tool_call_chunks = calls
            chunk.tool_calls, chunk.invalid_tool_calls = [], []
            blocks = [block for block in blocks if not (_is_call(block) and block.get("index") in mine)]
        _say(chunk, blocks, answer, self._answering)

    def release(self, chunk: AIMessageChunk) -> None:
        """Give the last chunk what was held back of an answer that has no call at all; changed in place."""
        if self._answering is None and self._held:
            _say(chunk, _parted(chunk.content)[1], self._held, None)
            self._held = ""


def _parted(content: Any) -> tuple[str, list[Any]]:
    """A content's text, and its other blocks."""
    if isinstance(content, str):
        return content, []
    texts = [block if isinstance(block, str) else block.get("text", "") for block in content if _says(block)]
    return "".join(texts), [block for block in content if not _says(block)]


def _is_call(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in CALL_BLOCKS


def _say(chunk: AIMessageChunk, blocks: list[Any], text: str, index: Any) -> None:
    if isinstance(chunk.content, str):
        chunk.content = text
    else:
        chunk.content = [*blocks, {"type": "text", "text": text, "index": index or 0}] if text else blocks
