"""The SDKs' HTTP for threads, over urllib3: httpx's pool looks at every connection for every request, under a lock."""

from __future__ import annotations

import queue
import socket
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import urllib3
from urllib3 import exceptions as u
from urllib3.connection import HTTPConnection, HTTPSConnection

from turnout.resilience.policy import remaining

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from turnout.settings import BackendSettings

_PART = 65536  # bytes that are read at once, if so many are there
_SERVICES = 8  # hosts that one client may speak to and keep connections with

# What is between here and a service may forget an idle connection; these find that out, and keep it from happening.
_KEEPALIVE: list[tuple[int, int, int]] = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]


_NEVER = urllib3.Retry.from_int(False)


class _Together:
    """Sends a request's head and body as one: a system call less, which is a sixth of what a small request costs.

    A large one goes in parts, because the limit on the time that sending takes is for each of them.
    """

    _held: list[bytes] | None = None

    def request(self, *arguments: Any, **options: Any) -> None:
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*arguments, **options)  # type: ignore[misc] # of the connection that this is mixed into
        finally:
            self._held = None
        whole = b"".join(held)
        for start in range(0, len(whole), _PART):
            self.send(whole[start : start + _PART])

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)  # type: ignore[misc] # likewise
        else:
            self._held.append(data)


class _Plain(_Together, HTTPConnection):
    pass


class _Tls(_Together, HTTPSConnection):
    pass


class _Reentrant(queue.LifoQueue[Any]):
    """A pool's connections.

    One may come back at any moment, even while the same thread takes another: a forgotten stream is closed whenever the
    garbage collector runs. With a plain lock, as in httpx's pool, the thread would then wait for itself.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        lock: Any = threading.RLock()
        self.mutex = lock
        self.not_empty = threading.Condition(lock)
        self.not_full = threading.Condition(lock)
        self.all_tasks_done = threading.Condition(lock)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain
    QueueCls = _Reentrant


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Tls
    QueueCls = _Reentrant


def limits_of(request: Any) -> dict[str, float | None]:
    """Seconds that a request may wait to connect, read, write and for its turn: not beyond its call's deadline."""
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    left = remaining()
    if left is None:
        return limits
    return {name: left if limit is None else min(limit, left) for name, limit in limits.items()}


def _manager(backend: BackendSettings, context: ssl.SSLContext) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "num_pools": _SERVICES,
        "maxsize": backend.max_connections,
        "block": True,
        "ssl_context": context,
        "socket_options": _KEEPALIVE,
    }
    if backend.proxy is not None:
        proxy = urllib3.util.parse_url(backend.proxy.get_secret_value())
        login = urllib3.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else None
        made: urllib3.PoolManager = urllib3.ProxyManager(proxy._replace(auth=None).url, proxy_headers=login, **options)
    else:
        made = urllib3.PoolManager(**options)
    made.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
    return made


@cache
def transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, response: urllib3.HTTPResponse, in_use: set[Any]) -> None:
            self._response = response
            self._in_use = in_use
            in_use.add(response)

        def __iter__(self) -> Iterator[bytes]:
            with _as_httpx(httpx):
                while part := self._response.read1(_PART, decode_content=False):
                    yield part

        def close(self) -> None:
            # Read to its end, the answer has given its connection back; otherwise that is of no more use.
            self._response.close()
            self._response.release_conn()
            self._in_use.discard(self._response)

    class ThreadTransport(httpx.BaseTransport):  # type: ignore[misc]
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._pools = _manager(backend, context)
            self._proxied = backend.proxy is not None
            self._direct: dict[tuple[Any, ...], Any] = {}
            # A forgotten stream is collected with all that only it refers to, in any order: its connection must be
            # left when it is closed, so that is referred to from here.
            self._in_use: set[Any] = set()

        def handle_request(self, request: Any) -> Any:
            limits = limits_of(request)
            sent = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in request.headers.raw
                if name.lower() != b"transfer-encoding"  # of a stream, which is read by now
            ]
            headers: Any = dict(sent)
            if len(headers) < len(sent):
                headers = urllib3.HTTPHeaderDict(sent)
            with _as_httpx(httpx):
                pool, target = self._way(request.url)
                response: Any = pool.urlopen(
                    request.method,
                    target,
                    body=request.read(),
                    headers=headers,
                    redirect=False,
                    retries=_NEVER,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=limits.get("connect"), read=limits.get("read")),
                    pool_timeout=limits.get("pool"),
                )
            return httpx.Response(
                response.status,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()],
                stream=Body(response, self._in_use),
                extensions={"http_version": b"HTTP/1.1", "reason_phrase": (response.reason or "").encode("latin-1")},
            )

        def _way(self, url: Any) -> tuple[Any, str]:
            """What sends a request, and what it is told to ask for."""
            if self._proxied:
                return self._pools, str(url)
            address = (url.scheme, url.raw_host, url.port)
            pool = self._direct.get(address)
            if pool is None:
                pool = self._pools.connection_from_host(url.host, url.port, url.scheme)
                self._direct[address] = pool
            return pool, url.raw_path.decode("ascii")

        def close(self) -> None:
            for pool in self._direct.values():
                pool.close()
            self._direct.clear()
            self._pools.clear()

    return ThreadTransport


@contextmanager
def _as_httpx(httpx: Any) -> Iterator[None]:
    """Raise the HTTP library's own exceptions for urllib3's: the SDKs know no others."""
    try:
        yield
    except (u.HTTPError, OSError, ValueError) as error:
        raise _kind(httpx, error)(str(error)) from error


def _kind(httpx: Any, error: BaseException) -> Any:
    if isinstance(error, u.ProxyError):
        return httpx.ProxyError
    if isinstance(error, u.ProtocolError) and any(isinstance(cause, TimeoutError) for cause in error.args):
        return httpx.WriteTimeout
    kinds = (
        (u.NewConnectionError, httpx.ConnectError),  # before ConnectTimeoutError, of which it is a kind
        (u.ConnectTimeoutError, httpx.ConnectTimeout),
        (u.ReadTimeoutError, httpx.ReadTimeout),
        (u.EmptyPoolError, httpx.PoolTimeout),
        (u.SSLError, httpx.ConnectError),
        (u.ProtocolError, httpx.RemoteProtocolError),
        (TimeoutError, httpx.WriteTimeout),
        (OSError, httpx.ReadError),
        (ValueError, httpx.LocalProtocolError),  # of a header or an address that can't be sent
    )
    return next((made for kind, made in kinds if isinstance(error, kind)), httpx.TransportError)
