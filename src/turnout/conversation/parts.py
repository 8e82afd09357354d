"""The parts of a turn as its wire takes them: what it has no place for is dropped, or said in words."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from turnout.conversation.caching import add_point, cache_control
from turnout.conversation.turns import Attachment, CachePoint, Call, Part, Reasoning, Source, Text, Turn, WireBlock
from turnout.errors import UnsupportedError
from turnout.facts.models import facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.conversation.attachments import Attachments
    from turnout.routing import Route

_OPENAI = frozenset({"openai-chat", "openai-responses"})
_NOT_IN_A_NAME = re.compile(r"[\s<|\\/>]+")  # OpenAI's rule for `name`, which may have 64 characters


def fit_parts(turn: Turn, route: Route, attachments: Attachments) -> None:
    """Bring a turn's parts, and its name, into what the route's wire takes; changed in place.

    What the assistant said is sent as the service gave it, if it reads its own blocks again, else in words.
    """
    openai = route.wire in _OPENAI
    for part in turn.parts:
        if isinstance(part, Text):
            part.text = _encodable(part.text)
        elif isinstance(part, Call):
            part.arguments = _encodable(part.arguments)
    turn.developer = turn.developer and openai
    if turn.name is not None and turn.role != "tool":
        turn.name = (_NOT_IN_A_NAME.sub("_", turn.name).strip("_")[:64] or None) if openai else None
    if turn.role == "system" and any(isinstance(part, Attachment) for part in turn.parts):
        msg = f"{turn.where} is a system message and holds a file; services take files from the user only"
        raise UnsupportedError(msg)
    turn.native = _is_native(turn.source, route) and any(
        _is_accepted(part, route) if isinstance(part, Reasoning) else isinstance(part, WireBlock) and part.wires is None
        for part in turn.parts
    )
    parts = _fitted(turn, route, attachments)
    match turn.role:
        case "system":
            parts = _joined(parts, "\n\n")
        case "tool":
            parts = _joined(_result(parts, turn, route), "\n")
        case "user" if route.wire == "bedrock-converse":
            parts = _with_document_names(parts)
        case "assistant":
            if all(isinstance(part, Reasoning | CachePoint) for part in parts) and not turn.calls:
                parts, turn.native = [], False  # no service takes a turn of nothing but reasoning
            elif not turn.native:
                parts = [*_joined(parts, ""), *turn.calls]
    turn.parts = parts


def _encodable(value: Any) -> Any:
    """JSON without halves of surrogate pairs, which no service takes. PDF extraction makes them, and tools that cut.

    In a conversation that is kept, one such text would fail every call that follows.
    Source: github.com/anthropics/claude-code/issues/69927
    """
    match value:
        case str() if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_encodable(key): _encodable(inner) for key, inner in value.items()}
        case list():
            return [_encodable(inner) for inner in value]
    return value


def _fitted(turn: Turn, route: Route, attachments: Attachments) -> list[Part]:
    """The parts that the wire takes of a turn, without the calls of one that isn't native."""
    answer = turn.role == "assistant"
    fitted: list[Part] = []
    for part in turn.parts:
        match part:
            case CachePoint():
                add_point(fitted, part, "system" if turn.role == "system" else "messages", route)
            case Text(extra=extra):
                if answer:
                    kept = extra if turn.native and route.wire == "openai-responses" else {}
                else:
                    mark = extra.get("prompt_cache_breakpoint") if route.wire in _OPENAI else None
                    kept = {} if mark is None else {"prompt_cache_breakpoint": mark}
                fitted.append(Text(part.text, kept))
            case Attachment(kind=kind):  # no service takes files in an assistant's turn
                fitted.append(Text(f"[{kind}]") if answer else attachments.resolved(part, part.where or turn.where))
            case WireBlock(wires=wires, instead=instead):
                if (turn.native or not answer) and (turn.native if wires is None else route.wire in wires):
                    fitted.append(part)
                elif instead is not None:
                    fitted.append(instead)
            case Reasoning() if turn.native and _is_accepted(part, route):
                fitted.append(part)
            case Call() if turn.native:
                fitted.append(part)
    return fitted


def _result(parts: list[Part], turn: Turn, route: Route) -> list[Part]:
    """A tool's result, which says by itself that the tool failed where the wire has no flag for it."""
    if not parts and route.wire == "bedrock-converse":
        return [Text(".")]  # Converse wants content; langchain-aws fills empty messages with it
    if not turn.failed or route.wire not in _OPENAI:
        return parts
    for place, part in enumerate(parts):
        if isinstance(part, Text):
            if not part.text.lstrip().lower().startswith("error"):
                parts[place] = Text(f"Error: {part.text}", part.extra)
            return parts
    return [Text("Error: the tool failed."), *parts]


def _joined(parts: list[Part], between: str) -> list[Part]:
    """Parts that are nothing but texts as one text."""
    if len(parts) < 2 or not all(isinstance(part, Text) and not part.extra for part in parts):
        return parts
    return [Text(between.join(part.text for part in parts if isinstance(part, Text)))]


def _with_document_names(parts: list[Part]) -> list[Part]:
    """Converse wants words beside a document.

    Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
    """
    names = [part.name or "" for part in parts if isinstance(part, Attachment) and part.kind == "document"]
    if not names or any(isinstance(part, Text) for part in parts):
        return parts
    return [Text(f"Attached: {', '.join(names)}"), *parts]


def _is_native(source: Source | None, route: Route) -> bool:
    """Whether the service that is asked gave an answer, so that it can read its own reasoning again."""
    if source is None or source.wire != route.wire or route.wire == "openai-chat":
        return False
    known = route.facts
    if (known.known and not (known.reasoning and known.reasoning_back)) or source.backend not in {None, route.backend}:
        return False
    if source.deployment == route.deployment:
        return True
    theirs = facts(source.model or source.deployment or "")
    if theirs.known and route.facts.known:
        return theirs.family == route.facts.family
    return source.deployment is None


def _is_accepted(reasoning: Reasoning, route: Route) -> bool:
    """Whether the service takes a piece of its own reasoning back.

    Nothing is stored at the service, so Responses takes only what is encrypted, and Claude only what it signed.
    """
    if route.wire == "openai-responses":
        return reasoning.item is not None and bool(reasoning.item.get("encrypted_content"))
    if reasoning.redacted is not None:
        return route.wire == "anthropic-messages" or redacted_bytes(reasoning.redacted) is not None
    if route.wire == "anthropic-messages" or route.facts.family == "claude":
        return reasoning.signature is not None
    return bool(reasoning.text or reasoning.signature)


def redacted_bytes(redacted: str) -> bytes | None:
    """Redacted reasoning as Converse takes it; None if it isn't Converse's."""
    try:
        return base64.b64decode(redacted, validate=True)
    except (binascii.Error, ValueError):
        return None


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
