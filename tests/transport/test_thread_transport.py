"""The transport for threads, against a server that says what goes over the wire and when."""

from __future__ import annotations

import gc
import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from tests.transport.wire_server import CHUNKED, LONG, OK, Line, ok, serving
from turnout.settings import AzureBackend
from turnout.transport.deadline import until
from turnout.transport.http_clients import sync_transport, thread_transport_class, tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


@contextmanager
def client(library: Any, *, timeout: Any = LONG, **options: Any) -> Iterator[Any]:
    backend = AzureBackend.model_validate({"endpoint": "http://127.0.0.1:9", "api_key": "x", **options})
    transport = thread_transport_class(library)(backend, tls_context(backend))
    with library.Client(transport=transport, timeout=timeout) as made:
        yield made


def test_what_is_sent_and_what_is_answered(library: Any) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def answer(line: Line, head: bytes, body: bytes) -> None:
        seen.append((head, body))
        packed = gzip.compress("grüß".encode())
        head = (
            b"HTTP/1.1 418 Of course\r\nx-two: 1\r\nX-Two: \xe9\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        )
        line.sock.sendall(head % len(packed) + packed)

    long = b"x" * 300_000
    with serving(answer) as server, client(library) as made:
        answered = made.post(server.url, content=long, headers=[("X-Some", "a"), ("X-Some", "b")])
        assert answered.status_code == 418
        assert answered.reason_phrase == "Of course"
        assert answered.content.decode() == "grüß"
        assert [value for name, value in answered.headers.raw if name.lower() == b"x-two"] == [b"1", b"\xe9"]
        made.post(server.url, content=iter([b"one ", b"two"]))
    head, body = seen[0]
    assert head.startswith(b"POST /v1/chat?a=b%2Fc HTTP/1.1\r\n")
    assert body == long
    lines = [line.lower() for line in head.split(b"\r\n")]
    assert [line for line in lines if line.startswith(b"x-some")] == [b"x-some: a", b"x-some: b"]
    assert [line for line in lines if line.startswith((b"host", b"accept-encoding", b"user-agent"))] == [
        f"host: {httpx.URL(server.url).netloc.decode()}".encode(),
        f"accept-encoding: {made.headers['accept-encoding']}".encode(),
        f"user-agent: {made.headers['user-agent']}".encode(),
    ]
    assert seen[1][1] == b"one two"


def test_a_header_in_two_lines_is_refused(library: Any) -> None:
    with serving(ok) as server, client(library) as made:
        with pytest.raises(library.LocalProtocolError, match="header"):
            made.get(server.url, headers={"X-Key": "one\r\nX-Other: two"})
        assert made.get(server.url).content == b"ok"


def test_a_connection_serves_one_call_after_the_other(library: Any) -> None:
    with serving(ok) as server, client(library) as made:
        for _ in range(5):
            assert made.post(server.url, content=b"hi").content == b"ok"
        assert len(server.lines) == 1


@pytest.mark.parametrize("head", [CHUNKED, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"], ids=["chunked", "length"])
def test_each_piece_comes_when_it_is_sent(library: Any, head: bytes) -> None:
    had = threading.Event()
    pieces = [b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"] if head == CHUNKED else [b"one", b"two"]

    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(head + pieces[0])
        if had.wait(LONG):
            line.sock.sendall(pieces[1])

    with serving(answer) as server, client(library) as made, made.stream("POST", server.url) as answered:
        parts = answered.iter_bytes()
        assert next(parts) == b"one"
        had.set()
        assert b"".join(parts) == b"two"


def test_an_abandoned_answer_closes_its_connection(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")

    with serving(answer) as server, client(library, max_connections=1) as made:
        for count in (1, 2):
            with made.stream("POST", server.url) as answered:
                assert next(answered.iter_raw()) == b"one"
            assert server.hung_up.acquire(timeout=LONG)
            assert len(server.lines) == count


def test_a_connection_that_the_service_closed_meanwhile_is_not_used(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(OK)
        line.sock.shutdown(socket.SHUT_RDWR)

    with serving(answer) as server, client(library) as made:
        for count in (1, 2, 3):
            assert made.get(server.url).content == b"ok"
            assert server.hung_up.acquire(timeout=LONG)
            assert len(server.lines) == count


def test_an_idle_connection_is_kept_alive(library: Any) -> None:
    with serving(ok) as server, client(library) as made:
        seen: list[tuple[int, ...]] = []
        real = socket.socket.setsockopt

        def noting(sock: socket.socket, *options: Any) -> None:
            seen.append(options)
            real(sock, *options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket.socket, "setsockopt", noting)
            made.get(server.url)
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in seen


def test_a_service_that_keeps_no_connection(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is")
        line.sock.shutdown(socket.SHUT_RDWR)

    with serving(answer) as server, client(library, max_connections=1) as made:
        for count in (1, 2):
            assert made.get(server.url).content == b"all there is"
            assert len(server.lines) == count


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "RemoteProtocolError"),
        (b"nonsense\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "RemoteProtocolError"),
        (CHUNKED + b"9\r\nhalf", "RemoteProtocolError"),
        (CHUNKED + b"4\r\nhalf\r\n", "RemoteProtocolError"),
    ],
)
def test_a_cut_answer(library: Any, said: bytes, kind: str) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(said)
        line.sock.shutdown(socket.SHUT_RDWR)

    with serving(answer) as server, client(library, max_connections=1) as made:
        for _ in range(2):  # the first left the turn to the second
            with pytest.raises(getattr(library, kind)):
                made.get(server.url)


def test_what_does_not_come_in_time(library: Any) -> None:
    with serving(lambda *_: None) as server, client(library, timeout=0.1, max_connections=1) as made:
        for _ in range(2):
            with pytest.raises(library.ReadTimeout):
                made.get(server.url)


def test_a_body_that_stops_coming(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")

    with (
        serving(answer) as server,
        client(library, timeout=0.1) as made,
        pytest.raises(library.ReadTimeout),
        made.stream("GET", server.url) as answered,
    ):
        answered.read()


def test_a_call_waits_no_longer_than_its_deadline(library: Any) -> None:
    over = threading.Event()

    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        over.wait(3.0)
        line.sock.shutdown(socket.SHUT_RDWR)  # which would be another error

    with serving(answer) as server, client(library, timeout=LONG) as made:
        with until(time.monotonic() + 0.1), pytest.raises(library.ReadTimeout):
            made.get(server.url)
        over.set()


def test_a_request_that_is_not_read(library: Any) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        client(library, timeout=0.2) as made,
        pytest.raises(library.WriteTimeout),
    ):
        made.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", content=b"x" * 50_000_000)


def test_a_service_that_answers_and_hangs_up_before_it_read_the_request(library: Any) -> None:
    with ThreadPoolExecutor(1) as other, socket.create_server(("127.0.0.1", 0)) as listener, client(library) as made:

        def refuse() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")

        refused = other.submit(refuse)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert made.post(url, content=b"x" * 20_000_000).status_code == 413
        made.close()
        refused.result(LONG)


def test_nobody_there(library: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client(library, max_connections=1) as made:
        for _ in range(2):
            with pytest.raises(library.ConnectError):
                made.get(f"http://127.0.0.1:{port}/")


def test_a_handshake_that_does_not_end(library: Any) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        client(library, timeout=library.Timeout(LONG, connect=0.1)) as made,
        pytest.raises(library.TimeoutException),
    ):
        made.get(f"https://127.0.0.1:{listener.getsockname()[1]}/")


def test_a_certificate_that_nobody_vouches_for(emulator: Any, library: Any) -> None:
    with client(library) as made, pytest.raises(library.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        made.get(emulator.bedrock.https_url)


def test_no_more_connections_than_the_setting_says(library: Any) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        line.sock.sendall(OK)

    with serving(answer) as server, client(library, max_connections=3) as made, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: made.get(server.url).content, range(48)))
        assert answers == [b"ok"] * 48
        assert most[0] == 3
        assert len(server.lines) == 3


def test_no_turn_in_time(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")

    limits = library.Timeout(LONG, pool=0.05)
    with serving(answer) as server, client(library, max_connections=1, timeout=limits) as made:
        with made.stream("GET", server.url), pytest.raises(library.PoolTimeout):
            made.get(server.url)
        with made.stream("GET", server.url) as answered:
            assert answered.status_code == 200


def test_closing_closes_what_is_idle(library: Any) -> None:
    with serving(ok) as server, client(library) as made:
        made.get(server.url)
        made.close()
        gc.collect()
        assert server.hung_up.acquire(timeout=LONG)


def test_closing_lets_what_is_in_use_end(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")
        end.wait(LONG)
        line.sock.sendall(b"0\r\n\r\n")

    end = threading.Event()
    with serving(answer) as server, client(library) as made:
        with made.stream("POST", server.url) as answered:
            made.close()
            end.set()
            assert answered.read() == b"one"
        del answered
        gc.collect()
        assert server.hung_up.acquire(timeout=LONG)


def test_a_streams_reads_wait_no_longer_than_what_is_left_then(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")

    with serving(answer) as server, client(library) as made, made.stream("POST", server.url) as answered:
        parts, began = answered.iter_raw(), time.monotonic()
        with until(began + 0.3):  # the request was sent without one
            assert next(parts) == b"one"
            with pytest.raises(library.ReadTimeout):
                next(parts)
        assert time.monotonic() - began < LONG / 2  # the request's own limit is LONG


def test_a_stream_that_is_collected_while_a_connection_is_taken(library: Any) -> None:
    def answer(line: Line, _head: bytes, _body: bytes) -> None:
        line.sock.sendall(CHUNKED + b"3\r\none\r\n")

    with serving(answer) as server, client(library) as made, made.stream("POST", server.url) as answered:
        mutex = next(iter(made._transport._connections._direct.values())).pool.mutex
        with mutex:  # as if the collector ran while this thread takes a connection
            assert mutex.acquire(blocking=False)  # or closing would wait for itself
            mutex.release()
            answered.close()


def test_behind_a_proxy() -> None:
    seen: list[bytes] = []

    def answer(line: Line, head: bytes, _body: bytes) -> None:
        seen.append(head)
        line.sock.sendall(OK)

    with serving(answer) as server:
        proxy = f"http://user:pass@{httpx.URL(server.url).netloc.decode()}"
        backend = AzureBackend.model_validate({"endpoint": "https://service.invalid", "proxy": proxy})
        with httpx.Client(transport=sync_transport(backend)) as made:
            assert made.get("http://service.invalid/v1").content == b"ok"
            server.answer = lambda *_: None
            with until(time.monotonic() + 0.1), pytest.raises(httpx.ReadTimeout):
                made.get("http://service.invalid/v1", timeout=None)
    assert seen[0].startswith(b"GET http://service.invalid/v1 HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in seen[0].lower()
