"""The SDKs' HTTP for threads, over `http.client`: httpx's pool looks at every connection for every request.

It does so under a lock, so that threads wait for one another; and parsing HTTP in Python costs a call 0.1 ms more.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from urllib3.util import wait_for_read

from turnout.resilience.policy import remaining

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from turnout.settings import BackendSettings

    Address = tuple[str, str, int]  # scheme, host, port

_KEPT = 30.0  # seconds that an idle connection is trusted: what is between here and a service may forget it silently
_PART = 65536  # bytes that are read at once


class _Together:
    """Sends a request's head and body as one: a system call less, and for a small request a packet less."""

    held: list[bytes] | None = None

    def send(self, data: Any) -> None:
        if self.held is None:
            super().send(data)  # type: ignore[misc] # of the connection that this is mixed into
        else:
            self.held.append(data)


class _Plain(_Together, HTTPConnection):
    pass


class _Tls(_Together, HTTPSConnection):
    pass


_Connection = _Plain | _Tls


class Pool:
    """Connections, each used by one request at a time.

    Args:
        size: How many are in use at most.
        context: The TLS context of those that have one.
    """

    def __init__(self, size: int, context: ssl.SSLContext) -> None:
        self._turns = Semaphore(size)
        self._context = context
        self._idle: dict[Address, deque[tuple[float, _Connection]]] = defaultdict(deque)
        self._closed = False

    def enter(self, within: float | None) -> bool:
        """Wait for a turn, for some seconds at most; say whether there was one. Each ends with `leave`."""
        return self._turns.acquire(timeout=within)

    def leave(self) -> None:
        """End a turn."""
        self._turns.release()

    def take(self, address: Address) -> _Connection:
        """A connection to an address; a new one is not connected yet."""
        idle = self._idle[address]
        while idle:
            try:
                since, connection = idle.pop()
            except IndexError:  # another thread took it
                break
            fresh = time.monotonic() - since < _KEPT
            if fresh and connection.sock is not None and not wait_for_read(connection.sock, timeout=0):
                return connection
            connection.close()  # too old, or closed by the service
        scheme, host, port = address
        return _Tls(host, port, context=self._context) if scheme == "https" else _Plain(host, port)

    def keep(self, address: Address, connection: _Connection) -> None:
        """Have a connection back whose answer was read to its end."""
        if connection.sock is not None:
            self._idle[address].append((time.monotonic(), connection))
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the connections that aren't in use; the others close with their answer."""
        self._closed = True
        for idle in list(self._idle.values()):
            while idle:
                with suppress(IndexError):
                    idle.pop()[1].close()


def limits_of(request: Any) -> dict[str, float | None]:
    """Seconds that a request may wait to connect, read, write and for its turn: not beyond its call's deadline."""
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    left = remaining()
    if left is None:
        return limits
    return {name: left if limit is None else min(limit, left) for name, limit in limits.items()}


def _wait(connection: _Connection, limit: float | None) -> None:
    if connection.sock.gettimeout() != limit:
        connection.sock.settimeout(limit)


def _send(connection: _Connection, request: Any) -> None:
    body = request.read()
    connection.held = []
    try:
        connection.putrequest(
            request.method, request.url.raw_path.decode("ascii"), skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.raw:
            if name.lower() == b"transfer-encoding":  # a stream, whose length is known by now
                connection.putheader("Content-Length", len(body))
            else:
                connection.putheader(name, value)
        connection.endheaders(body)
        parts = connection.held
    finally:
        connection.held = None
    whole = b"".join(parts)
    for start in range(0, len(whole), _PART):  # the limit is for each of them
        connection.send(whole[start : start + _PART])


@cache
def transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, pool: Pool, address: Address, connection: _Connection, response: HTTPResponse) -> None:
            self._pool, self._address = pool, address
            self._connection, self._response = connection, response
            self._open = True

        def __iter__(self) -> Iterator[bytes]:
            with _as_httpx(httpx, "Read"):
                while part := self._response.read1(_PART):
                    yield part
                if self._response.length:
                    raise IncompleteRead(b"", self._response.length)
            self._end(whole=True)

        def close(self) -> None:
            if self._open:
                self._end(whole=self._is_whole())

        def _is_whole(self) -> bool:
            """Whether all is here: the SDKs stop reading when the last event is, just before the stream's end."""
            if self._connection.sock is None:
                return False
            self._connection.sock.settimeout(0)
            try:
                return not self._response.read1(1) and not self._response.length
            except (HTTPException, OSError, ValueError):
                return False

        def _end(self, *, whole: bool) -> None:
            self._open = False
            self._response.close()
            if whole:
                self._pool.keep(self._address, self._connection)
            else:
                self._connection.close()
            self._pool.leave()

    class ThreadTransport(httpx.BaseTransport):  # type: ignore[misc]
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._pool = Pool(backend.max_connections, context)

        def handle_request(self, request: Any) -> Any:
            limits = limits_of(request)
            if not self._pool.enter(limits.get("pool")):
                msg = "every connection is in use"
                raise httpx.PoolTimeout(msg)
            try:
                return self._answered(request, limits)
            except BaseException:
                self._pool.leave()
                raise

        def _answered(self, request: Any, limits: dict[str, float | None]) -> Any:
            url = request.url
            address = url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
            connection = self._pool.take(address)
            try:
                if connection.sock is None:
                    connection.timeout = limits.get("connect")
                    with _as_httpx(httpx, "Connect"):
                        connection.connect()
                _wait(connection, limits.get("write"))
                with _as_httpx(httpx, "Write"), suppress(ConnectionError):  # it may have answered before it hung up
                    _send(connection, request)
                _wait(connection, limits.get("read"))
                with _as_httpx(httpx, "Read"):
                    response = connection.getresponse()
            except BaseException:
                connection.close()
                raise
            return httpx.Response(
                response.status,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()],
                stream=Body(self._pool, address, connection, response),
                extensions={"http_version": b"HTTP/1.1", "reason_phrase": response.reason.encode("latin-1")},
            )

        def close(self) -> None:
            self._pool.close()

    return ThreadTransport


@contextmanager
def _as_httpx(httpx: Any, doing: str) -> Iterator[None]:
    """Raise the HTTP library's own exceptions: the SDKs know no others."""
    try:
        yield
    except TimeoutError as error:
        raise getattr(httpx, f"{doing}Timeout")(str(error)) from error
    except HTTPException as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise getattr(httpx, f"{doing}Error")(str(error)) from error
    except ValueError as error:  # of a header or host that can't be sent
        raise httpx.LocalProtocolError(str(error)) from error
