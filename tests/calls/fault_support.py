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

from llama_index.core.base.llms.types import ChatMessage

from tests.calls.conftest import WAYS, WIRES
from tests.faults import FAULTS, VECTOR_FAULTS, Fault
from turnout.errors import TurnoutError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer, Script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from turnout_emulator import Emulator, Received
    from turnout_emulator.answers import Queueable

DEADLINE = 2.0  # seconds; a call that a fault makes wait has this long
SLACK = 2.0  # a second, and one for a busy machine
THREADS = 32
NUMBERS = itertools.count()


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
        if self.took > DEADLINE + SLACK:
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


def langchain(arguments: dict[str, Any]) -> dict[str, Any]:
    model = ChatTurnout(**arguments)

    async def astream(question: str) -> AsyncIterator[str]:
        async for chunk in model.astream(question):
            yield str(chunk.text)

    async def whole(question: str) -> str:
        return str((await model.ainvoke(question)).text)

    return {
        "whole": lambda question: str(model.invoke(question).text),
        "async": whole,
        "stream": lambda question: (str(chunk.text) for chunk in model.stream(question)),
        "async-stream": astream,
    }


def llama_index(arguments: dict[str, Any]) -> dict[str, Any]:
    llm = TurnoutLLM(**arguments)

    async def whole(question: str) -> str:
        return (await llm.achat([ChatMessage(question)])).message.content or ""

    def stream(question: str) -> Iterator[str]:
        for piece in llm.stream_chat([ChatMessage(question)]):
            yield piece.delta or ""

    async def astream(question: str) -> AsyncIterator[str]:
        async for piece in await llm.astream_chat([ChatMessage(question)]):
            yield piece.delta or ""

    return {
        "whole": lambda question: llm.chat([ChatMessage(question)]).message.content or "",
        "async": whole,
        "stream": stream,
        "async-stream": astream,
    }


def ask(call: Asked, ways: dict[str, Any]) -> None:
    began = time.monotonic()
    try:
        if call.way == "whole":
            call.text = ways["whole"](call.question)
        else:
            for piece in ways["stream"](call.question):
                call.text += piece
    except BaseException as error:  # noqa: BLE001 - looked at afterwards
        call.error = error
    call.took = time.monotonic() - began


async def aask(call: Asked, ways: dict[str, Any], turns: asyncio.Semaphore) -> None:
    async with turns:
        began = time.monotonic()
        try:
            if call.way == "async":
                call.text = await ways["async"](call.question)
            else:
                async for piece in ways["async-stream"](call.question):
                    call.text += piece
        except BaseException as error:  # noqa: BLE001 - looked at afterwards
            call.error = error
        call.took = time.monotonic() - began


def ask_all(calls: list[Asked], ways: dict[str, Any]) -> None:
    async def coroutines() -> None:
        turns = asyncio.Semaphore(THREADS)
        await asyncio.gather(*(aask(call, ways, turns) for call in calls if call.way.startswith("async")))

    with ThreadPoolExecutor(THREADS) as pool:
        in_threads = pool.map(lambda call: ask(call, ways), [c for c in calls if not c.way.startswith("async")])
        asyncio.run(coroutines())
        list(in_threads)


@dataclass
class Embedded(Asked):
    """A text that is embedded."""

    vector: list[float] = field(default_factory=list)

    @property
    def right(self) -> Any:
        return self.vector


def embedding_ways(framework: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if framework == "langchain":
        embeddings = TurnoutEmbeddings(**arguments)
        return {"whole": embeddings.embed_query, "async": embeddings.aembed_query}
    embedding = TurnoutEmbedding(**arguments)
    return {"whole": embedding.get_query_embedding, "async": embedding.aget_query_embedding}


def ask_every_chat(framework: str, wire: str, settings: str, emulator: Emulator) -> list[str]:
    """Each fault, in each way of calling a chat model; what is wrong with what came of it."""
    backend, model = WIRES[wire]
    arguments = {"backend": backend, "model": model, "settings": settings, "max_retries": 1}
    ways_of = langchain if framework == "langchain" else llama_index
    ways_of(arguments)["whole"]("What does the first call load?")
    ways = ways_of({**arguments, "deadline": DEADLINE})
    calls = calls_of(WAYS)
    emulator.rule(Rule(calls))
    ask_all(calls, ways)
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
    vectors = TurnoutEmbeddings(**arguments)
    for call in calls:
        assert isinstance(call, Embedded)
        call.vector = vectors.embed_query(call.question)
    emulator.rule(Rule(calls))
    ask_all(calls, embedding_ways(framework, {**arguments, "deadline": DEADLINE}))
    return [problem for call in calls if (problem := call.problem()) is not None]
