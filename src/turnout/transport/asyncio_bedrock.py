"""Bedrock Runtime on an event loop: botocore's own client, its requests carried by aiohttp.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. Ours awaits
an aiohttp request from the greenlet that runs it. Signing, parsing and event streams stay botocore's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.transport.arrival import arrived
from turnout.transport.asyncio_session import new_session
from turnout.transport.botocore_exchange import Body, headers_of
from turnout.transport.greenlets import wait
from turnout.transport.http_clients import tls_context
from turnout.transport.per_loop import PerLoop
from turnout.transport.proxy import aio_options, proxy_of
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingBotocore, of_aiohttp
from turnout.transport.size_limit import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from turnout.settings import BedrockBackend


class AioTransport:
    """Sends botocore's prepared requests over aiohttp, with a pool for each event loop."""

    def __init__(self, backend: BedrockBackend) -> None:
        self._backend = backend
        self._proxy = proxy_of(backend)
        self._sessions: PerLoop[aiohttp.ClientSession] = PerLoop(self._session, lambda session: session.close())

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._backend.connect_timeout, sock_read=self._backend.timeout
        )
        return new_session(self._backend, tls_context(self._backend.ca_bundle, "botocore"), timeout=timeout)

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler, in a greenlet."""
        return wait(self._send(request))

    async def _send(self, request: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        response = await self._once(request)
        arrived()
        refuse(response.status, response.headers, request.url, response.close)
        if request.stream_output and response.status < 300:
            body = Body(_parts(response, request.url), response.close)
        else:
            with _read(response, request.url):
                whole = await joined(response.content.iter_any())
            body = Body(iter([whole]), response.close)
        return AWSResponse(request.url, response.status, response.headers, body)

    async def _once(self, request: Any) -> aiohttp.ClientResponse:
        from yarl import URL

        session = await self._sessions.get()
        by_proxy, added = aio_options(self._proxy, request.url.partition(":")[0])
        with RaisingBotocore(of_aiohttp, request.url, self._proxy):
            return await session.request(
                request.method,
                URL(request.url, encoded=True),  # as it was signed
                data=request.body,
                headers={**headers_of(request), **added},
                **by_proxy,
                allow_redirects=False,
            )


@contextmanager
def _read(response: aiohttp.ClientResponse, url: str) -> Iterator[None]:
    """Close an answer that isn't read to its end: it failed, or nobody waits for it any more."""
    try:
        with RaisingBotocore(of_aiohttp, url):
            yield
    except BaseException:
        response.close()
        raise


def _parts(response: aiohttp.ClientResponse, url: str) -> Iterator[bytes]:
    """Each waits in the greenlet."""
    while part := wait(_some(response, url)):
        yield part


async def _some(response: aiohttp.ClientResponse, url: str) -> bytes:
    with _read(response, url):
        return await response.content.readany()
