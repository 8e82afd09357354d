"""Reading an answer from a thread's connection: within the call's deadline, and nothing left for the next call."""

from __future__ import annotations

import io
from http.client import BadStatusLine, HTTPResponse, RemoteDisconnected
from types import SimpleNamespace
from typing import Any

from turnout.transport.deadline import in_time, shorter

_INTERIM = 32  # interim responses before an answer, at most
_SWITCHING_PROTOCOLS = 101


class _Timed(io.RawIOBase):
    """A socket's stream of bytes; no read outlives the call's deadline, as it may within the socket's own limit."""

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
        self._stream.close()
        super().close()


class Reader(io.BufferedReader):
    """What a response is read from.

    Attributes:
        unasked: Whether bytes were left when the response ended: whatever they are, no call asked for them.
    """

    def __init__(self, timed: _Timed) -> None:
        super().__init__(timed)
        self.timed = timed
        self.unasked = False

    def close(self) -> None:
        """Close the stream, and see what is left in the buffer."""
        if not self.closed:
            self.timed.ended = True  # to look without reading on
            self.unasked = bool(self.peek(1))
        super().close()


class Response(HTTPResponse):
    """The standard library's response, over a `Reader`, and not taken in by interim responses.

    The standard library skips `100 Continue` alone. A `103 Early Hints` (RFC 8297) would be taken for the answer, and
    the answer then for that of the connection's next call.
    """

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        source: Any = SimpleNamespace(makefile=lambda mode: Reader(_Timed(sock.makefile(mode, buffering=0), sock)))
        super().__init__(source, *arguments, **options)
        reader: Any = self.fp
        self.reader: Reader = reader

    def begin(self) -> None:
        """Read the status line and the headers of the answer."""
        super().begin()
        for _ in range(_INTERIM):
            if self.status >= 200 or self.status == _SWITCHING_PROTOCOLS:
                break
            unread: Any = None
            self.headers = self.msg = unread  # `begin` does nothing once there are headers
            super().begin()
        if self.reader.timed.at_end:  # the standard library takes that for the end of the headers
            raise RemoteDisconnected("the connection was closed in the middle of the headers")
        if self.status < 200:
            raise BadStatusLine(f"status {self.status}, which no request asked for")
