"""Answers as bytes on the socket, as a script says: for faults that no HTTP library sends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is sent for a while."""

    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Drip:
    """Bytes that are sent one at a time.

    Attributes:
        data: The bytes.
        each: Seconds before each of them.
    """

    data: bytes
    each: float = 0.2


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST)."""


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed (FIN), after what was sent before."""


Step = bytes | Wait | Drip | Reset | Close


@dataclass(frozen=True, slots=True)
class Whole:
    """What the service would have answered, as it goes over the wire.

    Attributes:
        status: The HTTP status.
        headers: The headers, without those that say how long the body is.
        body: The body, not chunked.
        frames: The events of a stream; empty if the answer isn't one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    frames: tuple[bytes, ...] = ()

    @property
    def head(self) -> bytes:
        """The status line and the headers, with the empty line that ends them."""
        length = "Transfer-Encoding: chunked" if self.frames else f"Content-Length: {len(self.body)}"
        return self.head_with(length)

    def head_with(self, *lines: str, status: int | None = None) -> bytes:
        """The status line and the headers, with other lines for the body's length."""
        head = [f"HTTP/1.1 {self.status if status is None else status} OK"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*head, *lines, "", ""]).encode("latin-1")

    @property
    def parts(self) -> tuple[bytes, ...]:
        """What follows the head: the body, or a stream's chunks with the one that ends them."""
        return (*(chunk(frame) for frame in self.frames), chunk(b"")) if self.frames else (self.body,)

    @property
    def sent(self) -> bytes:
        """All of it."""
        return self.head + b"".join(self.parts)


def chunk(data: bytes) -> bytes:
    """Bytes as a chunk of HTTP's chunked coding; the last one is empty."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Scripted(web.Response):
    """A response that writes its bytes itself."""

    def __init__(self, steps: Iterable[Step], whole: Whole) -> None:
        super().__init__(status=whole.status)
        self._steps = steps

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Play the script."""
        if self._eof_sent:
            return None
        self._eof_sent = self._keep_alive = True
        for step in self._steps:
            transport = request.transport
            if transport is None or transport.is_closing():
                break
            await _play(step, transport)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is added."""


async def _play(step: Step, transport: asyncio.Transport) -> None:
    match step:
        case bytes():
            transport.write(step)
        case Wait(seconds):
            await asyncio.sleep(seconds)
        case Drip(data, each):
            for number in range(len(data)):
                await asyncio.sleep(each)
                if transport.is_closing():
                    return
                transport.write(data[number : number + 1])
        case Close():
            transport.close()
        case Reset():
            await asyncio.sleep(0.01)  # the client reads what was sent before
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
