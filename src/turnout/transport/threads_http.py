"""The openai and anthropic SDKs' HTTP for threads, over the connections of `turnout.transport.threads_connections`."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import exceptions as u

from turnout.redaction.sdk_errors import without_secrets
from turnout.transport.arrival import arrived
from turnout.transport.proxy import proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.size_limit import response_class
from turnout.transport.threads_connections import Answer, Connections, Destination, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from turnout.settings import BackendSettings
    from turnout.transport.proxy import Proxy


@cache
def transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            with _as_httpx(httpx):
                yield from self._answer.parts()

        def close(self) -> None:
            self._answer.close()

    class ThreadTransport(httpx.BaseTransport):  # type: ignore[misc]
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._connections = Connections(backend, lambda: context)
            self._proxy = proxy_of(backend)

        def handle_request(self, request: Any) -> Any:
            limits = request.extensions.get("timeout", {})
            sent = [
                (name.decode("latin-1"), value)
                for name, value in request.headers.raw
                if name.lower() != b"transfer-encoding"  # of a stream, which is read by now
            ]
            headers: Any = dict(sent)
            if len(headers) < len(sent):
                headers = urllib3.HTTPHeaderDict([(name, value.decode("latin-1")) for name, value in sent])
            with _as_httpx(httpx, self._proxy):
                answer = self._connections.send(
                    request.method,
                    _destination(request.url),
                    headers,
                    request.read(),
                    Timeouts(limits.get("connect"), limits.get("read"), limits.get("pool")),
                )
            arrived()
            refuse(answer.status, answer.headers, request.url, answer.close)
            return response_class(httpx)(
                answer.status,
                headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()],
                stream=Body(answer),
                extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("latin-1")},
            )

        def close(self) -> None:
            self._connections.close()

    return ThreadTransport


def _destination(url: Any) -> Destination:
    return Destination(url.scheme, url.raw_host.decode("ascii"), url.port, url.raw_path.decode("ascii"), url)


@contextmanager
def _as_httpx(httpx: Any, proxy: Proxy | None = None) -> Iterator[None]:
    """Raise the HTTP library's own exceptions for urllib3's: the SDKs know no others."""
    try:
        yield
    except u.ProxyError as error:
        raise httpx.ProxyError(proxy.refused(error) if proxy else str(error)) from without_secrets(error)
    except (u.HTTPError, OSError, ValueError) as error:
        raise _kind(httpx, error)(str(error)) from error


def _kind(httpx: Any, error: BaseException) -> Any:
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
