"""Bedrock on an event loop: many calls at once in one thread, cancelled and repeated as on a native client."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.providers.test_clients import embedder, keys, role, settings
from turnout import runtime
from turnout.errors import RateLimitError, ServiceConnectionError, ServiceTimeoutError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout.transport import greenlets as bridge
from turnout_emulator import Answer, Cut, Emulator, Failure

if TYPE_CHECKING:
    from turnout.settings import Settings


def made(emulator: Emulator, **options: Any) -> Settings:
    found = settings(emulator, bedrock={**keys(emulator), **options})
    return found.model_validate(
        {
            **found.model_dump(exclude={"backends"}),
            "backends": dict(found.backends),
            "chat": {"default": {"bedrock": "amazon.nova-lite-v1:0"}},
        }
    )


async def test_many_calls_at_once_need_no_threads(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(settings=made(fresh_emulator))
    await model.ainvoke("warm up")
    before = {thread.name for thread in threading.enumerate()}
    fresh_emulator.clear()
    fresh_emulator.queue(*[Answer("hello", delay=1.5) for _ in range(200)])
    answers = await asyncio.gather(*(model.ainvoke("hi") for _ in range(200)))
    assert {answer.content for answer in answers} == {"hello"}
    assert {thread.name for thread in threading.enumerate()} <= before
    received = [request.received_at for request in fresh_emulator.requests]
    assert sum(at < min(received) + 1.5 for at in received) > 40  # before the first was answered; threads would be six


async def test_the_loop_goes_on_while_a_call_waits(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(settings=made(fresh_emulator))
    llm = TurnoutLLM(settings=made(fresh_emulator))
    for call in (lambda: model.ainvoke("hi"), lambda: llm.acomplete("hi")):
        await call()
        fresh_emulator.queue(Answer("hello", delay=0.8))
        task = asyncio.ensure_future(call())
        turns = 0
        while not task.done():
            await asyncio.sleep(0.005)
            turns += 1
        assert turns > 10


async def test_streams_come_in_pieces(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(settings=made(fresh_emulator))
    fresh_emulator.queue(Answer("one two three four five six", chunk_delay=0.2))
    seen = [(time.perf_counter(), str(chunk.content)) async for chunk in model.astream("hi") if chunk.content]
    assert "".join(text for _, text in seen) == "one two three four five six"
    assert seen[-1][0] - seen[0][0] > 0.2


async def test_a_cancelled_call_ends_its_request(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(settings=made(fresh_emulator))
    fresh_emulator.queue(Answer("hello", delay=5))
    task = asyncio.ensure_future(model.ainvoke("hi"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await model.ainvoke("hi")).content


async def test_what_fails_is_repeated_without_sleeping_on_the_loop(fresh_emulator: Emulator) -> None:
    model = ChatTurnout(settings=made(fresh_emulator, max_retries=2))
    fresh_emulator.queue(Failure.rate_limited(retry_after=0.8), Failure.server_error())
    task = asyncio.ensure_future(model.ainvoke("hi"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert (await task).content
    assert turns > 10
    chats = [request.status for request in fresh_emulator.requests if request.operation == "chat"]
    assert chats == [429, 500, 200]


async def test_errors_are_the_same_as_on_a_thread(fresh_emulator: Emulator) -> None:
    patient = ChatTurnout(settings=made(fresh_emulator, max_retries=0))
    fresh_emulator.queue(Failure.rate_limited(retry_after=3))
    with pytest.raises(RateLimitError) as caught:
        await patient.ainvoke("hi")
    assert caught.value.request_id
    hasty = ChatTurnout(settings=made(fresh_emulator, max_retries=0, timeout=0.2))
    fresh_emulator.queue(Failure.hang(2))
    with pytest.raises(ServiceTimeoutError):
        await hasty.ainvoke("hi")
    fresh_emulator.clear()
    fresh_emulator.queue(Cut(after_chunks=2))
    with pytest.raises(ServiceConnectionError):
        [_ async for _ in patient.astream("hi")]
    nobody = made(fresh_emulator, max_retries=0, endpoint="http://127.0.0.1:9")
    with pytest.raises(ServiceConnectionError):
        await ChatTurnout(settings=nobody).ainvoke("hi")


async def test_a_role_is_assumed_off_the_loop(fresh_emulator: Emulator) -> None:
    runtime.close()  # another test's client for the same backend has the role's keys already
    embed = embedder(fresh_emulator, "bedrock", **role(fresh_emulator))
    vectors = await embed.aembed([f"text {n}" for n in range(20)])
    assert len(vectors) == 20
    assert [r.service for r in fresh_emulator.requests].count("sts") == 1


async def test_the_bridge_carries_values_errors_and_the_context() -> None:
    import contextvars

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    variable.set("set")

    async def later(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError(value)
        return value * 2

    def work(first: int, *, second: int) -> tuple[int, str]:
        assert bridge.in_greenlet()
        with pytest.raises(ValueError, match="-1"):
            bridge.wait(later(-1))
        return bridge.wait(later(first)) + bridge.wait(later(second)), variable.get()

    assert not bridge.in_greenlet()
    assert await bridge.run(work, 3, second=4) == (14, "set")
    with pytest.raises(ValueError, match="-5"):
        await bridge.run(lambda: bridge.wait(later(-5)))
