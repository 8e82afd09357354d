"""Processes that have imported a framework and its SDKs before: each is forked for a program of its own.

A program runs in the forked process's own `__main__`, whose end is the interpreter's: threads are joined, what is
registered with `atexit` runs, and modules are taken down. Nothing has been used before the fork, turnout isn't even
imported; so what a program finds is what it finds in a process that it has begun itself, seconds of imports later.
What was imported is left out of garbage collections: the last one would take a second in each process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What stays in `__main__` of a program besides what every one has are the names that begin with `_warm`.
_SERVER = """
import gc as _warm_gc, importlib as _warm_import, json as _warm_json, os as _warm_os, sys as _warm_sys
for _warm_name in _warm_sys.argv[1:]:
    _warm_import.import_module(_warm_name)
_warm_gc.collect()
_warm_gc.freeze()
def _warm_serve():
    assert "turnout" not in _warm_sys.modules
    assert len(_warm_os.listdir("/proc/self/task")) == 1, "a thread is no part of a fork"
    print("ready", flush=True)
    while line := _warm_sys.stdin.readline():
        job = _warm_json.loads(line)
        process = _warm_os.fork()
        if not process:
            return job
        print(process, flush=True)
        print(_warm_os.waitstatus_to_exitcode(_warm_os.waitpid(process, 0)[1]), flush=True)
    _warm_os._exit(0)
_warm_job = _warm_serve()
for _warm_number, _warm_name in enumerate((_warm_os.devnull, _warm_job["out"], _warm_job["err"])):
    _warm_file = _warm_os.open(_warm_name, _warm_os.O_RDWR | _warm_os.O_CREAT)
    _warm_os.dup2(_warm_file, _warm_number)
    _warm_os.close(_warm_file)
_warm_os.environ.clear()
_warm_os.environ.update(_warm_job["environment"])
_warm_os.chdir(_warm_job["folder"])
_warm_sys.argv[1:] = _warm_job["arguments"]
exec(compile(_warm_job["program"], "<string>", "exec"))
"""

MODULES = {
    "langchain": ("langchain_openai", "langchain_aws", "langchain_anthropic"),
    "llama_index": (
        "llama_index.core",
        "llama_index.llms.azure_openai",
        "llama_index.llms.bedrock_converse",
        "anthropic",
    ),
    "sdks": (),
}
"""What turnout's classes for a framework are going to import, besides the SDKs."""
_SDKS = ("aiohttp", "botocore.session", "openai", "openai.resources.chat", "urllib3")


@dataclass(frozen=True)
class Done:
    """What became of a program."""

    returncode: int
    stdout: str
    stderr: str


class WarmProcess:
    """A process that has imported a framework, and is forked for each program.

    Args:
        server: The process.
        folder: Where the programs' output goes.
    """

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self._folder = folder

    def run(self, program: str, *arguments: str, within: float = 60) -> Done:
        """Run a program to its end, in this process's environment and folder; it is killed if that takes longer."""
        out, err = self._folder / "out", self._folder / "err"
        for file in (out, err):
            file.unlink(missing_ok=True)
        job = {
            "program": program,
            "arguments": arguments,
            "out": str(out),
            "err": str(err),
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
        }
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        killer = threading.Timer(within, os.kill, (int(self._said()), signal.SIGKILL))
        killer.start()
        try:
            code = int(self._said())
        finally:
            killer.cancel()
        return Done(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def wait(self) -> None:
        """Wait until everything is imported."""
        assert self._said() == "ready"

    def _said(self) -> str:
        assert self._server.stdout is not None
        said = self._server.stdout.readline().strip()
        assert said, "the warm process has ended"
        return said


@contextmanager
def warm_process(framework: str | Iterable[str], folder: Path) -> Iterator[WarmProcess]:
    """A process in Python's development mode, with a framework imported, or several."""
    named = [framework] if isinstance(framework, str) else framework
    modules = [module for name in named for module in MODULES[name]]
    command = [sys.executable, "-X", "dev", "-c", _SERVER, *modules, *_SDKS]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # NumPy has threads otherwise, which a fork loses
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=alone) as server:
        try:
            made = WarmProcess(server, folder)
            made.wait()
            yield made
        finally:
            server.kill()
