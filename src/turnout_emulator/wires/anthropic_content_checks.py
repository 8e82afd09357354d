"""What Anthropic Messages refuses in the messages of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from turnout_emulator.memory import Signatures
from turnout_emulator.prompt import decode
from turnout_emulator.refusals import RequestRefused, invalid, invalid_if, refuse, refuse_if

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_USER_BLOCKS = ("document", "image", "search_result", "text", "tool_result")
_RESULT_BLOCKS = ("document", "image", "search_result", "text")
_ASSISTANT_BLOCKS = ("redacted_thinking", "text", "thinking", "tool_use")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_LARGEST_IMAGE = 5 * 1024 * 1024  # bytes
_REQUIRED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "search_result": ("source", "title", "content"),
}
_TYPES = {str: "string", list: "list", dict: "dictionary", int: "integer"}

Message = Mapping[str, Any]


def blocks_of(message: Message) -> list[Mapping[str, Any]]:
    """The content of a message as blocks."""
    content = message.get("content")
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def require(value: object, where: str) -> None:
    """Check that a member is there."""
    invalid_if(value is None, f"{where}: Field required")


def expect(kind: type, value: object, where: str) -> None:
    """Check the JSON type of a member that may be left out."""
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise invalid(f"{where}: Input should be a valid {_TYPES[kind]}")


def wrong_tag(where: str, tag: object, allowed: Sequence[str]) -> RequestRefused:
    """An object of a type that isn't known."""
    return refuse("messages.wrong_tag", where=where, tag=tag, allowed=", ".join(map(repr, allowed)))


