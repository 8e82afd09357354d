"""Putting turns in an order that a wire takes: calls and results paired, system messages and files in their place."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from turnout.conversation.turns import Attachment, CachePoint, Call, Kind, Part, Reasoning, Text, Turn
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turnout.conversation.request import Fitted
    from turnout.routing import Route

_SYSTEM_APART = frozenset({"bedrock-converse", "anthropic-messages"})
"""Wires whose system prompt is one, and outside the conversation, which begins with the user.

They refuse tool calls and results in a request without tools."""

_LONGEST_NAME = 64
_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")  # 40: OpenAI's chat wire; Converse and Responses take 64
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


def arranged(turns: Sequence[Turn], route: Route, fitted: Fitted) -> list[Turn]:
    """Turns in the order that the route's wire takes; they are this call's own, and changed."""
    if not turns:
        raise InvalidRequestError("there is nothing to answer: the conversation has no message, or only empty ones")
    instruction = fitted.instruction(turns)
    placed = _paired(turns)
    if not fitted.asked.tools and route.wire in _SYSTEM_APART:
        placed = [_in_words(turn) for turn in placed]
    placed = _files_after_results(placed, route)
    if instruction is not None:
        placed.append(Turn(turns[-1].index + 1, "system", [Text(instruction)]))
    if route.wire not in _SYSTEM_APART:
        return placed
    placed = _system_first(placed)
    if route.facts.results_alone:
        placed = _results_alone(placed)
    if placed[-1].role == "assistant" and not route.facts.prefill:
        placed.append(Turn(placed[-1].index, "user", [Text("Go on.")]))
    return placed


def _results_alone(turns: list[Turn]) -> list[Turn]:
    """Turns in which the user says nothing beside a tool's result: the assistant speaks in between.

    Source: https://github.com/strands-agents/harness-sdk/issues/1223
    """
    placed: list[Turn] = []
    for turn in turns:
        if turn.role == "user" and placed and placed[-1].role == "tool":
            placed.append(Turn(turn.index, "assistant", [Text("I have the results.")]))
        placed.append(turn)
    return placed


def _paired(turns: Sequence[Turn]) -> list[Turn]:
    """Turns whose tool calls have ids that every wire takes, each followed by its one result.

    A system message between a call and its results comes after them.
    """
    ids, caller = ToolIds(), ""
    placed: list[Turn] = []
    waiting: list[Turn] = []
    for place, turn in enumerate(turns):
        if turn.role == "tool":
            pending = dict(ids.pending)
            name = tool_name(turn.name) if turn.name else None
            turn.call_id = ids.result(turn.call_id, name, where=turn.where)
            turn.name = pending[turn.call_id]
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
        _drop_unreadable(turn, turns[place + 1 :])
        for call in turn.calls:
            call.name = tool_name(call.name)
            call.call_id = ids.call(call.call_id, call.name)
            caller = turn.where
        placed.append(turn)
    ids.check_answered("", calls=caller)
    return placed


def _drop_unreadable(turn: Turn, later: Iterable[Turn]) -> None:
    """A call that couldn't be read was made if a result answers it; else a remark says that it was tried."""
    if all(call.readable for call in turn.calls):
        return
    answered: set[str | None] = set()
    for other in later:
        if other.role in {"user", "assistant"}:
            break
        answered.add(other.call_id)
    dropped = [call for call in turn.calls if not call.readable and call.call_id not in answered]
    turn.parts = [part for part in turn.parts if not any(part is call for call in dropped)]
    for call in dropped:
        _remark(turn.parts, f"[Tried to call {tool_name(call.name)}, with arguments that can't be read]")


def _in_words(turn: Turn) -> Turn:
    """A turn with its calls, or the result that it is, in words."""
    if turn.role == "tool":
        text = ("Error: " if turn.failed else "") + (turn.text or "nothing")
        files = [part for part in turn.parts if isinstance(part, Attachment)]
        return Turn(turn.index, "user", [Text(f"[Result of {turn.name}: {text}]"), *files])
    if not turn.calls:
        return turn
    parts: list[Part] = [part for part in turn.parts if not isinstance(part, Call | Reasoning)]
    for call in turn.calls:
        arguments = json.dumps(call.arguments, ensure_ascii=False, default=str)
        _remark(parts, f"[Called {call.name} with {arguments}]")
    return replace(turn, parts=parts, source=None)


def _remark(parts: list[Part], text: str) -> None:
    """Add a remark, on a line of its own."""
    parts.append(Text(f"\n{text}" if any(isinstance(part, Text) for part in parts) else text))


