"""The head of an answer, as it may come: what is read of it, and what is no answer."""

from __future__ import annotations

import socket
from http.client import BadStatusLine, HTTPException, HTTPResponse, LineTooLong, RemoteDisconnected, UnknownProtocol
from typing import Any

import pytest

from turnout.transport.http_responses import Response


def read(head: bytes, method: str = "POST") -> Response:
    """The response of a connection that sends this and ends."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(head)
        there.shutdown(socket.SHUT_WR)
        response = Response(here, method=method)
        response.begin()
        response.reader.detach()
        return response


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, "OK", 11, 5, False, False)),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n", (200, "", 11, None, True, False)),
        (b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", (404, "Not Found", 10, 0, False, True)),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", (200, "OK", 11, 1, False, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", (200, "OK", 11, None, False, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", (200, "OK", 11, None, False, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n", (200, "OK", 11, 3, False, False)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, "No Content", 11, 0, False, False)),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", (200, "OK", 11, None, False, True)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\nContent-Length: 2\n\n", (201, "Made", 11, 2, False, False)),
    ],
)
def test_what_is_read_of_a_head(head: bytes, expected: tuple[Any, ...]) -> None:
    found = read(head)
    framing: Any = found
    told = found.status, found.reason, found.version, framing.length, framing.chunked, framing.will_close
    assert told == expected


def test_a_head_is_read_as_the_standard_library_reads_it() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-Folded: one\r\n  two\r\nSet-Cookie: a=1\r\n"
        b"Set-Cookie: b=2\r\nX-Empty:\r\nX-Colon: a:b\r\nX-Latin: caf\xe9\r\nContent-Length: 0\r\n\r\n"
    )
    here, there = socket.socketpair()
    with here, there:
        there.sendall(head)
        theirs = HTTPResponse(here)
        theirs.begin()
        expected = [(name, " ".join(value.split())) for name, value in theirs.headers.raw_items()]
        theirs.close()
    assert [(name, " ".join(value.split())) for name, value in read(head).headers.raw_items()] == expected


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"", RemoteDisconnected),
        (b"HTTP/1.1 200 OK\r\nContent-Type: a", RemoteDisconnected),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BadStatusLine),
        (b"HTTP/2 200 OK\r\n\r\n", UnknownProtocol),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", LineTooLong),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 101 + b"\r\n", HTTPException),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40, BadStatusLine),
    ],
)
def test_what_is_no_head(head: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(head)


def test_an_answer_to_head_has_no_body() -> None:
    found: Any = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD")
    assert found.length == 0


def test_the_standard_library_has_what_the_rest_is_read_with() -> None:
    assert callable(HTTPResponse._read_status)  # type: ignore[attr-defined]
    assert callable(HTTPResponse._check_close)  # type: ignore[attr-defined]
    here, there = socket.socketpair()
    with here, there:
        made: Any = HTTPResponse(here, method="HEAD")
        assert made._method == "HEAD"
        made.close()
