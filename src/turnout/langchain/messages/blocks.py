"""Reading content blocks, whichever service or version of LangChain wrote them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from turnout.conversation.answers import tool_arguments
from turnout.conversation.caching import mark_in
from turnout.conversation.turns import CachePoint, Call, Reasoning, Text, WireBlock
from turnout.errors import InvalidRequestError, TurnoutError, UnsupportedError
from turnout.langchain.messages.attachments import read_attachment
from turnout.langchain.messages.inputs import unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.turns import Part, Role

_TEXTS = frozenset({"text", "input_text", "output_text"})
_REASONING = frozenset({"reasoning", "reasoning_content", "thinking", "redacted_thinking"})
_CALLS = frozenset(
    {"tool_use", "tool_call", "function_call", "custom_tool_call", "tool_call_chunk", "invalid_tool_call", "toolUse"}
)
"""Types of blocks that say again what `AIMessage.tool_calls` says."""

_DELTAS = frozenset({"input_json_delta"})
_OF_SOME = frozenset({"json", "guard_content", "search_result"})
_CONVERSE = frozenset({"bedrock-converse"})
_CLAUDES = frozenset({"bedrock-converse", "anthropic-messages"})
_RESPONSES = frozenset({"openai-responses"})


def read_content(content: Any, role: Role, where: str) -> list[Part]:
    """The parts of a message's content; blank text is left out."""
    if isinstance(content, str):
        return [Text(content)] if content.strip() else []
    if not isinstance(content, list):
        msg = f"{where}: its content is a {type(content).__name__}; it must be a string or a list of blocks"
        raise InvalidRequestError(msg)
    parts: list[Part] = []
    for number, given in enumerate(content):
        here, block = f"{where}, block {number}", unwrapped(given)
        if isinstance(block, str):
            found: list[Part] = [Text(block)]
        elif isinstance(block, dict):
            found = _formed(block, role, here)
            mark = mark_in(block)
            found += [mark] if mark is not None else []
        else:
            raise InvalidRequestError(f"{here} is a {type(block).__name__}; a block is a string or a dict")
        parts += [part for part in found if not (isinstance(part, Text) and not part.text.strip())]
    return [] if all(isinstance(part, CachePoint) for part in parts) else parts


def _formed(block: dict[str, Any], role: Role, where: str) -> list[Part]:
    try:
        return _read(block, role, where)
    except TurnoutError:
        raise
    except (TypeError, AttributeError, KeyError, ValueError) as error:  # a member isn't what the kind has there
        msg = f"{where} isn't formed as a block of type {block.get('type')!r} is: {error}"
        raise InvalidRequestError(msg) from error


def _read(block: dict[str, Any], role: Role, where: str) -> list[Part]:  # noqa: PLR0911 - one line for each kind
    kind = block.get("type")
    if kind is None:
        return _untyped(block, role, where)
    if kind in _TEXTS and "source_type" not in block:
        return [Text(_words(block.get("text"), where), _extra(block))]
    if kind == "text":  # LangChain's first form of a document given as text
        return [Text(_words(block.get("text") or block.get("url"), where))]
    if kind == "refusal":
        return [Text(_words(block.get("refusal"), where), _extra(block))]
    if kind in _OF_SOME:
        return [_of_some(block, kind, where)]
    if role == "assistant" and kind in _DELTAS:
        return []
    if role == "assistant" and kind in _REASONING:
        return [_reasoning(block)]
    if role == "assistant" and kind in _CALLS:
        return [_call(block)]
    try:
        attachment = read_attachment(block, where)
    except InvalidRequestError:
        if role != "assistant":
            raise
        attachment = None  # a sound that was only named by its id, say
    return [_unknown(block, role, where) if attachment is None else attachment]


def _extra(block: Mapping[str, Any]) -> dict[str, Any]:
    extra = {name: value for name, value in block.items() if name not in {"index", "text", "cache_control"}}
    return {} if extra == {"type": "text"} else extra


def _call(block: Mapping[str, Any]) -> Call:
    """A call as a block has it; what the message itself says of the call goes before that."""
    extras = block["extras"] if isinstance(block.get("extras"), dict) else {}
    arguments = next((block[name] for name in ("input", "args", "arguments") if block.get(name)), None)
    written = block.get("arguments") or extras.get("arguments")
    call = Call(block.get("call_id") or block.get("id"), str(block.get("name") or ""), tool_arguments(arguments)[0])
    call.item_id = block.get("id") if block.get("call_id") or "name" not in block else extras.get("item_id")
    call.written = written if isinstance(written, str) else None
    return call


