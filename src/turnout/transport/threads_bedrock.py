"""Bedrock Runtime for threads: botocore's own client, its requests carried by `turnout.transport.threads_connections`.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. Ours sends
head and body as one, applies the call's deadline to streams too, and spares botocore's choice of a pool and a proxy for
each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnout.transport.arrival import arrived
from turnout.transport.botocore_exchange import Body, headers_of
from turnout.transport.http_clients import tls_context
from turnout.transport.proxy import proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingBotocore, of_urllib3
from turnout.transport.threads_connections import Answer, Connections, Destination, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.settings import BedrockBackend


class ThreadTransport:
    """Sends botocore's prepared requests from threads."""

    def __init__(self, backend: BedrockBackend) -> None:
        self._connections = Connections(backend, lambda: tls_context(backend.ca_bundle, "botocore"))
        self._proxy = proxy_of(backend)
        self._timeouts = Timeouts(backend.connect_timeout, backend.timeout, backend.timeout)

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler."""
        from botocore.awsrequest import AWSResponse

        destination, headers = _destination(request.url), headers_of(request)
        with RaisingBotocore(of_urllib3, request.url, self._proxy):
            answer = self._connections.send(request.method, destination, headers, request.body, self._timeouts)
        arrived()
        refuse(answer.status, answer.headers, request.url, answer.close)
        body = Body(_parts(answer, request.url), answer.close)
        response = AWSResponse(request.url, answer.status, answer.headers, body)
        if not request.stream_output:
            response.content  # noqa: B018 - reads it
        return response

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()


def _destination(url: str) -> Destination:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Destination(parts.scheme, parts.hostname or "", parts.port, path, url)


def _parts(answer: Answer, url: str) -> Iterator[bytes]:
    with RaisingBotocore(of_urllib3, url):
        yield from answer.parts()
