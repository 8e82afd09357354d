"""Bedrock Runtime for threads: botocore's own client, its requests carried by `turnout.transport.threads_connections`.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. Ours sends
head and body as one, holds the call's deadline in streams too, and spares botocore's choice of a pool and a proxy for
each request.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urllib3 import exceptions as u

from turnout import runtime
from turnout.transport.arrival import arrived
from turnout.transport.botocore_exchange import Body, Named, headers_of
from turnout.transport.proxy import proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.threads_connections import Answer, Connections, Limits, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.settings import BedrockBackend


@cache
def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """A TLS context, shared: making one takes 45 ms. Without a bundle it trusts what botocore trusts."""
    from botocore.httpsession import DEFAULT_CA_BUNDLE

    return ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE)


runtime.renew_in_child(tls_context.cache_clear)  # a thread may have been using one


class ThreadTransport:
    """Sends botocore's prepared requests from threads.

    Args:
        backend: Its timeouts, proxy and connection limits.
    """

    def __init__(self, backend: BedrockBackend) -> None:
        self._connections = Connections(backend, lambda: tls_context(backend.ca_bundle))
        self._proxy = proxy_of(backend)
        self._limits = Limits(backend.connect_timeout, backend.timeout, backend.timeout)

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler."""
        from botocore.awsrequest import AWSResponse

        target, headers = _target(request.url), headers_of(request)
        with Named(request.url, _kind, self._proxy):
            answer = self._connections.send(request.method, target, headers, request.body, self._limits)
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


def _target(url: str) -> Target:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Target(parts.scheme, parts.hostname or "", parts.port, path, url)


def _kind(error: BaseException) -> Any:
    from botocore import exceptions as b

    if not isinstance(error, u.HTTPError | OSError):
        return None
    if isinstance(error, u.ProtocolError) and any(isinstance(cause, TimeoutError) for cause in error.args):
        return b.ReadTimeoutError  # of a request that wasn't taken in time
    kinds = (
        (u.ProxyError, b.ProxyConnectionError),
        (u.NewConnectionError, b.EndpointConnectionError),  # before ConnectTimeoutError, of which it is a kind
        (u.ConnectTimeoutError, b.ConnectTimeoutError),
        (u.EmptyPoolError, b.ConnectTimeoutError),
        (u.ReadTimeoutError, b.ReadTimeoutError),
        (u.SSLError, b.SSLError),
        (u.ProtocolError, b.ConnectionClosedError),
        (TimeoutError, b.ReadTimeoutError),
        (OSError, b.ConnectionClosedError),
    )
    return next((made for kind, made in kinds if isinstance(error, kind)), b.HTTPClientError)


def _parts(answer: Answer, url: str) -> Iterator[bytes]:
    with Named(url, _kind):
        yield from answer.parts()
