"""The parts of a turn as its wire takes them: what it has no place for is dropped, or said in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from turnout.conversation.caching import add_point
from turnout.conversation.reasoning import is_accepted, is_native
from turnout.conversation.turns import Attachment, CachePoint, Call, Reasoning, Text, WireBlock
from turnout.errors import UnsupportedError

if TYPE_CHECKING:
    from turnout.conversation.attachments import Attachments
    from turnout.conversation.turns import Part, Turn
    from turnout.routing import Route

_OPENAI = frozenset({"openai-chat", "openai-responses"})
_NOT_IN_A_NAME = re.compile(r"[\s<|\\/>]+")  # OpenAI's rule for `name`, which may have 64 characters
_LONGEST_NAME = 64
_NOTHING = "."
"""What an empty result says on Converse, which wants content; langchain-aws fills empty messages with it."""


def fit_parts(turn: Turn, route: Route, attachments: Attachments) -> None:
    """Bring a turn's parts, and its name, into what the route's wire takes; changed in place.

    Raises:
        UnsupportedError: The model or the wire can't take a part.
        InvalidRequestError: The data of an attachment can't be read.
    """
    openai = route.wire in _OPENAI
    turn.developer = turn.developer and openai
    if turn.name is not None and turn.role != "tool":
        turn.name = (_NOT_IN_A_NAME.sub("_", turn.name).strip("_")[:_LONGEST_NAME] or None) if openai else None
    if turn.role == "assistant":
        _fit_answer(turn, route)
        return
    parts = _taken(turn, route, attachments)
    match turn.role:
        case "system":
            turn.parts = _joined(parts, "\n\n")
        case "tool":
            turn.parts = _joined(_result(parts, turn, route), "\n")
        case _:
            turn.parts = _with_document_names(parts) if route.wire == "bedrock-converse" else parts


def _taken(turn: Turn, route: Route, attachments: Attachments) -> list[Part]:
    """The parts that the wire takes of a turn that isn't the assistant's."""
    if turn.role == "system" and any(isinstance(part, Attachment) for part in turn.parts):
        msg = f"{turn.where} is a system message and holds a file; services take files from the user only"
        raise UnsupportedError(msg)
    fitted: list[Part] = []
    for part in turn.parts:
        match part:
            case CachePoint():
                add_point(fitted, part, "system" if turn.role == "system" else "messages", route)
            case Attachment():
                fitted.append(attachments.resolved(part, part.where or turn.where))
            case Text():
                mark = part.extra.get("prompt_cache_breakpoint") if route.wire in _OPENAI else None
                fitted.append(Text(part.text, {} if mark is None else {"prompt_cache_breakpoint": mark}))
            case WireBlock(wires=wires, instead=instead):
                if wires is not None and route.wire in wires:
                    fitted.append(part)
                elif instead is not None:
                    fitted.append(instead)
    return fitted


def _result(parts: list[Part], turn: Turn, route: Route) -> list[Part]:
    """A tool's result, which says by itself that the tool failed where the wire has no flag for it."""
    if not parts and route.wire == "bedrock-converse":
        return [Text(_NOTHING)]
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


def _fit_answer(turn: Turn, route: Route) -> None:
    """What the assistant said: as the service gave it, if it reads its own blocks again, else in words."""
    native = is_native(turn.source, route)
    turn.native = native and any(
        (isinstance(part, Reasoning) and is_accepted(part, route))
        or (isinstance(part, WireBlock) and part.wires is None)
        for part in turn.parts
    )
    fitted: list[Part] = []
    for part in turn.parts:
        match part:
            case CachePoint():
                add_point(fitted, part, "messages", route)
            case Text():
                whole = turn.native and route.wire == "openai-responses"
                fitted.append(Text(part.text, part.extra if whole else {}))
            case Attachment(kind=kind):  # no service takes files in an assistant's turn
                fitted.append(Text(f"[{kind}]"))
            case Reasoning():
                if turn.native and is_accepted(part, route):
                    fitted.append(part)
            case WireBlock(instead=instead):
                if turn.native and (part.wires is None or route.wire in part.wires):
                    fitted.append(part)
                elif instead is not None:
                    fitted.append(instead)
            case Call():
                if turn.native:
                    fitted.append(part)
    if all(isinstance(part, Reasoning | CachePoint) for part in fitted) and not turn.calls:
        fitted, turn.native = [], False  # no service takes a turn of nothing but reasoning
    turn.parts = fitted if turn.native else [*_joined(fitted, ""), *turn.calls]


def _with_document_names(parts: list[Part]) -> list[Part]:
    """Converse wants words beside a document.

    Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
    """
    names = [part.name or "" for part in parts if isinstance(part, Attachment) and part.kind == "document"]
    if not names or any(isinstance(part, Text) for part in parts):
        return parts
    return [Text(f"Attached: {', '.join(names)}"), *parts]
