"""What the emulator does in a storm: each question says itself which fault it meets, and when."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults import SILENCE
from tests.storm.faults import NAMES, TROUBLES
from turnout_emulator import Answer, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnout_emulator import Received, Whole
    from turnout_emulator.answers import Queueable
    from turnout_emulator.scripts import Step

_MARK = re.compile(r"storm-(\d+)-(\d*)-(\w+)-")


def mark(number: int, fault: str, where: str) -> str:
    """What a question has in it, so that it meets a fault: at its `first` attempt, at each of its first `place`, or `always`."""
    return f"storm-{number}-{NAMES.index(fault) if fault else ''}-{where}-"


def right(number: int) -> str:
    """The only right answer to a question."""
    return f"It is said to {number} and to nobody else: №{number} — ünd no öther; its number is {number}."


@dataclass
class Rule:
    """Answers each question by its mark."""

    seen: dict[int, str] = field(default_factory=dict)  # the service that was asked first
    given: dict[int, list[str]] = field(default_factory=dict)  # what each request of a call was given
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, received: Received) -> Queueable | None:
        found = _MARK.search(json.dumps(received.body))
        if found is None:
            return None
        number, fault, where = int(found[1]), found[2], found[3]
        with self.lock:
            first = number not in self.seen
            place = self.seen.setdefault(number, received.service)
        answer = Answer(right(number), chunk_size=7) if received.operation == "chat" else None
        meets = first or where == "always" or (where == "place" and received.service == place)
        self.given.setdefault(number, []).append(NAMES[int(fault)] if fault and meets else "")
        if not fault or not meets:
            return answer
        trouble = TROUBLES[NAMES[int(fault)]]
        return Script(lambda whole: trouble.steps(whole, received), answer)


TOKENS: dict[str, Callable[[Whole], Iterable[Step]]] = {
    "silence": lambda _: [SILENCE],
    "half a second's wait": lambda whole: [Wait(0.5), whole.sent],
    "a page": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>Hello.</html>\n"],
    "a 500": lambda _: [b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"],
}
"""What becomes of requests for credentials."""


@dataclass(frozen=True)
class TokenRule:
    """Answers requests for credentials with a fault, and each question as it should be."""

    fault: str

    def __call__(self, received: Received) -> Queueable | None:
        if received.operation == "token":
            return Script(TOKENS[self.fault])
        found = _MARK.search(json.dumps(received.body))
        return Answer(right(int(found[1]))) if found and received.operation == "chat" else None
