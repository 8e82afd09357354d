"""Ctrl-C at whatever line of the transport a call is: nothing is left open, and the next call has its connection.

Python raises it in the main thread between two instructions. Here a trace function does so before a line, at one line of
many after another, in a process that may have one connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.warm import WarmProcess, warm_process
from turnout_emulator import Answer, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

INTERRUPTED = """
import gc, logging, sys
logging.getLogger("asyncio").setLevel(logging.ERROR)  # slow steps of a loop aren't what is looked for
from turnout import runtime
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
backend = sys.argv[1]
chat, embeddings = ChatTurnout(backend=backend), TurnoutEmbeddings(backend=backend)
def stream(): return list(chat.stream("hi"))
def embed(): return embeddings.embed_query("one")
files = ("/transport/threads_connections.py", "/transport/http_responses.py", "/transport/http_clients.py",
         "/transport/bedrock.py", "/transport/blocking.py", "/urllib3/", "/http/client.py", "/queue.py")
lines = target = 0

def finalizes(frame):
    "Python raises nothing there: it prints that, and goes on."
    return frame is not None and (frame.f_code.co_name == "__del__" or finalizes(frame.f_back))

def at_line(frame, event, _):
    global lines
    if event == "line" and not finalizes(frame):
        lines += 1
        if lines == target:
            raise KeyboardInterrupt
    return at_line

def trace(frame, event, _):
    return at_line if any(name in frame.f_code.co_filename for name in files) else None

def run_until(work, until):
    global lines, target
    lines, target = 0, until
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)

for work, fresh, count in ((stream, True, 12), (stream, False, 40), (embed, False, 40)):
    work()
    for number in range(count):
        if fresh:
            runtime.close()
        run_until(work, every * number // count if number else -1)
        every = every if number else lines
        gc.collect()
        work()
    print(every > 100)
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    with warm_process("langchain", tmp_path_factory.mktemp("interrupts")) as made:
        yield made


@pytest.mark.parametrize("backend", ["azure", "bedrock"])  # httpx, and botocore
def test_an_interrupt_at_any_line(
    backend: str, fresh_emulator: Emulator, settings_file: Path, warm: WarmProcess
) -> None:
    text = settings_file.read_text()
    settings_file.write_text(text.replace(f"[backends.{backend}]", f"[backends.{backend}]\nmax_connections = 1"))
    fresh_emulator.rule(lambda received: Answer("one two three") if received.operation == "chat" else None)
    done = warm.run(INTERRUPTED, backend)
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == "True\n" * 3
