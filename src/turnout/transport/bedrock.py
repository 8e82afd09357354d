"""Bedrock Runtime: botocore's own client, its requests carried over the connections of threads or of event loops.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. On an event
loop, ours waits for aiohttp from the greenlet that botocore's code runs in. From a thread, it sends head and body as
one, applies the call's deadline to streams too, and spares botocore's choice of a pool and a proxy for each request.
Signing, parsing and event streams stay botocore's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.transport.arrival import arrived
from turnout.transport.asyncio_connections import AioConnections
from turnout.transport.greenlets import in_greenlet, wait
from turnout.transport.http_clients import tls_context
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingBotocore, of_aiohttp, of_urllib3
from turnout.transport.size_limit import bounded, refuse_deep
from turnout.transport.threads_connections import Answer, Connections, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import aiohttp

    from turnout.settings import BedrockBackend


class BedrockTransport:
    """Sends botocore's prepared requests, from threads and from greenlets of event loops."""

    def __init__(self, backend: BedrockBackend) -> None:
        needs_tls = not (backend.endpoint or "").startswith("http://")
        context = tls_context(backend, "botocore") if needs_tls else None
        self._threads = Connections(backend, context)
        self._loops = AioConnections(backend, context)
        self._timeouts = Timeouts(backend.connect_timeout, backend.timeout, backend.timeout)
        self._loop_timeouts = self._timeouts._replace(pool=None)

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler."""
        from botocore.awsrequest import AWSResponse

        # Some of botocore's headers are bytes.
        headers = {n: value.decode() if isinstance(value, bytes) else value for n, value in request.headers.items()}
        method, url, body = request.method, request.url, request.body
        on_loop = in_greenlet()
        answer: Any
        with RaisingBotocore(of_aiohttp if on_loop else of_urllib3, url, self._threads.proxy):
            if on_loop:
                answer = wait(self._loops.send(method, url, [*headers.items()], body, self._loop_timeouts))
            else:
                answer = self._threads.send(method, url, headers, body, self._timeouts)
        arrived()
        refuse(answer.status, answer.headers, url, answer.close)
        parts = _awaited_parts(answer, url) if on_loop else _parts(answer, url)
        response = AWSResponse(url, answer.status, answer.headers, _Body(parts, answer.close))
        if not request.stream_output or answer.status >= 300:
            refuse_deep(response.content)
        return response

    def close(self) -> None:
        """Close the connections of threads; a loop's close with it."""
        self._threads.close()


class _Body:
    """A body that comes in parts, none of them empty."""

    def __init__(self, parts: Iterator[bytes], close: Callable[[], object]) -> None:
        self._parts = bounded(parts)
        self._rest = b""
        self.close = close

    def read(self, amount: int | None = None) -> bytes:
        parts = [self._rest]
        size = len(self._rest)
        while amount is None or size < amount:
            part = next(self._parts, b"")
            if not part:
                break
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        end = size if amount is None else amount
        self._rest = data[end:]
        return data[:end]

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        if self._rest:
            yield self.read(len(self._rest))
        yield from self._parts


def _parts(answer: Answer, url: str) -> Iterator[bytes]:
    with RaisingBotocore(of_urllib3, url):
        yield from answer.parts()


def _awaited_parts(answer: aiohttp.ClientResponse, url: str) -> Iterator[bytes]:
    """Each waits in the greenlet. An answer that isn't read to its end is closed."""
    while True:
        try:
            with RaisingBotocore(of_aiohttp, url):
                part = wait(answer.content.readany())
        except BaseException:
            answer.close()
            raise
        if not part:
            return
        yield part
