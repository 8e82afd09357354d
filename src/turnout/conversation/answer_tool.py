"""An answer that came as a tool's call, because the model can't be held to a form otherwise → its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class AnswerStream:
    """Makes text of the call of `tool`, which is the answer, piece by piece.

    Words before that call are none of the answer: they wait until it is clear what they belong to. Other calls come
    before the answer: with one of them in the message, the answer's own was made too early, and is dropped.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self.index: Any = None
        self._dropped: set[Any] = set()
        self._waiting = ""
        self._other = False

    @property
    def answered(self) -> bool:
        """Whether the answer is the text so far."""
        return self.index is not None and not self._other

    @property
    def hidden(self) -> set[Any]:
        """Indexes of the calls that the answer doesn't show: the one that is its text, and those that are dropped."""
        return self._dropped | ({self.index} - {None})

    def take(self, words: str, calls: Iterable[tuple[Any, str | None, str]]) -> str:
        """What the answer says in a piece: words, and index, name (where it begins) and arguments of each call."""
        text = ""
        for index, name, arguments in calls:
            if name == self._tool:
                if self.index is None and not self._other:
                    self.index = index
                else:  # a second answer, or one that was made too early
                    self._dropped.add(index)
            if index in self._dropped:
                continue
            if self.index is not None and index == self.index:
                text += arguments
            else:
                self._other = True
        self._waiting += words
        if self._other and not self.answered:
            text, self._waiting = self._waiting + text, ""
        return text

    def rest(self) -> str:
        """The words that waited, of an answer that has no such call at all; empty if there are none."""
        words, self._waiting = ("" if self.index is not None else self._waiting), ""
        return words
