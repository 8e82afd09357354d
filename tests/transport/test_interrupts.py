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

INTERRUPTED = """
import gc, logging, sys
logging.getLogger("asyncio").setLevel(logging.ERROR)  # slow steps of a loop aren't what is looked for
from tests.support.frameworks import Chat, Embedding
from turnout import runtime
framework, backend, count = sys.argv[1:]
chat, embedding = Chat(framework, backend=backend), Embedding(framework, backend=backend)
works = [lambda: chat.ask("stream"), lambda: embedding.query("one")]
files = ("/transport/threads_connections.py", "/transport/http_responses.py", "/transport/http_clients.py",
         "/transport/bedrock.py", "/transport/blocking.py", "/urllib3/", "/http/client.py", "/queue.py")
lines = target = 0

def at_line(frame, event, _):
    global lines
    lines += event == "line"
    if event == "line" and lines == target:
        raise KeyboardInterrupt
    return at_line

def trace(frame, event, _):
    return at_line if any(name in frame.f_code.co_filename for name in files) else None

def lines_of(work, until):
    global lines, target
    lines, target = 0, until
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return lines

for work in works:
    work()
    for fresh in (True, False):
        for number in range(int(count)):
            if fresh:
                runtime.close()
            if number == 0:
                every = lines_of(work, -1)
            else:
                lines_of(work, every * number // int(count))
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
    done = warm.run(INTERRUPTED, "langchain", backend, "8")
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == "True\n" * 4
