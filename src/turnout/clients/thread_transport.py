"""The SDKs' HTTP for threads, over urllib3: httpx's pool looks at every connection for every request, under a lock."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import urllib3
from urllib3 import exceptions as u
from urllib3.connection import HTTPConnection

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
        "retries": False,
        "socket_options": _KEEPALIVE,
    }
    if backend.proxy is not None:
        proxy = urllib3.util.parse_url(backend.proxy.get_secret_value())
        login = urllib3.make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else None
        return urllib3.ProxyManager(proxy._replace(auth=None).url, proxy_headers=login, **options)
    return urllib3.PoolManager(**options)


@cache
def transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, response: urllib3.HTTPResponse) -> None:
            self._response = response

        def __iter__(self) -> Iterator[bytes]:
            with _as_httpx(httpx):
                while part := self._response.read1(_PART, decode_content=False):
                    yield part

        def close(self) -> None:
            # Read to its end, the answer has given its connection back; otherwise that is of no more use.
            self._response.close()
            self._response.release_conn()

    class ThreadTransport(httpx.BaseTransport):  # type: ignore[misc]
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._pools = _manager(backend, context)

        def handle_request(self, request: Any) -> Any:
            limits = limits_of(request)
            headers = urllib3.HTTPHeaderDict()
            for name, value in request.headers.raw:
                if name.lower() != b"transfer-encoding":  # of a stream, which is read by now
                    headers.add(name.decode("latin-1"), value.decode("latin-1"))
            with _as_httpx(httpx):
                response: Any = self._pools.urlopen(
                    request.method,
                    str(request.url),
                    body=request.read(),
                    headers=headers,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=limits.get("connect"), read=limits.get("read")),
                    pool_timeout=limits.get("pool"),
                )
            return httpx.Response(
                response.status,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()],
                stream=Body(response),
                extensions={"http_version": b"HTTP/1.1", "reason_phrase": (response.reason or "").encode("latin-1")},
            )

        def close(self) -> None:
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