def _reasoning(block: Mapping[str, Any]) -> Reasoning:
    """Reasoning, in the form of whichever service or version."""
    extras = block["extras"] if isinstance(block.get("extras"), dict) else {}
    inner = block.get("reasoning_content")
    if not isinstance(inner, dict):
        inner = {"text": block.get("reasoning") or block.get("thinking"), **extras, **block}
    redacted = inner.get("redacted_content") or inner.get("redactedContent")
    if block["type"] == "redacted_thinking":
        redacted = block.get("data")
    if isinstance(redacted, bytes):  # where it was stored as JSON it is base64 already
        redacted = base64.b64encode(redacted).decode()
    item = {key: value for key, value in block.items() if key != "index"} if block["type"] == "reasoning" else None
    return Reasoning(inner.get("text") or "", inner.get("signature") or None, redacted or None, item)


def _of_some(block: dict[str, Any], kind: str, where: str) -> WireBlock:
    """A block that only some wires have, and the words that say it on the others."""
    if kind == "json" and "json" not in block:
        raise InvalidRequestError(f"{where} is of type 'json', and has no member json")
    if kind == "json":
        return WireBlock(block, _CONVERSE, Text(json.dumps(block.get("json"), ensure_ascii=False, default=str)))
    if kind == "guard_content":
        words = _guarded(block, where)
        return WireBlock({"type": "guard_content", "text": words}, _CONVERSE, Text(words))
    return WireBlock(block, _CLAUDES, Text(_search_result(block, where)))


def _unknown(block: dict[str, Any], role: Role, where: str) -> WireBlock:
    if role == "assistant":  # what a service did on its own: only that service reads it again
        return WireBlock(block)
    kind = str(block["type"])
    if role == "tool" and kind.endswith("_call_output"):
        return WireBlock(block, _RESPONSES)
    msg = f"{where} is of type {kind!r}, which no backend takes from {'a tool' if role == 'tool' else f'the {role}'}"
    raise UnsupportedError(msg)


def _untyped(block: dict[str, Any], role: Role, where: str) -> list[Part]:  # noqa: PLR0911 - one line for each kind
    """Converse's own blocks, which have a member instead of a type."""
    if isinstance(block.get("text"), str):
        return [Text(block["text"])]
    attachment = read_attachment(block, where)
    if attachment is not None:
        return [attachment]
    if "json" in block:
        return _read({"type": "json", "json": block["json"]}, role, where)
    if "cachePoint" in block or "cache_point" in block:
        return []  # a mark, which is read from every block
    if isinstance(block.get("guardContent"), dict):
        return [WireBlock(block, _CONVERSE, Text(_guarded(block["guardContent"], where)))]
    if isinstance(block.get("toolUse"), dict):
        return [_call({"type": "toolUse", "id": block["toolUse"].get("toolUseId"), **block["toolUse"]})]
    if isinstance(block.get("reasoningContent"), dict):
        inner = block["reasoningContent"].get("reasoningText") or block["reasoningContent"]
        return [_reasoning({"type": "reasoning_content", "reasoning_content": inner})]
    if role == "assistant":  # what is left of a stream: a lone id or index
        return []
    raise InvalidRequestError(
        f"{where} has no type, and its members ({', '.join(map(str, block)) or 'none'}) are not those of a known block"
    )


def _guarded(block: Mapping[str, Any], where: str) -> str:
    inner = block.get("guard_content") or block
    text = inner.get("text") if isinstance(inner, dict) else inner
    words = _words(text.get("text") if isinstance(text, dict) else text, where)
    if not words.strip():
        raise InvalidRequestError(f"{where} is what a guardrail is to look at, and holds no text")
    return words


def _search_result(block: Mapping[str, Any], where: str) -> str:
    content = block.get("content")
    named = all(isinstance(block.get(name), str) for name in ("source", "title"))
    texts = isinstance(content, list) and all(isinstance(x, dict) and isinstance(x.get("text"), str) for x in content)
    if not named or not content or not texts:
        msg = f"{where} is a search result, which has a source, a title, and a content that is a list of text blocks"
        raise InvalidRequestError(msg)
    head = " ".join(block[name] for name in ("title", "source") if block[name])
    return "\n".join([head, *(item["text"] for item in content)]).strip()


def _words(text: Any, where: str) -> str:
    if text is None:
        return ""
    if isinstance(text, str):
        return text
    raise InvalidRequestError(f"{where} is text, and its text is a {type(text).__name__}")
