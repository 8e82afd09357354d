"""Writing turns as messages that the wire's own LangChain class makes a valid request of."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, TypeGuard

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from turnout.conversation.turns import Attachment, CachePoint, CallMark, Own, Reasoning, Text
from turnout.errors import UnsupportedError
from turnout.langchain.history.caching import mark_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import BaseMessage

    from turnout.conversation.turns import Call, Part, Turn
    from turnout.langchain.history.files import Files
    from turnout.routing import Route

_OPENAI = frozenset({"openai-chat", "openai-responses"})
_KEPT_OF_TEXT = {
    "openai-chat": ("prompt_cache_breakpoint",),
    "openai-responses": ("prompt_cache_breakpoint",),
    "anthropic-messages": (),
    "bedrock-converse": (),
}
_PROVIDERS = {"openai-responses": "openai", "bedrock-converse": "bedrock_converse", "anthropic-messages": "anthropic"}
_NOT_IN_A_NAME = re.compile(r"[\s<|\\/>]+")  # OpenAI's rule for `name`, which may have 64 characters
_LONGEST_NAME = 64
_STREAMED = ("index",)


class Writer:
    """Writes the turns of one conversation for one route.

    Args:
        route: Where they go.
        files: Writes their attachments.
    """

    def __init__(self, route: Route, files: Files) -> None:
        self._route = route
        self._wire = route.wire
        self._files = files

    def message(self, turn: Turn) -> BaseMessage | None:
        """A turn as a message; None if the wire takes nothing of what is in it.

        Raises:
            UnsupportedError: The model or the wire can't take a part of it.
            InvalidRequestError: The data of an attachment can't be read.
        """
        if turn.role == "assistant":
            return self._assistant(turn)
        if turn.role == "tool":
            return self._tool(turn)
        if turn.role == "system":
            return self._system(turn)
        blocks = self._blocks(turn)
        if not blocks:
            return None
        if self._wire == "bedrock-converse":
            blocks = _with_words(blocks)
        return HumanMessage(content=_plain(blocks) or blocks, name=self._name(turn))

    def _blocks(self, turn: Turn) -> list[Any]:
        blocks: list[Any] = []
        for part in turn.parts:
            if isinstance(part, CachePoint):
                mark_blocks(blocks, part, "system" if turn.role == "system" else "messages", self._route)
            elif (block := self._block(part, turn)) is not None:
                blocks.append(block)
        return blocks

    def _block(self, part: Any, turn: Turn) -> dict[str, Any] | None:
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Attachment):
            return self._files.block(part, part.where or turn.where)
        if isinstance(part, Own) and part.wires is not None:
            if self._wire in part.wires:
                return _without(part.block, "cache_control")
            return self._text(part.instead) if part.instead is not None else None
        return None

    def _text(self, part: Text) -> dict[str, Any]:
        kept = {name: part.block[name] for name in _KEPT_OF_TEXT[self._wire] if part.block.get(name) is not None}
        return {"type": "text", "text": part.text, **kept}

    def _name(self, turn: Turn) -> str | None:
        if turn.name is None or self._wire not in _OPENAI:
            return None
        return _NOT_IN_A_NAME.sub("_", turn.name).strip("_")[:_LONGEST_NAME] or None

    def _system(self, turn: Turn) -> SystemMessage | None:
        if any(isinstance(part, Attachment) for part in turn.parts):
            msg = f"{turn.where} is a system message and holds a file; services take files from the user only"
            raise UnsupportedError(msg)
        blocks = self._blocks(turn)
        if not blocks:
            return None
        plain = all(block.keys() == {"type", "text"} for block in blocks)
        content: Any = "\n\n".join(block["text"] for block in blocks) if plain else blocks
        role = {"__openai_role__": "developer"} if turn.developer and self._wire in _OPENAI else {}
        return SystemMessage(content=content, name=self._name(turn), additional_kwargs=role)

    def _tool(self, turn: Turn) -> ToolMessage:
        blocks = self._blocks(turn)
        if turn.failed and self._wire in _OPENAI:
            blocks = _said_to_have_failed(blocks)
        plain = all(block.keys() == {"type", "text"} for block in blocks)
        content: Any = "\n".join(block["text"] for block in blocks) if plain else blocks
        return ToolMessage(
            content=content, tool_call_id=turn.call_id or "", status="error" if turn.failed else "success"
        )

    def _assistant(self, turn: Turn) -> AIMessage | None:
        calls = [tool_call(name=call.name, args=call.arguments, id=call.call_id) for call in turn.calls]
        if turn.native and any(isinstance(part, Reasoning) or _is_served(part) for part in turn.parts):
            content = self._own_blocks(turn)
            if content or calls:
                metadata = {"model_provider": _PROVIDERS[self._wire]}
                return AIMessage(content=content, tool_calls=calls, response_metadata=metadata)
            return None
        blocks = self._said(turn)
        if not blocks and not calls:
            return None
        said: Any = blocks
        if all(block.keys() == {"type", "text"} for block in blocks):
            said = "".join(block["text"] for block in blocks)
        return AIMessage(content=said, tool_calls=calls, name=self._name(turn))

    def _said(self, turn: Turn) -> list[Any]:
        """What an assistant said, in words; no service takes files in its turn."""
        blocks: list[Any] = []
        for part in turn.parts:
            if isinstance(part, CachePoint):
                mark_blocks(blocks, part, "messages", self._route)
                continue
            text = part.instead if isinstance(part, Own) else part
            if isinstance(text, Attachment):
                text = Text(f"[{text.kind}]")
            if isinstance(text, Text):
                blocks.append({"type": "text", "text": text.text})
        return blocks

    def _own_blocks(self, turn: Turn) -> list[Any]:
        """The content of an answer that this service gave, as it reads it again."""
        calls: defaultdict[str | None, deque[Call]] = defaultdict(deque)
        for call in turn.calls:
            calls[call.given].append(call)
        content: list[Any] = []
        for part in turn.parts:
            if isinstance(part, CallMark):
                if calls[part.call_id]:
                    content.append(self._own_call(part.block, calls[part.call_id].popleft()))
            elif isinstance(part, Reasoning):
                content += self._own_reasoning(part.block)
            elif isinstance(part, CachePoint):
                mark_blocks(content, part, "messages", self._route)
            elif _is_served(part) or (isinstance(part, Text) and part.block and self._wire == "openai-responses"):
                content.append(_without(part.block, *_STREAMED))
            elif isinstance(part, Attachment):
                content.append({"type": "text", "text": f"[{part.kind}]"})
            else:
                block = self._block(part, turn)
                content += [block] if block is not None else []
        return content

    def _own_call(self, block: Mapping[str, Any], call: Call) -> dict[str, Any]:
        if self._wire != "openai-responses":
            return {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments}
        extras = _extras(block)
        item = block.get("id") if block.get("call_id") or "name" not in block else extras.get("item_id")
        written = json.dumps(call.arguments, ensure_ascii=False)
        arguments = block.get("arguments") or extras.get("arguments")
        made = {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": arguments if isinstance(arguments, str) and call.readable else written,
        }
        return made | ({"id": item} if item else {})

    def _own_reasoning(self, block: Mapping[str, Any]) -> list[dict[str, Any]]:
        extras = _extras(block)
        if self._wire == "openai-responses":
            return [_without(block, *_STREAMED)]
        if self._wire == "anthropic-messages":
            if block["type"] == "reasoning":
                signed = {"signature": extras["signature"]} if extras.get("signature") else {}
                return [{"type": "thinking", "thinking": block.get("reasoning", ""), **signed}]
            return [_without(block, *_STREAMED)] if block["type"] in {"thinking", "redacted_thinking"} else []
        inner = block.get("reasoning_content") if block["type"] == "reasoning_content" else None
        if not isinstance(inner, dict):
            inner = {"text": block.get("reasoning") or block.get("thinking") or "", **extras}
            inner |= {"signature": block["signature"]} if block.get("signature") else {}
        sealed = inner.get("redacted_content") or inner.get("redactedContent")
        if sealed:
            data = _sealed_bytes(sealed)
            return [{"type": "reasoning_content", "reasoning_content": {"redacted_content": data}}] if data else []
        kept = {name: inner[name] for name in ("text", "signature") if inner.get(name)}
        return [{"type": "reasoning_content", "reasoning_content": kept}] if kept else []


def _extras(block: Mapping[str, Any]) -> dict[str, Any]:
    extras = block.get("extras")
    return extras if isinstance(extras, dict) else {}


def _plain(blocks: list[Any]) -> str | None:
    """The text, if one block of nothing but text is all there is."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return None


def _is_served(part: Part) -> TypeGuard[Own]:
    """Whether this is what a service did on its own (a search, say)."""
    return isinstance(part, Own) and part.wires is None


def _without(block: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in names}


def _with_words(blocks: list[Any]) -> list[Any]:
    """Converse wants words beside a document.

    Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
    """
    names = [block["document"]["name"] for block in blocks if "document" in block]
    if not names or any("text" in block for block in blocks):
        return blocks
    return [{"type": "text", "text": f"Attached: {', '.join(names)}"}, *blocks]


def _said_to_have_failed(blocks: list[Any]) -> list[Any]:
    text = next((block for block in blocks if block.get("type") == "text"), None)
    if text is None:
        return [{"type": "text", "text": "Error: the tool failed."}, *blocks]
    if text["text"].lstrip().lower().startswith("error"):
        return blocks
    return [{**block, "text": f"Error: {block['text']}"} if block is text else block for block in blocks]


def _sealed_bytes(sealed: Any) -> bytes | None:
    """Redacted reasoning as bytes; where it was stored as JSON it is base64."""
    if isinstance(sealed, bytes):
        return sealed
    try:
        return base64.b64decode(str(sealed), validate=True)
    except (binascii.Error, ValueError):
        return None
