"""The openai and anthropic SDKs' HTTP for threads, over the connections of `turnout.transport.threads_connections`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import urllib3

from turnout.transport.arrival import arrived
from turnout.transport.proxy import proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingHttpx, of_urllib3
from turnout.transport.size_limit import response_class
from turnout.transport.threads_connections import Answer, Connections, Destination, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from turnout.settings import BackendSettings


@cache
def transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc]
        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            with RaisingHttpx(of_urllib3, httpx):
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
            with RaisingHttpx(of_urllib3, httpx, self._proxy):
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
