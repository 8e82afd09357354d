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

from tests.support.warm import WarmProcess, warm_process
from turnout_emulator import Emulator
from turnout_emulator.accounts import CLIENT, ENTRA_SECRET, TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")]

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


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    """What the SDKs are imported in, for scripts that aren't about imports."""
    with warm_process("sdks", tmp_path_factory.mktemp("forks")) as made:
        yield made


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
def file(slow: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "turnout.toml"
    path.write_text(settings(slow.settings_toml(every_wire=True)), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return path


CONNECTIONS = """
import asyncio, gc, logging, socket, stat, sys, threading
from turnout import load_settings
from turnout.embedding.embedder import Embedder
from turnout.routing import resolve

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
    from tests.clients import client_of
    client = client_of(settings.backends[backend])
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

if way == "between_runs":
    between_runs()
else:
    asyncio.run(globals()[way]())
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
    file: Path, slow: Emulator, warm: WarmProcess, backend: str, way: str, secure: bool
) -> None:
    if secure:
        file.write_text(tls(file.read_text(), slow))
    done = warm.run(ENDED + CONNECTIONS, backend, way)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout


MODELS = """
import threading, pydantic.main, turnout.runtime
held, done = threading.Event(), threading.Event()
def build():
    with pydantic.main._rebuild_lock:
        held.set()
        done.wait(30)
threading.Thread(target=build).start()
held.wait()
child = os.fork()
if child == 0:
    class Model(pydantic.BaseModel):
        text: str
    Model.model_rebuild(force=True)
    os._exit(0)
found = ended(child)
done.set()
assert found == 0, found
"""


def test_a_fork_while_another_thread_builds_a_model() -> None:
    run(MODELS)


GARBAGE = """
import gc, turnout.runtime
finalised = []
class Left:
    def __del__(self):
        finalised.append(os.getpid())
gc.disable()
left = Left()
left.itself = left
del left
child = os.fork()
gc.collect()
if child == 0:
    os._exit(len(finalised))
assert finalised == [os.getpid()]
assert ended(child) == 0
"""


def test_what_the_parent_left_is_not_finalised_in_the_child() -> None:
    run(GARBAGE)


FIRST_CALL = """
import asyncio, sys, threading, traceback
framework, backend, route, *moments = sys.argv[1:]
if framework == "langchain":
    from turnout.langchain import ChatTurnout, TurnoutEmbeddings
    chat, embedding = ChatTurnout(model=route, backend=backend), TurnoutEmbeddings(backend=backend)
    def call():
        assert chat.invoke("Hello").content and embedding.embed_query("x")
    async def acall():
        assert (await chat.ainvoke("Hello")).content
else:
    from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
    chat, embedding = TurnoutLLM(model=route, backend=backend), TurnoutEmbedding(backend=backend)
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
        ("langchain", "azure", "default", "0.3 1.3"),
        ("langchain", "bedrock", "default", "0.1 0.5"),
        ("llama-index", "azure", "responses", "0.5"),
        ("llama-index", "bedrock", "default", "0.2 0.3 0.8"),
    ],
)
def test_a_fork_during_a_first_call(
    file: Path, slow: Emulator, framework: str, backend: str, route: str, moments: str
) -> None:
    text = tls(file.read_text(), slow)
    if framework == "langchain":  # with a token to fetch as well
        principal = {
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "client_secret": ENTRA_SECRET,
            "authority_host": slow.entra.https_url,
        }
        written = "".join(f'{name} = "{value}"\n' for name, value in principal.items())
        text = text.replace('auth = "api-key"\n', f'auth = "service-principal"\n{written}', 1)
    file.write_text(text)
    run(FIRST_CALL, framework, backend, route, *moments.split(), dev=False, within=100)


def test_an_import_that_a_fork_cuts_short_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "half_here"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("first = object()\nfrom half_here import inner, last\n")
    (package / "whole.py").write_text("there = object()\n")
    (package / "inner" / "__init__.py").write_text("import half_here.whole, half_here.inner.deep, half_here.slow\n")
    (package / "inner" / "deep.py").write_text("there = object()\n")
    (package / "slow.py").write_text("import time\ntime.sleep(0.4)\n")
    (package / "last.py").write_text("import half_here.inner.deep as deep\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    run(
        """
        import importlib, sys, threading
        import turnout.runtime
        thread = threading.Thread(target=importlib.import_module, args=["half_here"])
        thread.start()
        while "half_here.slow" not in sys.modules:
            time.sleep(0.001)
        before = dict(sys.modules)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            import half_here
            assert half_here is before["half_here"], "its own namespace"
            assert half_here.whole is before["half_here.whole"] and half_here.last.deep is half_here.inner.deep
            assert half_here.inner.deep is before["half_here.inner.deep"] is sys.modules["half_here.inner.deep"]
            assert not half_here.__spec__._initializing and half_here.__spec__.loader is half_here.__loader__
            os._exit(0)
        assert time.monotonic() - began < 0.3
        thread.join()
        assert ended(child) == 0
        """
    )


def test_a_fork_waits_for_what_cannot_be_renewed_and_not_long() -> None:
    run(
        """
        import functools, threading
        from turnout import runtime

        def held(seconds):
            with runtime.fork_waits():
                time.sleep(seconds)

        class Slow:
            @functools.cached_property
            def made(self):
                time.sleep(0.4)
                return 1

        tries = [(lambda _: Slow().made, 0, 0, 0.2), (held, 0.15, 0.1, 0.4), (held, 2, 0.4, 0.9)]
        for work, seconds, least, most in tries:
            threading.Thread(target=work, args=[seconds], daemon=True).start()
            time.sleep(0.02)
            began = time.monotonic()
            child = os.fork()
            took = time.monotonic() - began
            if child == 0:
                if seconds == 0:
                    assert Slow().made == 1
                os._exit(0 if least <= took < most else 9)
            assert ended(child, 3) == 0, took
        """
    )


def test_a_child_leaves_a_manifest_that_is_being_written_alone(tmp_path: Path) -> None:
    run(
        """
        import gc, pathlib, sys, threading
        from turnout.index.chunks import Chunk
        from turnout.index.manifest import Manifest

        path = pathlib.Path(sys.argv[1])
        idle, busy = Manifest(path / "idle"), Manifest(path / "busy")
        items = lambda name: [Chunk(id=f"{name} {n}", text="t", metadata={}) for n in range(500)]
        for manifest in (idle, busy):
            manifest.add_collection("c", "m/256")
            manifest.note_written("c", items("before"))
        stop = threading.Event()

        def write():
            with busy._database.change():
                busy._database.execute("DELETE FROM held")
                stop.wait(5)

        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(0.05)
        child = os.fork()
        if child == 0:
            assert idle.count("c") == busy.count("c") == 500
            idle.note_written("c", items("in the child"))
            idle.close()
            gc.collect()
            sys.exit(0)
        assert ended(child) == 0
        stop.set()
        thread.join()
        assert busy.count("c") == 0
        assert idle.count("c") == 1000
        idle.close(), busy.close()
        """,
        str(tmp_path),
    )
