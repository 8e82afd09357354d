"""Reading an answer from a thread's connection: within the call's deadline, and nothing left for the next call."""

from __future__ import annotations

import io
from http.client import (
    BadStatusLine,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    LineTooLong,
    RemoteDisconnected,
    UnknownProtocol,
)
from types import SimpleNamespace
from typing import Any

from turnout.transport.deadline import in_time, shorter

_INTERIM = 32  # interim responses before an answer, at most
_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = {204, 304, _SWITCHING_PROTOCOLS}
_LINE = 65536  # bytes of a header, and how many there may be: the standard library's limits
_HEADERS = 100


class _Timed(io.RawIOBase):
    """A socket's stream of bytes; no read outlives the call's deadline, as it may within the socket's own limit."""

    _stream: Any = None  # until it is made: what Ctrl-C comes in the way of is closed, too

    def __init__(self, stream: Any, sock: Any) -> None:
        self._stream = stream
        self._sock = sock
        self._limit: float | None = sock.gettimeout()
        self.ended = False
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return None
        left = in_time()
        if left is not None:
            self._sock.settimeout(shorter(self._limit, left))
        count: int | None = self._stream.readinto(buffer)
        self.at_end = count == 0
        return count

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()


class Reader(io.BufferedReader):
    """What a response is read from.

    Attributes:
        unasked: Whether bytes were left when the response ended: whatever they are, no call asked for them.
    """

    timed: Any = None  # likewise

    def __init__(self, timed: _Timed) -> None:
        super().__init__(timed)
        self.timed = timed
        self.unasked = False

    def close(self) -> None:
        """Close the stream, and see what is left in the buffer."""
        if self.timed is None:
            return
        if not self.closed and not self.timed.ended:
            self.unasked = True  # as far as is known
            self.timed.ended = True  # to look without reading on
            self.unasked = bool(self.peek(1))
        super().close()


class Response(HTTPResponse):
    """The standard library's response, over a `Reader`, and not taken in by interim responses.

    The standard library skips `100 Continue` alone. A `103 Early Hints` (RFC 8297) would be taken for the answer, and
    the answer then for that of the connection's next call.
    """

    fp: Any = None  # likewise

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        source: Any = SimpleNamespace(makefile=lambda mode: Reader(_Timed(sock.makefile(mode, buffering=0), sock)))
        super().__init__(source, *arguments, **options)
        reader: Any = self.fp
        self.reader: Reader = reader

    def begin(self) -> None:
        """Read the status line and the headers of the answer.

        The standard library has its e-mail parser read the headers, which is a fiftieth of what a call costs.
        """
        own: Any = self
        base: Any = super()
        if own.msg is not None:  # it was read already
            return
        for _ in range(_INTERIM + 1):
            version, status, reason = base._read_status()  # noqa: SLF001 - the rest of `begin` can't be had alone
            headers = _headers(self.reader)
            if status >= 200 or status == _SWITCHING_PROTOCOLS:
                break
        if self.reader.timed.at_end:
            raise RemoteDisconnected("the connection was closed in the middle of the headers")
        if status < 200:
            raise BadStatusLine(f"status {status}, which no request asked for")
        self.version = _version(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = headers
        own.chunk_left = None
        self.chunked = (headers.get("transfer-encoding") or "").lower() == "chunked"
        self.will_close = base._check_close()  # noqa: SLF001 - likewise
        self.length = None if self.chunked else _length(headers.get("content-length"))
        if status in _WITHOUT_BODY or own._method == "HEAD":  # noqa: SLF001 - likewise
            self.length = 0
        self.will_close = self.will_close or not (self.chunked or self.length is not None)


def _version(named: str) -> int:
    if named == "HTTP/1.0":
        return 10
    if named.startswith("HTTP/1."):
        return 11
    raise UnknownProtocol(named)


def _headers(reader: Reader) -> HTTPMessage:
    """The lines up to an empty one; one that begins with white space goes on with the line before it."""
    lines: list[str] = []
    while (line := reader.readline(_LINE + 1)) not in {b"\r\n", b"\n", b""}:
        if len(line) > _LINE:
            raise LineTooLong("header line")
        text = line.decode("latin-1").rstrip("\r\n")
        if lines and text[:1] in {" ", "\t"}:
            lines[-1] += text
        else:
            lines.append(text)
        if len(lines) > _HEADERS:
            raise HTTPException(f"got more than {_HEADERS} headers")
    headers = HTTPMessage()
    for text in lines:
        name, colon, value = text.partition(":")
        if not colon:
            raise BadStatusLine("a header has no colon")  # what it has may be secret
        headers.set_raw(name.rstrip(), value.strip())
    return headers


def _length(stated: str | None) -> int | None:
    try:
        length = int(stated or "")
    except ValueError:
        return None
    return length if length >= 0 else None
