"""Asks in every way, with a fault in the answer, and says what is wrong with what came of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.calls.conftest import WIRES
from tests.faults import FAULTS, VECTOR_FAULTS, Fault
from tests.support.frameworks import Chat, Embedding
from turnout.errors import TurnoutError
from turnout_emulator import Answer, Script

if TYPE_CHECKING:
    from turnout_emulator import Emulator, Received
    from turnout_emulator.answers import Queueable

DEADLINE = 1.5  # seconds; a call that only a deadline ends has this long
PATIENCE = 20.0  # and every other one this: on a busy machine it may take a while
SLACK = 2.5  # half a second, and two for a busy machine
THREADS = 32
NUMBERS = itertools.count()

Models = dict[bool, Chat | Embedding]
"""The model for calls that only a deadline ends, and the one for all others."""


@dataclass
class Asked:
    """A call, and what came of it."""

    name: str
    fault: Fault
    way: str
    always: bool
    number: int = field(default_factory=lambda: next(NUMBERS))
    attempts: int = 0
    text: Any = ""
    error: BaseException | None = None
    took: float = 0.0

    @property
    def question(self) -> str:
        return f"What is said to call-{self.number}-?"

    @property
    def right(self) -> Any:
        return f"It is said to {self.number}, and to nobody else: number {self.number}."

    def problem(self) -> str | None:
        """What is wrong with what came of it."""
        what = f"{self.name}, {'always' if self.always else 'first'} / {self.way}: "
        if self.took > (DEADLINE if self.fault.slow else PATIENCE) + SLACK:
            return f"{what}took {self.took:.1f} s"
        if self.error is not None and not isinstance(self.error, TurnoutError):
            return f"{what}{type(self.error).__module__}.{type(self.error).__name__}: {self.error!s:.150}"
        if self.error is None and self.text != self.right:
            return f"{what}answered {self.text!r}"
        if self.text and self.right[: len(self.text)] != self.text:
            return f"{what}delivered {self.text!r}"
        if self.error is None:
            return None
        delivered = self.text or (self.fault.streams and self.attempts == 1)
        if self.fault.harmless or not (self.always or self.fault.slow or delivered):
            return f"{what}failed: {type(self.error).__name__}: {self.error!s:.150}"
        return None


class Rule:
    """Gives each call its fault, at its first attempt or at each; the calls are told apart by their numbers."""

    def __init__(self, calls: list[Asked]) -> None:
        self.calls = {call.number: call for call in calls}

    def __call__(self, received: Received) -> Queueable | None:
        found = re.search(r"call-(\d+)-", json.dumps(received.body))
        call = self.calls.get(int(found[1])) if found else None
        if call is None:
            return None
        call.attempts += 1
        if call.attempts == 1 or call.always:
            return Script(call.fault.steps, None if isinstance(call, Embedded) else Answer(call.right))
        return None if isinstance(call, Embedded) else Answer(call.right)


def calls_of(ways: tuple[str, ...]) -> list[Asked]:
    return [
        Asked(name, fault, way, always)
        for name, fault in FAULTS.items()
        for way in ways
        for always in (False, True)
        if not (fault.streams and "stream" not in way) and not (fault.wholes and "stream" in way)
    ]


def ask(call: Asked, models: Models) -> None:
    model = models[call.fault.slow]
    began = time.monotonic()
    try:
        if isinstance(model, Embedding):
            call.text = model.query(call.question)
        else:
            for piece in model.pieces(call.way, call.question):
                call.text += piece.text
    except BaseException as error:  # noqa: BLE001 - looked at afterwards
        call.error = error
    call.took = time.monotonic() - began


async def aask(call: Asked, models: Models, turns: asyncio.Semaphore) -> None:
    model = models[call.fault.slow]
    async with turns:
        began = time.monotonic()
        try:
            if isinstance(model, Embedding):
                call.text = await model.aquery(call.question)
            else:
                async for piece in model.apieces(call.way, call.question):
                    call.text += piece.text
        except BaseException as error:  # noqa: BLE001 - looked at afterwards
            call.error = error
        call.took = time.monotonic() - began


def ask_all(calls: list[Asked], make: type[Chat | Embedding], framework: str, arguments: dict[str, Any]) -> None:
    models: Models = {
        slow: make(framework, **arguments, deadline=DEADLINE if slow else PATIENCE) for slow in (True, False)
    }

    async def coroutines() -> None:
        turns = asyncio.Semaphore(THREADS)
        await asyncio.gather(*(aask(call, models, turns) for call in calls if call.way.startswith("async")))

    with ThreadPoolExecutor(THREADS) as pool:
        in_threads = pool.map(lambda call: ask(call, models), [c for c in calls if not c.way.startswith("async")])
        asyncio.run(coroutines())
        list(in_threads)


@dataclass
class Embedded(Asked):
    """A text that is embedded."""

    vector: list[float] = field(default_factory=list)

    @property
    def right(self) -> Any:
        return self.vector


def ask_every_chat(framework: str, wire: str, ways: tuple[str, ...], settings: str, emulator: Emulator) -> list[str]:
    """Each fault, in some ways of calling a chat model; what is wrong with what came of it."""
    backend, model = WIRES[wire]
    arguments = {"backend": backend, "model": model, "settings": settings, "max_retries": 1}
    Chat(framework, **arguments).ask("whole", "What does the first call load?")
    calls = calls_of(ways)
    emulator.rule(Rule(calls))
    ask_all(calls, Chat, framework, arguments)
    return [problem for call in calls if (problem := call.problem()) is not None]


def ask_every_embedding(framework: str, backend: str, settings: str, emulator: Emulator) -> list[str]:
    """Each fault, in each way of embedding a text; what is wrong with what came of it."""
    arguments = {"backend": backend, "settings": settings, "max_retries": 1}
    faults = {**FAULTS, **VECTOR_FAULTS}
    calls: list[Asked] = [
        Embedded(name, fault, way, always)
        for name, fault in faults.items()
        for way in ("whole", "async")
        for always in (False, True)
        if not fault.streams
    ]
    vectors = Embedding(framework, **arguments)
    for call in calls:
        assert isinstance(call, Embedded)
        call.vector = vectors.query(call.question)
    emulator.rule(Rule(calls))
    ask_all(calls, Embedding, framework, arguments)
    return [problem for call in calls if (problem := call.problem()) is not None]
