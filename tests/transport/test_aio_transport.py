"""The transport for coroutines: on the wire it says what the SDKs' HTTP library would say, and it gives what came."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from tests.transport.wire_server import LONG, OK, Line, ok, serving
from turnout.settings import AzureBackend
from turnout.transport.http_clients import aio_transport_class, thread_transport_class, tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BACKEND = AzureBackend.model_validate({"endpoint": "http://127.0.0.1:9", "api_key": "x"})
HEADERS = {
    "plain": [(b"X-One", b"a"), (b"X-Two", b"b\tc")],
    "repeated": [(b"X-One", b"a"), (b"X-Two", b"b"), (b"X-One", b"c")],
    "empty": [(b"X-One", b"")],
    "utf-8": [(b"X-One", "Zürich, 東京 🚉".encode())],
    "what looks like latin-1": [(b"X-One", b"\xc3\xa9")],
}


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def client(library: Any) -> AsyncIterator[Any]:
    transport = aio_transport_class(library)(BACKEND, tls_context(BACKEND))
    async with library.AsyncClient(transport=transport, timeout=LONG) as made:
        yield made


def noting(heads: list[list[bytes]]) -> Callable[[Line, bytes, bytes], None]:
    def answer(line: Line, head: bytes, _body: bytes) -> None:
        heads.append(sorted(head.split(b"\r\n")))
        line.sock.sendall(OK)

    return answer


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
async def test_what_is_sent_is_what_the_library_sends(library: Any, headers: list[tuple[bytes, bytes]]) -> None:
    heads: list[list[bytes]] = []
    with serving(noting(heads)) as server:
        async with library.AsyncClient(timeout=LONG) as its_own, client(library) as made:
            for one in (its_own, made):
                await one.post(server.url, content=b"hi", headers=headers)
        transport = thread_transport_class(library)(BACKEND, tls_context(BACKEND))
        with library.Client(transport=transport, timeout=LONG) as threads:
            threads.post(server.url, content=b"hi", headers=headers)
    assert headers[0][0] + b": " + headers[0][1] in heads[0]
    assert heads[1] == heads[0]
    assert heads[2] == heads[0]


async def test_a_header_in_two_spellings_keeps_both_values(library: Any) -> None:
    heads: list[list[bytes]] = []
    with serving(noting(heads)) as server:
        async with client(library) as made:
            await made.get(server.url, headers=[("X-Some", "a"), ("x-some", "b")])
    lines = [line.lower() for line in heads[0]]
    assert [line for line in lines if line.startswith(b"x-some")] == [b"x-some: a", b"x-some: b"]


@pytest.mark.parametrize("value", [b"caf\xe9", b"one\r\nX-Other: two"], ids=["not utf-8", "two lines"])
async def test_a_header_that_can_not_be_sent_is_refused(library: Any, value: bytes) -> None:
    with serving(ok) as server:
        async with client(library) as made:
            with pytest.raises(library.LocalProtocolError, match="header"):
                await made.get(server.url, headers=[(b"X-Key", value)])
            assert (await made.get(server.url)).content == b"ok"


async def test_what_is_answered_comes_as_it_was_sent(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        head = b"HTTP/1.1 418 Caf\xe9\r\nx-two: Z\xc3\xbcrich\r\nX-Two: \xe9\r\nContent-Length: 2\r\n\r\n"
        line.sock.sendall(head + b"ok")

    with serving(answer) as server:
        async with library.AsyncClient(timeout=LONG) as its_own, client(library) as made:
            theirs, ours = [await one.get(server.url) for one in (its_own, made)]
    assert ours.status_code == theirs.status_code == 418
    assert ours.headers.raw == theirs.headers.raw
    assert ours.extensions["reason_phrase"] == theirs.extensions["reason_phrase"] == b"Caf\xe9"
    assert ours.content == b"ok"


async def test_a_body_of_any_kind_arrives(library: Any) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    bodies: list[bytes] = []

    def answer(line: Line, _head: bytes, body: bytes) -> None:
        bodies.append(body)
        line.sock.sendall(OK)

    large = bytes(range(256)) * 20_000  # more than aiohttp takes as bytes without a warning
    with serving(answer) as server:
        async with client(library) as made:
            for content in (b"", b"hi", large, parts()):
                assert (await made.post(server.url, content=content)).content == b"ok"
    assert bodies == [b"", b"hi", large, b"one two"]
