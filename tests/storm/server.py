"""`python -m tests.storm.server`: the emulator of a storm in a process of its own, and ports that come and go.

It prints where everything is, as JSON. Faults begin when it is told so by a line on its standard input; it ends when
that is closed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.storm.rule import Rule, TokenRule
from turnout_emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.storm.attempts import Given

_UP, _DOWN = 0.6, 0.25  # seconds that a port is open, and closed
_IDENTITIES = ("entra", "managed-identity", "sts", "container")
_SERVICES = ("azure", "openai", "bedrock", "mantle")


class Relay:
    """Passes connections on to a service while it is up, and cuts them when it goes."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.began = asyncio.Event()

    async def run(self) -> None:
        """Come and go."""
        while True:
            server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
            self.port = server.sockets[0].getsockname()[1]
            self.began.set()
            await asyncio.sleep(_UP)
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(_DOWN)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, to}
        await asyncio.gather(_pump(reader, to), _pump(there, writer))
        self._writers -= {writer, to}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


async def _serve(emulator: Emulator, urls: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    relays = {f"{name}-flaky": Relay(urls[name]) for name in _SERVICES}
    running = [asyncio.create_task(relay.run()) for relay in relays.values()]
    await asyncio.gather(*(relay.began.wait() for relay in relays.values()))
    urls |= {name: f"http://127.0.0.1:{relay.port}" for name, relay in relays.items()}
    variables = {name: emulator.environment(name) for name in _IDENTITIES}
    print(json.dumps({"urls": urls, "variables": variables, "ca": emulator.ca_file}), flush=True)  # noqa: T201
    rule = Rule()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if line == "given":
            print(json.dumps(rule.given), flush=True)  # noqa: T201
            continue
        emulator.clear()
        if line == "begin":
            rule = Rule()
            emulator.rule(rule)
        elif line != "calm":
            emulator.rule(TokenRule(line))
        print(line, flush=True)  # noqa: T201
    for task in running:
        task.cancel()


def main() -> None:
    """Serve until standard input ends."""
    logging.disable(logging.CRITICAL)  # of clients that hang up
    closed = [socket.create_server(("127.0.0.1", 0)) for _ in _SERVICES]
    ports = [sock.getsockname()[1] for sock in closed]
    for sock in closed:  # nobody listens there from now on
        sock.close()
    with Emulator() as emulator:
        urls: dict[str, str] = {name: getattr(emulator, name).url for name in (*_SERVICES, "sts")}
        urls |= {f"{name}-refused": f"http://127.0.0.1:{port}" for name, port in zip(_SERVICES, ports, strict=True)}
        asyncio.run(_serve(emulator, urls))


class Server:
    """That process, as the storm sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        said = json.loads(self._line())
        self.urls: dict[str, str] = said["urls"]
        self.variables: dict[str, dict[str, str]] = said["variables"]
        self.ca_file: str = said["ca"]

    def begin(self) -> None:
        """Have faults from now on, as each question says."""
        self.tell("begin")

    def calm(self) -> None:
        """Have none."""
        self.tell("calm")

    def given(self) -> Given:
        """What each request was given since faults began."""
        return {int(number): faults for number, faults in json.loads(self.tell("given")).items()}

    def tell(self, line: str) -> str:
        """Have another rule: `begin`, `calm`, or the name of what becomes of requests for credentials."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def serving() -> Iterator[Server]:
    """The process, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.storm.server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Server(process)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
