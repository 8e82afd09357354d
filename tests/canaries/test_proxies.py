"""A proxy with a password lets a request through: asked for a tunnel, or passing the request on."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.canaries.planted import PROXY
from tests.transport.wire_server import OK, Line, serving
from turnout.settings import AzureBackend
from turnout.transport.http_clients import async_transport, sync_transport

if TYPE_CHECKING:
    from turnout_emulator import Emulator

LOGIN = b"proxy-authorization: basic " + base64.b64encode(f"us@er:{PROXY}".encode()).lower()


def backend(server: Any, **more: Any) -> AzureBackend:
    proxy = f"http://us%40er:{PROXY}@{server.url.split('/')[2]}"
    return AzureBackend.model_validate({"endpoint": "https://service.invalid", "proxy": proxy, **more})


def fetched(url: str, backend: AzureBackend, way: str) -> httpx.Response:
    if way == "threads":
        with httpx.Client(transport=sync_transport(backend)) as made:
            return made.get(url)

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=async_transport(backend)) as made:
            await made.get(url)
            return await made.get(url)

    return asyncio.run(get())


@pytest.fixture(params=["threads", "coroutines"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_request_is_passed_on(way: str) -> None:
    seen: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        seen.append(head.lower())
        line.sock.sendall(OK)

    with serving(answer) as server:
        assert fetched("http://service.invalid/v1", backend(server), way).content == b"ok"
    assert seen[0].startswith(b"get http://service.invalid/v1 ")
    assert LOGIN in seen[0]


def test_a_tunnel_is_opened_and_kept(way: str, emulator: Emulator) -> None:
    secure = httpx.URL(emulator.environment("entra")["AZURE_AUTHORITY_HOST"])
    seen: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        seen.append(head.lower())
        with socket.create_connection((secure.host, secure.port or 443)) as there:
            line.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pump, args=(there, line.sock))
            back.start()
            _pump(line.sock, there)
            back.join()

    with serving(answer) as server:
        answered = fetched(f"{secure}/nothing", backend(server, ca_bundle=emulator.ca_file), way)
    assert answered.status_code >= 400  # whatever it is, the service said it
    assert len(seen) == 1
    assert seen[0].startswith(b"connect ")
    assert LOGIN in seen[0]


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:  # one of the two hung up
        return
