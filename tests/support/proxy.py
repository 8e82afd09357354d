"""A proxy on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.transport.wire_server import Line, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def proxy(seen: list[str], places: Mapping[str, int] | None = None) -> Iterator[str]:
    """A proxy on loopback that opens tunnels, and passes on what isn't encrypted.

    Args:
        seen: Gets whom it was asked for.
        places: Hosts that are in truth at a port of this machine.
    """

    def answer(line: Line, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b" ", 2)
        seen.append(f"{method.decode()} {target.decode().partition('?')[0]}")
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            port_here = (places or {}).get(host)
            where = (host, int(port)) if port_here is None else ("127.0.0.1", port_here)
            with socket.create_connection(where) as there:
                line.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(there, line.sock), daemon=True)
                back.start()
                _pump(line.sock, there)
                back.join(10)
            return
        host, _, port = target.decode().split("/")[2].partition(":")
        path = "/" + target.decode().split("/", 3)[3]
        with socket.create_connection((host, int(port))) as there:
            lines = [one for one in head.split(b"\r\n")[1:] if not one.lower().startswith((b"proxy-", b"connection"))]
            first = f"{method.decode()} {path} HTTP/1.1".encode()
            there.sendall(b"\r\n".join([first, b"Connection: close", *lines]).rstrip(b"\r\n") + b"\r\n\r\n" + body)
            while part := there.recv(65536):
                line.sock.sendall(part)
        line.sock.shutdown(socket.SHUT_WR)

    with serving(answer) as server:
        yield server.url.partition("/v1")[0]


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while part := one.recv(65536):
            other.sendall(part)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return
