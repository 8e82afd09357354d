"""The raw mode: what a script says is what goes over the socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from turnout_emulator import Close, Drip, Emulator, Reset, Script, Wait, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout_emulator.scripts import Step


HELLO = b'{"model": "mini", "messages": [{"role": "user", "content": "Hello"}]}'


def address(emulator: Emulator) -> tuple[str, int]:
    url = urlsplit(emulator.azure.url)
    return url.hostname or "", url.port or 0


def answered(sock: socket.socket) -> Any:
    response = http.client.HTTPResponse(sock)
    response.begin()
    return json.loads(response.read())


def ask(emulator: Emulator, *, stream: bool = False) -> socket.socket:
    body = {**json.loads(HELLO), "stream": stream}
    sock = socket.create_connection(address(emulator), timeout=5)
    send(sock, json.dumps(body).encode(), emulator)
    return sock


def send(sock: socket.socket, body: bytes, emulator: Emulator) -> None:
    key = next(iter(emulator.accounts.azure_keys.values()))
    head = f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\napi-key: {key}\r\nContent-Length: {len(body)}\r\n"
    sock.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)


def everything(sock: socket.socket) -> bytes:
    with sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_right_answer_is_there_to_be_spoilt(fresh_emulator: Emulator) -> None:
    def steps(whole: Whole) -> Iterator[Step]:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n"
        yield whole.sent[:-5]
        yield Close()

    fresh_emulator.queue(Script(steps))
    said = everything(ask(fresh_emulator))
    assert said.startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b'"choices"' in said
    assert not said.endswith(b"}")


def test_a_stream_has_its_frames(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Script(lambda whole: [whole.head, *whole.parts[:2], Close()]))
    said = everything(ask(fresh_emulator, stream=True))
    assert b"Transfer-Encoding: chunked" in said
    assert said.count(b"\r\ndata: ") == 2


def test_bytes_drip_and_wait(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Script(lambda _: [Wait(0.1), Drip(b"slow", each=0.02), Close()]))
    began = time.monotonic()
    assert everything(ask(fresh_emulator)) == b"slow"
    assert time.monotonic() - began >= 0.17


def test_a_reset_is_one(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Script(lambda whole: [whole.head, Reset()]))
    with pytest.raises(ConnectionResetError):
        everything(ask(fresh_emulator))


def test_a_connection_goes_on_after_a_script(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Script(lambda whole: [whole.sent]))
    with ask(fresh_emulator) as sock:
        assert answered(sock)["choices"]
        send(sock, HELLO, fresh_emulator)
        assert answered(sock)["choices"]


def test_what_has_arrived_is_cleared_as_well(fresh_emulator: Emulator) -> None:
    for _ in range(50):
        with socket.create_connection(address(fresh_emulator), timeout=5) as sock:
            send(sock, HELLO, fresh_emulator)
            fresh_emulator.clear()
            assert answered(sock)["choices"]
        assert not fresh_emulator.requests
