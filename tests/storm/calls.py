"""The calls of a storm, drawn by a seed, and what is wrong with what became of each."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.storm.faults import TROUBLES, fitting
from tests.storm.rule import mark, right
from tests.storm.settings import EMBEDDINGS, WIRES
from tests.support.frameworks import FRAMEWORKS, WAYS
from turnout.errors import ModelCallError, ServiceConnectionError, ServiceTimeoutError, TurnoutError

SHARE = 0.2  # of the calls meet a fault
DEADLINE = 1.5  # seconds of a call that only a deadline ends; twice as much where there are fallbacks
PATIENCE = 20.0  # and of every other one
LATE = 1.0  # seconds after its deadline that a call may end
_LOST = 0.1  # of its deadline, taken by the machine, from which a call isn't asked whether it could have been answered
_GROUPS = {"": 0.8, "-throttled": 0.14, "-flaky": 0.04, "-refused": 0.02}
_WITH_FALLBACKS = {"fallbacks", "circuit"}
_RARE = 6  # times as often as others is a fault drawn that few wires have
_WHERE = {"first": 0.5, "place": 0.25, "always": 0.25}


@dataclass
class Call:
    """A call, and what came of it.

    Attributes:
        number: Tells it from the others.
        framework: Whose class is asked.
        what: `chat` or `embedding`.
        wire: The row of the settings: `converse`.
        way: How it is asked: one of `WAYS`; of an embedding also `texts` and `async-texts`.
        group: What the backend's name ends in.
        settings: `alone`, `fallbacks` or `circuit`.
        fault: What it meets; empty for nothing.
        where: At its `first` attempt, at all of the first `place`, or `always`.
        expected: The right answer.
        got: What came: text, or vectors.
        metadata: What the answer says of itself.
        error: What it ended in.
        began: When, on the monotonic clock.
        took: Seconds.
    """

    number: int
    framework: str
    what: str
    wire: str
    way: str
    group: str
    settings: str
    fault: str = ""
    where: str = "first"
    expected: Any = None
    got: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    began: float = 0.0
    took: float = 0.0
    lost: float = field(default=0.0)  # seconds that the machine took meanwhile

    @property
    def target(self) -> tuple[str, str]:
        """The backend and the route."""
        backend, route, _ = (WIRES if self.what == "chat" else EMBEDDINGS)[self.wire]
        return backend + self.group, route

    @property
    def protocol(self) -> str:
        """Its wire, as turnout calls it."""
        return (WIRES if self.what == "chat" else EMBEDDINGS)[self.wire][2]

    @property
    def falls_back(self) -> bool:
        """Whether it can move on."""
        if self.what == "embedding":  # where there is another place of the space, and its vectors were compared
            return self.settings in _WITH_FALLBACKS and self.wire == "embeddings" and self.group != "-refused"
        return self.settings in _WITH_FALLBACKS

    @property
    def slow(self) -> bool:
        """Whether only a deadline ends it."""
        return bool(self.fault) and TROUBLES[self.fault].slow

    @property
    def deadline(self) -> float:
        """Seconds that it may take."""
        if not self.slow:
            return PATIENCE
        return 2 * DEADLINE if self.settings in _WITH_FALLBACKS else DEADLINE

    @property
    def questions(self) -> list[str]:
        """What it asks: one text, or several to embed."""
        said = mark(self.number, self.fault, self.where)
        count = 3 if "texts" in self.way else 1
        return [f"What is said to {said}{f' text {place}' if place else ''}?" for place in range(count)]

    @property
    def what_it_is(self) -> str:
        """For a list of what went wrong."""
        fault = f"{self.fault!r} {self.where}" if self.fault else "no fault"
        return f"{fault}, {self.framework} {self.wire}{self.group} {self.way}, {self.settings}"

    def problem(self) -> str | None:
        """What is wrong with what came of it; None if it is an answer or an error as it should be."""
        found = self._problem()
        return None if found is None else f"{self.what_it_is}: {found} (after {self.took:.1f} s)"

    def _problem(self) -> str | None:
        if self.took > self.deadline + LATE + self.lost:
            return f"late by {self.took - self.deadline:.1f} s, of which the machine took {self.lost:.1f}"
        if self.error is None:
            return None if self.got == self.expected else f"answered {self.got!r:.100}"
        if not isinstance(self.error, TurnoutError):
            return f"{type(self.error).__module__}.{type(self.error).__name__}: {self.error!s:.150}"
        said = f"{type(self.error).__name__}: {self.error!s:.300}"
        delivered = self.got if isinstance(self.got, str) else ""
        if not right(self.number).startswith(delivered):
            return f"delivered {delivered!r}, then {said}"
        if delivered and getattr(self.error, "delivered", 0) != len(delivered):
            return f"delivered {len(delivered)} characters, and said {getattr(self.error, 'delivered', 0)}: {said}"
        if not delivered and self.lost < _LOST * self.deadline and self._answerable():
            return f"could have been answered: {said}"
        return self._wrong_error(said) if not delivered and not self.falls_back else None

    def _answerable(self) -> bool:
        """Whether nothing that happened ends a call for good."""
        if not self.fault:
            return self.falls_back or self.group in {"", "-throttled"}
        trouble = TROUBLES[self.fault]
        if trouble.harmless:
            return self.falls_back or self.group in {"", "-throttled"}
        moved = self.falls_back and trouble.moves and self.where != "always"
        repeated = self.where == "first" and trouble.repeats and not trouble.slow and "texts" not in self.way
        return moved or (repeated and (self.falls_back or self.group in {"", "-throttled"}))

    def _wrong_error(self, said: str) -> str | None:
        """What is wrong with the kind of error that ended a call which none could answer."""
        assert self.error is not None
        if self.group in {"-flaky", "-refused"}:
            return None if isinstance(self.error, ServiceConnectionError) or self.fault else f"wrong error: {said}"
        trouble = TROUBLES[self.fault]
        waited_out = trouble.throttles and "texts" in self.way and isinstance(self.error, ServiceTimeoutError)
        if not isinstance(self.error, trouble.errors) and not self.slow and not waited_out:
            return f"wrong error: {said}"
        if not trouble.repeats and isinstance(self.error, ModelCallError) and self.error.attempts > 1:
            return f"asked {self.error.attempts} times: {said}"
        return None


def draw(count: int, seed: int, *, groups: dict[str, float] | None = None, first: int = 0) -> list[Call]:
    """So many calls; the same for the same seed."""
    rng = random.Random(seed)
    weights = _GROUPS if groups is None else groups
    made = []
    for number in range(first, first + count):
        what = rng.choices(["chat", "embedding"], [0.8, 0.2])[0]
        way = rng.choice(WAYS) if what == "chat" else rng.choice(["whole", "async", "texts", "async-texts"])
        wire = rng.choice(list(WIRES if what == "chat" else EMBEDDINGS))
        call = Call(
            number,
            rng.choice(FRAMEWORKS),
            what,
            wire,
            way,
            rng.choices(list(weights), list(weights.values()))[0],
            rng.choices(["alone", "fallbacks", "circuit"], [0.5, 0.3, 0.2])[0],
        )
        if rng.random() < SHARE and call.group != "-refused":
            throttles = call.group == "-throttled"
            names = fitting(kind=what, streamed="stream" in way, wire=call.protocol, throttles=throttles)
            rare = [_RARE if TROUBLES[name].wires else 1 for name in names]
            call.fault = rng.choices(names, rare)[0]
            call.where = rng.choices(list(_WHERE), list(_WHERE.values()))[0]
        if what == "chat":
            call.expected = right(number)
        made.append(call)
    return made