def _files_after_results(turns: list[Turn], route: Route) -> list[Turn]:
    """Files that the wire has no place for in a tool's result come as the user's, right after the results."""
    kinds: tuple[Kind, ...] = ()
    if route.wire == "openai-chat":
        kinds = ("image", "document", "audio", "video")
    elif route.wire == "bedrock-converse" and route.facts.family == "nova":
        kinds = ("document",)  # the service refuses the request, as recorded
    if not kinds or not any(turn.role == "tool" for turn in turns):
        return turns
    placed: list[Turn] = []
    after: list[Turn] = []
    for turn in turns:
        if turn.role != "tool":
            placed += after
            after = []
        placed.append(turn)
        files = [p for p in turn.parts if isinstance(p, Attachment) and p.kind in kinds] if turn.role == "tool" else []
        if files:
            turn.parts = [p for p in turn.parts if not (isinstance(p, Attachment) and p.kind in kinds)]
            if all(isinstance(part, CachePoint) for part in turn.parts):
                turn.parts = [Text("The result is attached below.")]
            after.append(Turn(turn.index, "user", [Text(f"Returned by {turn.name}:"), *files]))
    return placed + after


def _system_first(turns: list[Turn]) -> list[Turn]:
    """One system message, then a user who speaks once at a time before each answer."""
    system = [turn for turn in turns if turn.role == "system"]
    rest = [turn for turn in turns if turn.role != "system"]
    if not rest:  # a prompt that is nothing but a system message is what the user asks
        last = system.pop()
        rest = [Turn(last.index, "user", last.parts)]
    if rest[0].role == "assistant":  # the user must begin; langchain-aws fills empty messages with this too
        rest.insert(0, Turn(rest[0].index, "user", [Text(".")]))
    placed = [replace(system[0], parts=[part for turn in system for part in turn.parts])] if system else []
    for turn in rest:
        if turn.role == "user" and placed and placed[-1].role == "user":
            placed[-1] = replace(placed[-1], parts=[*placed[-1].parts, *turn.parts])
        else:
            placed.append(turn)
    return placed


def is_valid(call_id: str | None) -> bool:
    """Whether every service takes this id."""
    return call_id is not None and _ID.fullmatch(call_id) is not None


def tool_name(name: str | None) -> str:
    """A tool's name as every service takes it: what a model made up may hold anything."""
    return _NOT_IN_A_NAME.sub("_", name or "").strip("_")[:_LONGEST_NAME] or "tool"


class ToolIds:
    """Gives the calls of one conversation their ids, and finds the call that a result answers.

    Every service takes ids of 1 to 40 letters, digits, `_` and `-` that are unique in the conversation. What the
    services themselves give out is not always that: Mantle's ids repeat from turn to turn, other servers put dots and
    colons in them, or leave them empty.

    Ask it in the conversation's order. An id that is valid and new stays as it is; any other is replaced by one that
    depends on what came before it alone, so that a conversation that grew keeps the ids it had.

    Attributes:
        pending: The new ids of calls that no result has answered yet, in order, each with its tool's name.
    """

    def __init__(self) -> None:
        self.pending: dict[str, str] = {}
        self._used: set[str] = set()
        self._waiting: defaultdict[str, deque[str]] = defaultdict(deque)
        self._originals: dict[str, str] = {}
        self._answered: set[str] = set()

    def call(self, call_id: str | None, name: str) -> str:
        """The id under which a call is sent."""
        original = new = call_id or ""
        attempt = 0
        while not is_valid(new) or new in self._used:
            attempt += 1
            seed = f"{original}\n{name}\n{len(self._used)}\n{attempt}"
            new = f"call_{hashlib.sha256(seed.encode(errors='replace')).hexdigest()[:24]}"
        self._used.add(new)
        self._originals[new] = original
        self._waiting[original].append(new)
        self.pending[new] = name
        return new

    def result(self, call_id: str | None, name: str | None = None, *, where: str) -> str:
        """The new id of the call that a result answers; the tool's name decides where the result gives no id."""
        original = call_id or ""
        waiting = self._waiting[original] if original else deque(self.pending)
        if not waiting:
            what = f"the call {original!r}" if original else "a call"
            if original in self._answered:
                msg = f"{where} is a second result for {what}: give each call one result"
            else:
                msg = f"{where} is a tool's result for {what}, which no message before it makes; keep both or drop both"
            raise InvalidRequestError(msg)
        new = waiting[0] if original else next((one for one in waiting if self.pending[one] == name), waiting[0])
        self._waiting[self._originals[new]].remove(new)
        del self.pending[new]
        self._answered.add(original)
        return new

    def check_answered(self, where: str, *, calls: str) -> None:
        """Refuse a conversation that goes on at `where`, or ends, without a result that it needs."""
        if not self.pending:
            return
        names = ", ".join(map(repr, self.pending.values()))
        goes_on = f"{where} comes before its result" if where else "the conversation ends without its result"
        msg = f"{calls} calls {names}, and {goes_on}; every service wants a tool message for each call right after it"
        raise InvalidRequestError(msg)
