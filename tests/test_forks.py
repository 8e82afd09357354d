"""A fork, at whatever moment: neither parent nor child waits for the other, or hears of it.

What forks is a process of its own, begun for that: pytest's has threads that have nothing to do with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from turnout.emulator import Emulator
from turnout.emulator.accounts import CLIENT, TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

ENDED = '''
import os, time

def ended(process, within=20):
    """The exit code of a child; it is killed if it takes longer."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, 9)
    os.waitpid(process, 0)
    return "hung"
'''


def run(script: str, *arguments: str, dev: bool = True, within: float = 60) -> str:
    """What a script prints; nothing may be said on stderr, by it or its children."""
    command = [sys.executable, *(["-X", "dev"] if dev else []), "-c", ENDED + textwrap.dedent(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=within)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    return done.stdout


def tls(text: str, emulator: Emulator) -> str:
    for service in (emulator.azure, emulator.bedrock, emulator.openai, emulator.mantle):
        text = text.replace(service.url, service.https_url)
    for name in ("azure", "bedrock"):
        text = text.replace(f"[backends.{name}]\n", f'[backends.{name}]\nca_bundle = "{emulator.ca_file}"\n')
    return text


def settings(text: str) -> str:
    """A lost answer is waited for, and nothing is repeated."""
    for name in ("azure", "bedrock"):
        text = text.replace(f"[backends.{name}]\n", f"[backends.{name}]\ntimeout = 20\nmax_retries = 0\n")
    return text


@pytest.fixture(scope="module")
def slow() -> Iterator[Emulator]:
    with Emulator(delay=0.02, chunk_delay=0.05) as running:
        yield running


@pytest.fixture
def write(slow: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "turnout.toml"
    path.write_text(settings(slow.settings_toml(every_wire=True)), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return path


CONNECTIONS = """
import asyncio, gc, logging, socket, stat, sys, threading
from turnout import load_settings
from turnout.clients.embedder import Embedder
from turnout.routes import resolve

logging.getLogger("asyncio").setLevel(logging.ERROR)  # not that a callback took long
backend, way = sys.argv[1:]
settings = load_settings()
embedder = Embedder(resolve(kind="embedding", backend=backend, settings=settings), settings)

def bulk():
    assert len(list(embedder.embed_iter(["one", "two"]))) == 2

def sync():
    assert embedder.embed(["x"])

async def aio():
    assert await embedder.aembed(["x"])

def ports():
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(number)).st_mode):
                with socket.socket(fileno=os.dup(int(number))) as one:
                    found |= {one.getsockname()[1]} if one.family == socket.AF_INET else set()
        except OSError:
            pass
    return found

def quick(call):
    began = time.monotonic()
    call()
    assert time.monotonic() - began < 2, call

def as_before(before, aio):
    for call in (aio, bulk, sync):
        quick(call)
    assert ports() == before
    
def in_child(kind):
    if kind == "collects":
        gc.collect()
    elif kind == "asks":
        sync()
        asyncio.run(aio())
        bulk()
        if os.fork() == 0:
            sync()
            bulk()
            gc.collect()
            os._exit(0)
        assert ended(-1) == 0
        bulk()

def fork(kind, leave=sys.exit):
    process = os.fork()
    if process == 0:
        try:
            in_child(kind)
        except Exception:
            os._exit(9)
        leave(0)
    return process

async def on_the_loop():
    "The child leaves through the loop that runs here."
    bulk(), sync(), await aio()
    before = ports()
    for kind in ("exits", "collects"):
        process = fork(kind)
        began = time.monotonic()
        await aio()
        assert time.monotonic() - began < 2
        assert await asyncio.to_thread(ended, process) == 0
        await aio()
        assert ports() == before

async def beside_the_loop():
    bulk(), sync(), await aio()
    before = ports()
    for kind, leave in (("exits", os._exit), ("collects", os._exit), ("asks", os._exit)):
        process = await asyncio.to_thread(fork, kind, leave)
        assert await asyncio.to_thread(ended, process) == 0
        began = time.monotonic()
        await aio()
        assert time.monotonic() - began < 2
        quick(bulk), quick(sync)
        assert ports() == before

def between_runs():
    "The child has a loop that was run, and runs it again or closes it."
    with asyncio.Runner() as runner:
        bulk(), sync(), runner.run(aio()), runner.run(asyncio.to_thread(id, 1))
        before = ports()
        for kind in ("exits", "asks", "goes on"):
            process = os.fork()
            if process == 0:
                if kind == "goes on":
                    runner.run(aio()), runner.run(asyncio.to_thread(id, 1))
                in_child(kind)
                sys.exit(0)
            assert ended(process) == 0, kind
            as_before(before, lambda: runner.run(aio()))
            quick(lambda: runner.run(asyncio.to_thread(id, 1)))

async def open_streams():
    from turnout.clients.pool import openai_client
    client = openai_client(settings.backends[backend])
    asked = {"model": "gpt-5-prod", "stream": True, "messages": [{"role": "user", "content": "Say: a b c d e f"}]}
    here, there = client.sync.chat.completions.create(**asked), await client.aio.chat.completions.create(**asked)
    next(here), await anext(there)
    async def reading():
        return [chunk async for chunk in there]
    task = asyncio.create_task(reading())
    await asyncio.sleep(0)
    process = fork("exits")
    assert (await task)[-1].choices[0].finish_reason == "stop"
    assert list(here)[-1].choices[0].finish_reason == "stop"
    assert await asyncio.to_thread(ended, process) == 0

found = globals()[way]
found = found() if way == "between_runs" else asyncio.run(found())
"""


@pytest.mark.parametrize(
    ("backend", "way", "secure"),
    [
        ("azure", "on_the_loop", True),
        ("azure", "beside_the_loop", False),
        ("azure", "open_streams", True),
        ("bedrock", "between_runs", True),
    ],
)
def test_a_child_leaves_the_parents_connections_alone(
    write: Path, slow: Emulator, backend: str, way: str, secure: bool
) -> None:
    if secure:
        write.write_text(tls(write.read_text(), slow))
    run(CONNECTIONS, backend, way)


FIRST_CALL = """
import asyncio, sys, threading, traceback
framework, backend, route, *moments = sys.argv[1:]
if framework == "langchain":
    from turnout.langchain import ChatTurnout, TurnoutEmbeddings
    chat, embedding = ChatTurnout(route=route, backend=backend), TurnoutEmbeddings(backend=backend)
    def call():
        assert chat.invoke("Hello").content and embedding.embed_query("x")
    async def acall():
        assert (await chat.ainvoke("Hello")).content
else:
    from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
    chat, embedding = TurnoutLLM(route=route, backend=backend), TurnoutEmbedding(backend=backend)
    def call():
        assert chat.complete("Hello").text and embedding.get_query_embedding("x")
    async def acall():
        assert (await chat.acomplete("Hello")).text

def leave(*calls):
    try:
        for one in calls:
            one()
    except BaseException:
        traceback.print_exc()
        os._exit(9)
    os._exit(0)

def attempt(moment):
    threading.Thread(target=call).start()
    time.sleep(moment)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        leave(call, lambda: asyncio.run(acall()))
    assert time.monotonic() - began < 1, "the fork waits"
    call()
    assert ended(child) == 0

processes = []
for moment in moments:  # each in a process that has imported no SDK
    processes.append(os.fork())
    if processes[-1] == 0:
        leave(lambda: attempt(float(moment)))
assert [ended(process, 40) for process in processes] == [0] * len(processes)
"""


@pytest.mark.parametrize(
    ("framework", "backend", "route", "moments"),
    [
        ("langchain", "azure", "default", "0.1 0.6 1.5"),
        ("langchain", "bedrock", "default", "0.1 0.3 0.6"),
        ("llama-index", "azure", "claude", "0.2 1.0"),
        ("llama-index", "bedrock", "default", "0.1 0.2 0.4 0.8"),
    ],
)
def test_a_fork_during_a_first_call(
    write: Path, slow: Emulator, framework: str, backend: str, route: str, moments: str
) -> None:
    if framework == "langchain":  # an import and a token more
        key = next(line for line in write.read_text().splitlines() if line.startswith("api_key"))
        known = slow.accounts.entra_clients[CLIENT] if False else None
        del key, known
    run(FIRST_CALL, framework, backend, route, *moments.split(), dev=False, within=100)
