"""Threads, event loops, cancellation: one client, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.contract.llama_index.llama_parts import FRANCE
from tests.support.parts import chats
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")

QUESTION = [ChatMessage(FRANCE)]
LONG = Answer(text="word " * 200, chunk_delay=0.02)


def test_from_threads() -> None:
    llm = TurnoutLLM()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: str(llm.chat(QUESTION)), range(24)))
    assert all("Paris" in answer for answer in answers)


def test_streams_from_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: str([*TurnoutLLM().stream_chat(QUESTION)][-1]), range(16)))
    assert all("Paris" in answer for answer in answers)


def test_two_event_loops_in_a_row() -> None:
    llm, embedding = TurnoutLLM(), TurnoutEmbedding()

    async def use() -> None:
        answers = await asyncio.gather(*(llm.achat(QUESTION) for _ in range(5)))
        assert all("Paris" in str(answer) for answer in answers)
        pieces = [piece async for piece in await llm.astream_chat(QUESTION)]
        assert "Paris" in str(pieces[-1])
        assert len(await embedding.aget_text_embedding_batch(["a", "b"])) == 2

    asyncio.run(use())
    asyncio.run(use())
    gc.collect()


def test_event_loops_in_threads() -> None:
    def use() -> str:
        return str(asyncio.run(TurnoutLLM().achat(QUESTION)))

    with ThreadPoolExecutor(4) as pool:
        answers = [job.result() for job in [pool.submit(use) for _ in range(8)]]
    assert all("Paris" in answer for answer in answers)
    gc.collect()


async def test_many_at_once(fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM()
    answers = await asyncio.gather(
        *(llm.achat([ChatMessage(f"Lamp {n} is lit. Which lamp is lit?")]) for n in range(40))
    )
    assert [f"Lamp {n} " in str(answer) for n, answer in enumerate(answers)] == [True] * 40
    assert len(chats(fresh_emulator)) == 40


async def test_the_event_loop_goes_on(fresh_emulator: Emulator) -> None:
    await TurnoutLLM().achat(QUESTION)  # the SDK is loaded
    wait = 0.8
    fresh_emulator.queue(Answer(text="Late.", delay=wait))
    call = asyncio.create_task(TurnoutLLM().achat(QUESTION))
    turns, longest, last = 0, 0.0, time.perf_counter()
    while not call.done():
        await asyncio.sleep(0.01)
        now = time.perf_counter()
        turns, longest, last = turns + 1, max(longest, now - last), now
    assert "Late" in str(await call)
    assert turns > 10
    assert longest < wait / 2


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "turnout-stream"]


async def none_is_left() -> bool:
    for _ in range(100):
        if not reading_threads():
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_cancelled_stream_leaves_nothing(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(LONG)

    async def read() -> None:
        async for _ in await TurnoutLLM().astream_chat(QUESTION):
            seen.set()

    seen = asyncio.Event()
    task = asyncio.create_task(read())
    await asyncio.wait_for(seen.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await none_is_left()
    assert "Paris" in str(await TurnoutLLM().achat(QUESTION))


async def test_an_async_stream_left_early_leaves_nothing(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(LONG)
    pieces = await TurnoutLLM().astream_chat(QUESTION)
    async for piece in pieces:
        if piece.delta:
            break
    await pieces.aclose()
    assert await none_is_left()
    assert "Paris" in str(await TurnoutLLM().achat(QUESTION))


def test_a_stream_left_early_leaves_nothing(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(LONG)
    pieces = TurnoutLLM().stream_chat(QUESTION)
    assert next(piece for piece in pieces if piece.delta)
    pieces.close()
    gc.collect()
    assert "Paris" in str(TurnoutLLM().chat(QUESTION))


def test_clients_are_made_once_and_after_closing_anew() -> None:
    from turnout import runtime
    from turnout.llama_index.wires import wires
    from turnout.settings import load_settings

    route, settings = TurnoutLLM().route, load_settings()
    first = wires.get_or_make(route, settings.backends[route.backend])
    assert wires.get_or_make(route, settings.backends[route.backend]) is first
    runtime.close()
    assert wires.get_or_make(route, settings.backends[route.backend]) is not first
    assert "Paris" in str(TurnoutLLM().chat(QUESTION))