def check_messages(messages: object, signatures: Signatures, *, prefill: bool) -> None:
    """Check the messages; `prefill` lets the last be the beginning of the answer."""
    expect(list, messages, "messages")
    assert isinstance(messages, list)
    invalid_if(not messages, "messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_role(message, number)
        _check_content(message, number, signatures, final=number == len(messages) - 1)
        last_kind = blocks_of(message)[-1]["type"] if message["content"] else None
        refuse_if(last_kind in ("thinking", "redacted_thinking"), "messages.last_thinking", number=number)
    refuse_if(messages[0]["role"] != "user", "messages.first_role")
    _check_results(messages)
    last = messages[-1]
    if last["role"] == "assistant":
        refuse_if(not prefill, "messages.prefill")
        blocks = blocks_of(last)
        if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
            raise invalid("messages: final assistant content cannot end with trailing whitespace")


def _check_role(message: object, number: int) -> None:
    if not isinstance(message, dict):
        raise invalid(f"messages.{number}: Input should be an object")
    role = message.get("role")
    refuse_if(role == "system", "messages.system_role")
    refuse_if(role not in ("user", "assistant"), "messages.wrong_role", role=role)
    for name in message:
        invalid_if(name not in ("role", "content"), f"messages.{number}.{name}: Extra inputs are not permitted")


def _check_content(message: Message, number: int, signatures: Signatures, *, final: bool) -> None:
    content, where = message.get("content"), f"messages.{number}.content"
    require(content, where)
    if not isinstance(content, str):
        expect(list, content, where)
    refuse_if(not content and not (final and message["role"] == "assistant"), "messages.empty", number=number)
    if isinstance(content, str):
        _check_text(content)
    else:
        allowed = _ASSISTANT_BLOCKS if message["role"] == "assistant" else _USER_BLOCKS
        _check_blocks(content, where, allowed, signatures)


def _check_text(text: str) -> None:
    invalid_if(not text, "messages: text content blocks must be non-empty")
    invalid_if(not text.strip(), "messages: text content blocks must contain non-whitespace text")


def _check_blocks(blocks: Any, where: str, allowed: Sequence[str], signatures: Signatures) -> None:
    for index, block in enumerate(blocks):
        _check_block(block, f"{where}.{index}", allowed, signatures)


def _check_block(block: object, where: str, allowed: Sequence[str], signatures: Signatures) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or kind not in tuple(_REQUIRED):
        raise wrong_tag(where, kind, sorted(_REQUIRED))
    if kind not in allowed:
        whose = "user" if kind in _USER_BLOCKS else "assistant"
        raise invalid(f"{where}: `{kind}` blocks can only be in `{whose}` messages")
    for name in _REQUIRED[str(kind)]:
        require(block.get(name), f"{where}.{kind}.{name}")
    _check_members(block, str(kind), where, signatures)


def _check_members(block: Message, kind: str, where: str, signatures: Signatures) -> None:
    inner = f"{where}.{kind}"
    match kind:
        case "text":
            expect(str, block["text"], f"{inner}.text")
            _check_text(block["text"])
        case "image" | "document":
            _check_source(block["source"], f"{inner}.source", kind, signatures)
        case "tool_use":
            _check_id(block["id"], f"{inner}.id")
            expect(str, block["name"], f"{inner}.name")
            expect(dict, block["input"], f"{inner}.input")
        case "tool_result":
            _check_id(block["tool_use_id"], f"{inner}.tool_use_id")
            _check_inner(block.get("content"), f"{inner}.content", signatures)
            if block.get("is_error") and not block.get("content"):
                raise invalid(f"{inner}: content cannot be empty if `is_error` is true")
        case "search_result":
            _check_inner(block["content"], f"{inner}.content", signatures)
        case "thinking" | "redacted_thinking":
            name = "signature" if kind == "thinking" else "data"
            if not signatures.genuine("anthropic", str(block[name])):
                raise invalid(f"{where}: Invalid `{name}` in `{kind}` block")


def _check_inner(content: object, where: str, signatures: Signatures) -> None:
    if not isinstance(content, str | None):
        expect(list, content, where)
        _check_blocks(content, where, _RESULT_BLOCKS, signatures)


def _check_id(value: object, where: str) -> None:
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise invalid(f"{where}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _check_source(source: Any, where: str, kind: str, signatures: Signatures) -> None:
    match source:
        case {"type": "base64", "data": str(data)}:
            allowed = _IMAGES if kind == "image" else ("application/pdf",)
            if source.get("media_type") not in allowed:
                listed = " or ".join(filter(None, [", ".join(map(repr, allowed[:-1])), repr(allowed[-1])]))
                raise invalid(f"{where}.base64.media_type: Input should be {listed}")
            if not decode(data):
                raise invalid(f"{where}.base64.data: Invalid base64 data" if data else f"{kind} cannot be empty")
            if kind == "image" and len(data) > _LARGEST_IMAGE:
                raise refuse("messages.large_image", where=where, size=len(data), most=_LARGEST_IMAGE)
        case {"type": "url", "url": str(url)}:
            invalid_if(not url.startswith(("https://", "http://")), f"{where}.url.url: Only HTTPS URLs are supported.")
        case {"type": "content"} if kind == "document":
            require(source.get("content"), f"{where}.content.content")
            _check_inner(source["content"], f"{where}.content.content", signatures)
        case {"type": "file", "file_id": str()}:
            return
        case {"type": "text", "data": str()} if kind == "document":
            return
        case _:
            tag = source.get("type") if isinstance(source, dict) else None
            raise wrong_tag(where, tag, ("base64", "file", "url"))


def _check_results(messages: Sequence[Message]) -> None:
    """Every call is answered in the next message, and every result answers a call of the last."""
    called: list[str] = []
    seen: set[str] = set()
    # Runs of one role are one message to the service.
    runs = groupby(messages, key=lambda message: message["role"])
    for number, (_, run) in enumerate(runs):
        blocks = [block for message in run for block in blocks_of(message)]
        for index, block in enumerate(blocks):
            if block["type"] == "tool_result" and block["tool_use_id"] not in called:
                raise refuse("messages.unexpected_result", number=number, index=index, id=block["tool_use_id"])
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        _check_answered(called, answered, number - 1)
        twice = next((one for one in answered if answered.count(one) > 1), None)
        refuse_if(twice is not None, "messages.two_results", number=number, id=twice)
        called = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(called)) < len(called) or seen.intersection(called):
            raise invalid("messages: `tool_use` ids must be unique")
        seen.update(called)
    _check_answered(called, [], len(messages) - 1)


def _check_answered(called: Sequence[str], answered: Sequence[str], number: int) -> None:
    missing = [one for one in called if one not in answered]
    refuse_if(missing, "messages.unanswered", number=number, ids=", ".join(missing))
