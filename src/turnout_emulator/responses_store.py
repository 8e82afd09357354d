"""What a Responses service remembers: stored responses, their items, and which reasoning an item came with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

_KEPT = 5_000

Item = Mapping[str, Any]


class ResponseStore:
    """The last few thousand responses of one service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, list[Item]] = OrderedDict()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._reasoning: OrderedDict[str, str] = OrderedDict()

    def keep(self, conversation: Sequence[Item], response: Mapping[str, Any], *, stored: bool) -> None:
        """Remember a response; one that isn't `stored` leaves only which reasoning its items came with."""
        output: list[Item] = list(response["output"])
        with self._lock:
            reasoning: str | None = None
            for item in output:
                if item["type"] == "reasoning":
                    reasoning = str(item["id"])
                elif reasoning is not None:
                    self._reasoning[str(item["id"])] = reasoning
            if stored:
                self._items.update((str(item["id"]), item) for item in output)
                self._conversations[str(response["id"])] = [*conversation, *output]
            for kept in (self._conversations, self._items, self._reasoning):
                while len(kept) > _KEPT:
                    kept.popitem(last=False)

    def conversation(self, response_id: str) -> list[Item] | None:
        """The items up to and with a stored response."""
        with self._lock:
            return self._conversations.get(response_id)

    def item(self, item_id: str) -> Item | None:
        """A stored item."""
        with self._lock:
            return self._items.get(item_id)

    def reasoning_of(self, item_id: str) -> str | None:
        """The id of the reasoning that came before an item in its response."""
        with self._lock:
            return self._reasoning.get(item_id)
