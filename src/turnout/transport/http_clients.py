"""HTTP transports for the openai and anthropic SDKs: pooled, one TLS context a process, safe across event loops.

httpx's own pool looks at every connection for every request, under a lock: at 100 calls in flight that is 15 ms of CPU
a call, where aiohttp takes 0.3 ms. So threads have urllib3's connections, and each event loop has aiohttp's.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import urllib3

from turnout.errors import SettingsError
from turnout.runtime import Cache
from turnout.settings.environment import certificates
from turnout.transport.arrival import arrived
from turnout.transport.asyncio_connections import AioConnections
from turnout.transport.redirects import refuse
from turnout.transport.sdk_exceptions import RaisingHttpx, of_aiohttp, of_urllib3
from turnout.transport.size_limit import response_class
from turnout.transport.threads_connections import Answer, Connections, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator

    import aiohttp

    from turnout.settings import BackendSettings

Sdk = Literal["openai", "anthropic"]

_contexts: Cache[tuple[str | None, str | None, str], ssl.SSLContext] = Cache()


@cache
def sdk_httpx(sdk: Sdk = "openai") -> Any:
    """The HTTP library under an installed SDK: `httpx`, or since openai 3 and anthropic 2 `httpx2`."""
    homes = (base.__module__.partition(".")[0] for base in import_module(sdk).DefaultHttpxClient.__mro__)
    return import_module(next(home for home in homes if home in {"httpx", "httpx2"}))


def tls_context(backend: BackendSettings, sdk: Sdk | Literal["botocore"] = "openai") -> ssl.SSLContext:
    """A TLS context, shared: making one takes 45 ms. Without a bundle it trusts what the SDK trusts.

    Raises:
        SettingsError: The bundle or the client's certificate can't be read.
    """
    import ssl

    def make() -> ssl.SSLContext:
        context = trusting()
        if backend.tls_certificate is not None:
            with _named("tls_certificate", backend.tls_certificate, "a certificate and its key without a password"):
                context.load_cert_chain(backend.tls_certificate, password="")
        return context

    def trusting() -> ssl.SSLContext:
        if backend.ca_bundle is not None:
            with _named("ca_bundle", backend.ca_bundle, "certificates"):
                return ssl.create_default_context(cafile=backend.ca_bundle)
        if sdk == "botocore":
            from botocore.httpsession import DEFAULT_CA_BUNDLE

            return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE)
        trust_env = certificates("SSL_CERT_FILE", "SSL_CERT_DIR") is not None
        context: ssl.SSLContext = sdk_httpx(sdk).create_ssl_context(trust_env=trust_env)
        return context

    return _contexts.get_or_make((backend.ca_bundle, backend.tls_certificate, sdk), make)


@contextmanager
def _named(key: str, file: str, content: str) -> Iterator[None]:
    """Name the setting of a file that can't be read."""
    try:
        yield
    except OSError as error:  # as ssl's are
        from ssl import SSLError

        why = f"it is no PEM file with {content}" if isinstance(error, SSLError) else error.strerror
        raise SettingsError(f"{key} = {file!r} can't be read: {why}") from None


def sync_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The pooled transport for threads."""
    return thread_transport_class(sdk_httpx(sdk))(backend, tls_context(backend, sdk))


def async_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The transport for coroutines, with a pool for each event loop."""
    return aio_transport_class(sdk_httpx(sdk))(backend, tls_context(backend, sdk))


@cache
def thread_transport_class(httpx: Any) -> Any:
    """The transport's class for one of the HTTP libraries, `httpx` or `httpx2`."""

    class Body(httpx.SyncByteStream):  # type: ignore[misc] # the library comes when an SDK is first needed
        def __init__(self, answer: Answer) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            with RaisingHttpx(of_urllib3, httpx):
                yield from self._answer.parts()

        def close(self) -> None:
            self._answer.close()

    class ThreadTransport(httpx.BaseTransport):  # type: ignore[misc] # likewise
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._connections = Connections(backend, context)

        def handle_request(self, request: Any) -> Any:
            sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _sent(request)]
            headers: Any = dict(sent)
            if len(headers) < len(sent):
                headers = urllib3.HTTPHeaderDict(sent)
            with RaisingHttpx(of_urllib3, httpx, self._connections.proxy):
                answer = self._connections.send(
                    request.method, str(request.url), headers, request.read(), _timeouts(request)
                )
            arrived()
            refuse(answer.status, answer.headers, request.url, answer.close)
            got = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
            return _response(httpx, answer.status, got, Body(answer), answer.reason.encode("latin-1"))

        def close(self) -> None:
            self._connections.close()

    return ThreadTransport


@cache
def aio_transport_class(httpx: Any) -> Any:
    """Likewise for coroutines."""

    class Body(httpx.AsyncByteStream):  # type: ignore[misc] # likewise
        def __init__(self, response: aiohttp.ClientResponse) -> None:
            self._response = response

        async def __aiter__(self) -> AsyncIterator[bytes]:
            with RaisingHttpx(of_aiohttp, httpx):
                async for part in self._response.content.iter_any():
                    yield part

        async def aclose(self) -> None:
            if self._response.content.at_eof():
                self._response.release()
            else:
                self._response.close()

    class AioTransport(httpx.AsyncBaseTransport):  # type: ignore[misc] # likewise
        def __init__(self, backend: BackendSettings, context: ssl.SSLContext) -> None:
            self._connections = AioConnections(backend, context)

        async def handle_async_request(self, request: Any) -> Any:
            body = await request.aread()
            with RaisingHttpx(of_aiohttp, httpx, self._connections.proxy):
                answer = await self._connections.send(
                    request.method, str(request.url), _as_utf8(request), body, _timeouts(request)
                )
            arrived()
            refuse(answer.status, answer.headers, request.url, answer.close)
            reason = (answer.reason or "").encode(errors="surrogateescape")
            return _response(httpx, answer.status, list(answer.raw_headers), Body(answer), reason)

    return AioTransport


def _sent(request: Any) -> list[tuple[bytes, bytes]]:
    """A request's headers, without those of a stream, which is read by now."""
    return [header for header in request.headers.raw if header[0].lower() != b"transfer-encoding"]


def _timeouts(request: Any) -> Timeouts:
    limits = request.extensions.get("timeout", {})
    return Timeouts(limits.get("connect"), limits.get("read"), limits.get("pool"))


def _response(httpx: Any, status: int, headers: list[tuple[bytes, bytes]], body: Any, reason: bytes) -> Any:
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": reason}
    return response_class(httpx)(status, headers=headers, stream=body, extensions=extensions)


def _as_utf8(request: Any) -> list[tuple[str, str]]:
    """A request's headers as aiohttp takes them, which sends all text as UTF-8."""
    headers = []
    names: dict[bytes, str] = {}  # one spelling each: of two, aiohttp would send the last only
    for name, value in _sent(request):
        try:
            headers.append((names.setdefault(name.lower(), name.decode()), value.decode()))
        except UnicodeDecodeError:
            raise ValueError(f"the header {name.decode(errors='replace')!r} isn't UTF-8, and can't be sent") from None
    return headers
