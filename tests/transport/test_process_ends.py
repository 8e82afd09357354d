"""How a process ends with calls, streams and a bulk in flight, by itself or by Ctrl-C: at once, and nothing is printed.

Each is a process of its own, in Python's development mode, of whose stderr nothing may be left. A script prints `now`
when it is to end, and an answer takes far longer than that may.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from turnout_emulator import Answer, Emulator, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Received

pytestmark = pytest.mark.slow

SLOW = 60.0
"""Seconds that the last answers of a script take; who waits for them fails."""

BEGIN = """
import asyncio, logging, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which what a shell runs in the background ignores
logging.getLogger("asyncio").setLevel(logging.ERROR)  # slow steps of a loop aren't what is looked for
framework, backend = sys.argv[1:]
texts = [f"text {number} " + "word " * 40 for number in range(12_000 if backend == "azure" else 200)]
if framework == "langchain":
    from turnout.langchain import ChatTurnout, TurnoutEmbeddings
    embed = TurnoutEmbeddings(backend=backend).embed_documents
    aembed = TurnoutEmbeddings(backend=backend).aembed_documents
    chat = ChatTurnout(backend=backend)
    def stream(): return chat.stream("a slow stream")
    def astream(): return chat.astream("a slow stream")
    def whole(): return chat.invoke("a slow answer")
    def awhole(): return chat.ainvoke("a slow answer")
else:
    from llama_index.core.llms import ChatMessage
    from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
    embed = TurnoutEmbedding(backend=backend).get_text_embedding_batch
    aembed = TurnoutEmbedding(backend=backend).aget_text_embedding_batch
    llm = TurnoutLLM(backend=backend)
    def stream(): return llm.stream_chat([ChatMessage("a slow stream")])
    async def astream():
        async for piece in await llm.astream_chat([ChatMessage("a slow stream")]):
            yield piece
    def whole(): return llm.chat([ChatMessage("a slow answer")])
    def awhole(): return llm.achat([ChatMessage("a slow answer")])

def now():
    print("now", flush=True)

def read(pieces):
    for _ in pieces:
        now()

async def aread():
    async for _ in astream():
        now()

def daemon(target, *arguments):
    threading.Thread(target=target, args=arguments, daemon=True).start()
"""

ENDS = """
import anyio

async def cancelled():
    working = [asyncio.ensure_future(awhole()), asyncio.create_task(aread())]
    await asyncio.sleep(0.3)
    for task in working:
        task.cancel()
    found = await asyncio.gather(*working, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found), found

async def cancelled_by_anyio():
    with anyio.move_on_after(0.3) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(aread)
            group.start_soon(awhole)
    assert scope.cancelled_caught

async def left():
    kept.extend([asyncio.ensure_future(awhole()), asyncio.create_task(aread()), asyncio.create_task(aembed(texts))])
    await asyncio.sleep(0.3)

async def leaving():
    await left()
    sys.exit()

kept = []
for _ in range(2):
    asyncio.run(cancelled())
    asyncio.run(left())
anyio.run(cancelled_by_anyio)
try:
    import uvloop
except ImportError:  # there is none for this platform
    pass
else:
    for _ in range(2):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(cancelled())
            runner.run(left())
daemon(lambda: read(stream()))
daemon(whole)
daemon(embed, texts)
time.sleep(1)
asyncio.run(leaving())
"""

INTERRUPTED = """
async def coroutines():
    await asyncio.gather(awhole(), aread(), aembed(texts))

def soon(work):
    daemon(lambda: (time.sleep(0.5), now()))
    work()

works = [
    lambda: read(stream()),
    lambda: soon(whole),
    lambda: soon(lambda: embed(texts)),
    lambda: asyncio.run(coroutines()),
]
for work in works:
    try:
        work()
        print("ended")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.fixture
def slow(fresh_emulator: Emulator, settings_file: Path) -> None:
    """A stream has its first words at once, and nothing more is answered."""
    del settings_file

    def rule(received: Received) -> Script | None:
        if received.operation == "embeddings" or not received.stream:
            return Script(lambda _: [Wait(SLOW)])
        return Script(lambda whole: [whole.head, *whole.parts[:5], Wait(SLOW)], Answer("one two three four five six"))

    fresh_emulator.rule(rule)


def command(script: str, framework: str, backend: str) -> list[str]:
    return [sys.executable, "-X", "dev", "-c", BEGIN + script, framework, backend]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(("framework", "backend"), [("langchain", "azure"), ("llama_index", "bedrock")])
def test_an_end(framework: str, backend: str) -> None:
    done = subprocess.run(command(ENDS, framework, backend), capture_output=True, text=True, check=False, timeout=SLOW)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(("framework", "backend"), [("langchain", "bedrock"), ("llama_index", "azure")])
def test_an_interrupt(framework: str, backend: str) -> None:
    begun = command(INTERRUPTED, framework, backend)
    with _begun(begun) as process:
        said: list[str] = []
        while line := _line(process):
            if line == "now" and said[-1:] != ["now"]:
                os.kill(process.pid, signal.SIGINT)
            said.append(line)
        _, errors = process.communicate(timeout=SLOW)
    assert errors == ""
    assert process.returncode == 0
    assert [line for line in said if line != "now"] == ["interrupted"] * 4


@contextmanager
def _begun(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, which is killed if it doesn't end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(SLOW, process.kill)
        killer.start()
        try:
            yield process
        finally:
            killer.cancel()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_bulk_in_a_thread_ends_after_the_main_thread(fresh_emulator: Emulator, settings_file: Path) -> None:
    """The interpreter gives event loops no threads any more by then."""
    del fresh_emulator, settings_file
    script = "threading.Thread(target=lambda: print(len(embed(texts[:4_000])))).start()"
    done = subprocess.run(
        command(script, "langchain", "azure"), capture_output=True, text=True, check=False, timeout=SLOW
    )
    assert (done.stdout, done.stderr) == ("4000\n", "")


def test_an_interrupted_batch_waits_for_no_call_that_had_not_begun(
    fresh_emulator: Emulator, settings_file: Path
) -> None:
    """What had begun is waited for: LangChain's threads end with their calls."""
    del settings_file
    fresh_emulator.rule(lambda _: Answer("one", delay=1.0))
    script = """
daemon(lambda: (time.sleep(0.5), now()))
try:
    chat.batch(["hi"] * 1_000, {"max_concurrency": 4})
except KeyboardInterrupt:
    print("interrupted")
"""
    begun = command(script, "langchain", "azure")
    with _begun(begun) as process:
        assert _line(process) == "now"
        os.kill(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=SLOW)
    assert (said, errors) == ("interrupted\n", "")
    assert len(fresh_emulator.requests) < 100
