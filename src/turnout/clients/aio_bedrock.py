"""Bedrock Runtime on an event loop: botocore's own client, its requests carried by aiohttp.

botocore emits `before-send` with each signed request, and takes what a handler returns for the response. Ours awaits
an aiohttp request on the bridge. Signing, parsing and event streams stay botocore's.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from turnout.clients.bridge import on_bridge, wait
from turnout.clients.per_loop import PerLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from turnout.settings import BedrockBackend


class AioTransport:
    """Sends botocore's prepared requests over aiohttp, with a pool for each event loop.

    Args:
        backend: Its timeouts and connection limits.
    """

    def __init__(self, backend: BedrockBackend) -> None:
        self._backend = backend
        self._sessions: PerLoop[aiohttp.ClientSession] = PerLoop(self._session, lambda session: session.close())

    def _session(self) -> aiohttp.ClientSession:
        import aiohttp
        from botocore.httpsession import DEFAULT_CA_BUNDLE

        context = ssl.create_default_context(cafile=self._backend.ca_bundle or DEFAULT_CA_BUNDLE)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._backend.connect_timeout, sock_read=self._backend.timeout
        )
        connector = aiohttp.TCPConnector(limit=self._backend.max_connections, ssl=context)
        return aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)

    def before_send(self, request: Any, **_: Any) -> Any:
        """Botocore's `before-send` handler: the response, or None off the bridge, for botocore to send itself."""
        return wait(self._send(request)) if on_bridge() else None

    async def _send(self, request: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        response = await self._once(request)
        headers = _Headers((name, value) for name, value in response.headers.items())
        if request.stream_output and response.status < 300:
            return AWSResponse(request.url, response.status, headers, _Stream(response, request.url))
        body = await self._whole(response, request.url)
        return AWSResponse(request.url, response.status, headers, _Body(body))

    async def _once(self, request: Any) -> aiohttp.ClientResponse:
        from yarl import URL

        session = await self._sessions.get()
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        proxy = self._backend.proxy.get_secret_value() if self._backend.proxy else None
        with _named(request.url):
            return await session.request(
                request.method,
                URL(request.url, encoded=True),  # as it was signed
                data=request.body,
                headers=headers,
                proxy=proxy,
                allow_redirects=False,
            )

    async def _whole(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        with _named(url):
            return await response.read()


class _named:  # noqa: N801 - read as a word
    """Raises botocore's own exceptions for aiohttp's, so that one table serves both."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        import aiohttp
        from botocore import exceptions as b

        if error is None:
            return
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            raise b.ConnectTimeoutError(endpoint_url=self._url) from error
        if isinstance(error, TimeoutError):
            raise b.ReadTimeoutError(endpoint_url=self._url) from error
        if isinstance(error, aiohttp.ClientConnectorError):
            raise b.EndpointConnectionError(endpoint_url=self._url) from error
        if isinstance(error, aiohttp.ClientError | OSError):
            raise b.ConnectionClosedError(endpoint_url=self._url) from error


class _Headers(dict[str, str]):
    """Response headers, found in whatever case."""

    def __init__(self, items: Iterator[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in items)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


class _Body:
    """A body that is here already, as botocore reads one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, amount: int | None = None) -> bytes:
        size = len(self._data) if amount is None else amount
        part, self._data = self._data[:size], self._data[size:]
        return part

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        if self._data:
            yield self.read()

    def close(self) -> None:
        self._data = b""


class _Stream:
    """A body that comes as it comes; each read waits on the bridge."""

    def __init__(self, response: aiohttp.ClientResponse, url: str) -> None:
        self._response = response
        self._url = url
        self._rest = b""

    def read(self, amount: int | None = None) -> bytes:
        parts = [self._rest]
        size = len(self._rest)
        self._rest = b""
        while amount is None or size < amount:
            part = wait(self._some())
            if not part:
                break
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        if amount is not None:
            data, self._rest = data[:amount], data[amount:]
        return data

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        while part := wait(self._some()):
            yield part

    async def _some(self) -> bytes:
        with _named(self._url):
            return await self._response.content.readany()

    def close(self) -> None:
        self._response.close()
