"""Tool calls and their results: names that every service takes, and which result answers which call.

Every service takes ids of 1 to 40 letters, digits, `_` and `-` that are unique in the conversation. What the
services themselves give out is not always that: Mantle's ids repeat from turn to turn, other servers put dots and
colons in them, or leave them empty.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict, deque

from turnout.errors import InvalidRequestError

_LONGEST_NAME = 64
_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")  # 40: OpenAI's chat wire; Converse and Responses take 64
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")


def is_valid(call_id: str | None) -> bool:
    """Whether every service takes this id."""
    return call_id is not None and _ID.fullmatch(call_id) is not None


def tool_name(name: str | None) -> str:
    """A tool's name as every service takes it: what a model made up may hold anything."""
    return _NOT_IN_A_NAME.sub("_", name or "").strip("_")[:_LONGEST_NAME] or "tool"


class ToolIds:
    """Gives the calls of one conversation their ids, and finds the call that a result answers.

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
        original = call_id or ""
        new = original
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
        """The new id of the call that a result answers; the tool's name decides where the result gives no id.

        Raises:
            InvalidRequestError: No call before it has this id, or it has been answered.
        """
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
        """Refuse a conversation that goes on at `where`, or ends, without a result that it needs.

        Raises:
            InvalidRequestError: A call has no result.
        """
        if not self.pending:
            return
        names = ", ".join(map(repr, self.pending.values()))
        goes_on = f"{where} comes before its result" if where else "the conversation ends without its result"
        msg = f"{calls} calls {names}, and {goes_on}; every service wants a tool message for each call right after it"
        raise InvalidRequestError(msg)
