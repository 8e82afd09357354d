"""Putting turns in an order that a wire takes: calls and results paired, system messages and files in their place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from turnout.conversation.tool_ids import ToolIds, tool_name
from turnout.conversation.turns import Attachment, CachePoint, CallMark, Reasoning, Text, Turn
from turnout.errors import InvalidRequestError
from turnout.facts.models import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.conversation.turns import Part
    from turnout.routing import Route

_SYSTEM_APART = frozenset({"bedrock-converse", "anthropic-messages"})
"""Wires whose system prompt is one, and outside the conversation, which begins with the user."""

_TOOLS_NEEDED = frozenset({"bedrock-converse", "anthropic-messages"})
"""Wires that refuse tool calls and results in a request without tools."""

_FAMILIES = {
    "openai-responses": frozenset({"openai"}),
    "bedrock-converse": frozenset({"bedrock_converse", "bedrock"}),
    "anthropic-messages": frozenset({"anthropic"}),
    "openai-chat": frozenset[str](),
}
"""What LangChain's `model_provider` says in answers of a wire that has signed reasoning to give back."""

_BEGINNING = "."
"""What a user is made to say where a wire insists that the user begins; langchain-aws fills empty messages with it."""


def arranged(turns: Sequence[Turn], route: Route, *, has_tools: bool) -> list[Turn]:
    """Turns in the order and form that the route's wire takes.

    Args:
        turns: Turns of this call's own, which are changed.
        route: Where they go.
        has_tools: Whether the request offers tools.

    Raises:
        InvalidRequestError: Calls and results don't belong together, or nothing is left to answer.
    """
    if not turns:
        msg = "there is nothing to answer: the conversation has no message, or only empty ones"
        raise InvalidRequestError(msg)
    for turn in turns:
        if turn.role == "assistant":
            turn.native = _is_native(turn, route)
    placed = paired(turns)
    if not has_tools and route.wire in _TOOLS_NEEDED:
        placed = list(_told(placed))
    placed = _files_after_results(placed, route)
    return _system_first(placed) if route.wire in _SYSTEM_APART else placed


def _is_native(turn: Turn, route: Route) -> bool:
    """Whether the service that is asked gave this answer, so that it can read its own reasoning again."""
    said = turn.metadata
    if not said or not _FAMILIES[route.wire] or (route.facts.known and not route.facts.reasoning):
        return False
    backend, wire, family = said.get("backend"), said.get("wire"), said.get("model_provider")
    if backend is not None and backend != route.backend:
        return False
    if wire is not None and wire != route.wire:
        return False
    if (backend is None or wire is None) and family not in _FAMILIES[route.wire]:
        return False
    deployment = said.get("deployment")
    if deployment is not None and deployment == route.deployment:
        return True
    model = next((said[name] for name in ("model_name", "model", "deployment") if isinstance(said.get(name), str)), "")
    theirs = facts(model)
    return theirs.family == route.facts.family if theirs.known and route.facts.known else deployment is None


def paired(turns: Iterable[Turn]) -> list[Turn]:
    """Turns whose tool calls have ids that every wire takes, each followed by its results.

    A system message between a call and its results comes after them.

    Raises:
        InvalidRequestError: A result has no call, a call no result, or more than one.
    """
    turns = list(turns)
    ids, caller = ToolIds(), ""
    placed: list[Turn] = []
    waiting: list[Turn] = []
    for place, turn in enumerate(turns):
        if turn.role == "tool":
            known = dict(ids.pending)
            name = tool_name(turn.name) if turn.name else None
            turn.call_id = ids.result(turn.call_id, name, where=turn.where)
            turn.name = known[turn.call_id]
            placed.append(turn)
            if not ids.pending:
                placed += waiting
                waiting = []
            continue
        if ids.pending:
            if turn.role == "system":
                waiting.append(turn)
                continue
            ids.check_answered(turn.where, calls=caller)
        if turn.calls:
            _settle_unreadable(turn, turns[place + 1 :])
            for call in turn.calls:
                call.given, call.name = call.call_id, tool_name(call.name)
                call.call_id = ids.call(call.given, call.name)
            caller = turn.where
        placed.append(turn)
    ids.check_answered("", calls=caller)
    return placed


def _settle_unreadable(turn: Turn, after: Iterable[Turn]) -> None:
    """A call that couldn't be read was made if somebody answered it; else the conversation only says that it was."""
    if all(call.readable for call in turn.calls):
        return
    answered: set[str | None] = set()
    for later in after:
        if later.role in {"user", "assistant"}:
            break
        answered.add(later.call_id)
    for call in turn.calls:
        if not call.readable and call.call_id not in answered:
            remark = f"[Tried to call {tool_name(call.name)}, with arguments that can't be read]"
            turn.parts.append(_remark(turn.parts, remark))
    turn.calls = [call for call in turn.calls if call.readable or call.call_id in answered]


def _told(turns: Iterable[Turn]) -> Iterable[Turn]:
    """Calls and results in words."""
    for turn in turns:
        if turn.role == "tool":
            text = ("Error: " if turn.failed else "") + (turn.text or "nothing")
            files = [part for part in turn.parts if isinstance(part, Attachment)]
            yield Turn(turn.index, "user", [Text(f"[Result of {turn.name}: {text}]"), *files])
        elif turn.calls:
            parts: list[Part] = [part for part in turn.parts if not isinstance(part, CallMark | Reasoning)]
            for call in turn.calls:
                given = json.dumps(call.arguments, ensure_ascii=False, default=str)
                parts.append(_remark(parts, f"[Called {call.name} with {given}]"))
            yield replace(turn, parts=parts, calls=[], native=False)
        else:
            yield turn


def _remark(parts: list[Part], text: str) -> Text:
    """A remark of ours, on a line of its own."""
    return Text(f"\n{text}" if any(isinstance(part, Text) for part in parts) else text)


def _files_after_results(turns: list[Turn], route: Route) -> list[Turn]:
    """Files that the wire has no place for in a tool's result come as the user's, right after the results."""
    kinds: tuple[str, ...] = ()
    if route.wire == "openai-chat":
        kinds = ("image", "document", "audio", "video")
    elif route.wire == "bedrock-converse" and route.facts.family == "nova":
        kinds = ("document",)  # the service refuses the request, as recorded
    if not kinds or not any(turn.role == "tool" for turn in turns):
        return turns
    placed: list[Turn] = []
    held: list[Turn] = []
    for turn in turns:
        if turn.role != "tool":
            placed += held
            held = []
        placed.append(turn)
        files = [p for p in turn.parts if isinstance(p, Attachment) and p.kind in kinds] if turn.role == "tool" else []
        if files:
            rest: list[Part] = [p for p in turn.parts if not (isinstance(p, Attachment) and p.kind in kinds)]
            if all(isinstance(part, CachePoint) for part in rest):
                rest = [Text("The result is attached below.")]
            turn.parts = rest
            held.append(Turn(turn.index, "user", [Text(f"Returned by {turn.name}:"), *files]))
    return placed + held


def _system_first(turns: list[Turn]) -> list[Turn]:
    system = [turn for turn in turns if turn.role == "system"]
    rest = [turn for turn in turns if turn.role != "system"]
    if not rest:  # a prompt that is nothing but a system message is what the user asks
        last = system.pop()
        rest = [Turn(last.index, "user", last.parts)]
    if rest[0].role == "assistant":
        rest.insert(0, Turn(rest[0].index, "user", [Text(_BEGINNING)]))
    if not system:
        return rest
    first = replace(system[0], parts=[part for turn in system for part in turn.parts])
    return [first, *rest]
