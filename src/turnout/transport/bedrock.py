"""Bedrock Runtime: botocore's own client, its requests carried over the connections of threads or of event loops.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. On an event
loop, ours waits for aiohttp from the greenlet that botocore's code runs in. From a thread, it sends head and body as
one, applies the call's deadline to streams too, and spares botocore's choice of a pool and a proxy for each request.
Signing, parsing and event streams stay botocore's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from turnout.transport.arrival import arrived
from turnout.transport.asyncio_connections import AioConnections
from turnout.transport.greenlets import in_greenlet, wait
from turnout.transport.http_clients import tls_context
from turnout.transport.proxy import proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingBotocore, of_aiohttp, of_urllib3
from turnout.transport.size_limit import bounded
from turnout.transport.threads_connections import Answer, Connections, Destination, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    import aiohttp

    from turnout.settings import BedrockBackend


class BedrockTransport:
    """Sends botocore's prepared requests, from threads and from greenlets of event loops."""

    def __init__(self, backend: BedrockBackend) -> None:
        def tls() -> ssl.SSLContext:
            return tls_context(backend.ca_bundle, "botocore")

        self._proxy = proxy_of(backend)
        self._threads = Connections(backend, tls)
        self._loops = AioConnections(backend, tls)
        self._timeouts = Timeouts(backend.connect_timeout, backend.timeout, backend.timeout)
        self._loop_timeouts = self._timeouts._replace(pool=None)
        if not (backend.endpoint or "").startswith("http://"):
            tls()  # takes 45 ms, which the event loop is spared here

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler."""
        from botocore.awsrequest import AWSResponse

        send, of_library = (self._from_greenlet, of_aiohttp) if in_greenlet() else (self._from_thread, of_urllib3)
        # Some of botocore's headers are bytes.
        headers = {n: value.decode() if isinstance(value, bytes) else value for n, value in request.headers.items()}
        with RaisingBotocore(of_library, request.url, self._proxy):
            answer, parts = send(request, headers)
        arrived()
        refuse(answer.status, answer.headers, request.url, answer.close)
        response = AWSResponse(request.url, answer.status, answer.headers, _Body(parts, answer.close))
        if not request.stream_output or answer.status >= 300:
            response.content  # noqa: B018 - reads it
        return response

    def _from_thread(self, request: Any, headers: dict[str, str]) -> tuple[Answer, Iterator[bytes]]:
        url = urlsplit(request.url)
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        destination = Destination(url.scheme, url.hostname or "", url.port, path, request.url)
        answer = self._threads.send(request.method, destination, headers, request.body, self._timeouts)
        return answer, _parts(answer, request.url)

    def _from_greenlet(self, request: Any, headers: dict[str, str]) -> tuple[aiohttp.ClientResponse, Iterator[bytes]]:
        sent = self._loops.send(request.method, request.url, [*headers.items()], request.body, self._loop_timeouts)
        answer = wait(sent)
        return answer, _awaited_parts(answer, request.url)

    def close(self) -> None:
        """Close the connections of threads; a loop's close with it."""
        self._threads.close()


class _Body:
    """A body that comes in parts, none of them empty; `close` is called when no more of it is wanted."""

    def __init__(self, parts: Iterator[bytes], close: Callable[[], object]) -> None:
        self._parts = bounded(parts)
        self._rest = b""
        self.close = close

    def read(self, amount: int | None = None) -> bytes:
        """The next `amount` bytes, or fewer at its end; all of it without one."""
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
        """It as it comes."""
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
