"""HTTP transports for the openai and anthropic SDKs: pooled, one TLS context a process, safe across event loops.

An async connection belongs to the loop that opened it; used from another it fails. So the async transport keeps one
pool for each running loop, and closes it when the loop shuts down.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from turnout.clients import aio_transport, thread_transport

if TYPE_CHECKING:
    import ssl

    import httpx

    from turnout.credentials.azure import TokenSource
    from turnout.settings import BackendSettings


_KEPT_ALIVE = 100  # idle connections: httpx looks at each of them whenever a request begins or ends

Sdk = Literal["openai", "anthropic"]


@cache
def sdk_httpx(sdk: Sdk = "openai") -> Any:
    """The HTTP library under an installed SDK: `httpx`, or since openai 3 and anthropic 2 `httpx2`."""
    homes = (base.__module__.partition(".")[0] for base in import_module(sdk).DefaultHttpxClient.__mro__)
    return import_module(next(home for home in homes if home in {"httpx", "httpx2"}))


@cache
def tls_context(ca_bundle: str | None, sdk: Sdk = "openai") -> ssl.SSLContext:
    """A TLS context, shared: making one takes 45 ms, half of a client's construction."""
    import ssl

    if ca_bundle is None:
        context: ssl.SSLContext = sdk_httpx(sdk).create_ssl_context()
        return context
    return ssl.create_default_context(cafile=ca_bundle)


def _options(backend: BackendSettings, sdk: Sdk) -> dict[str, Any]:
    httpx = sdk_httpx(sdk)
    limits = httpx.Limits(
        max_connections=backend.max_connections,
        max_keepalive_connections=min(_KEPT_ALIVE, backend.max_connections),
        keepalive_expiry=30.0,
    )
    proxy = backend.proxy.get_secret_value() if backend.proxy else None
    return {"limits": limits, "verify": tls_context(backend.ca_bundle, sdk), "proxy": proxy}


def sync_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The pooled transport for threads; behind a proxy it is the one of the SDK's own HTTP library."""
    if backend.proxy is None:
        return thread_transport.transport_class(sdk_httpx(sdk))(backend, tls_context(backend.ca_bundle, sdk))
    return _proxied_class(sdk_httpx(sdk))(**_options(backend, sdk))


@cache
def _proxied_class(httpx: Any) -> Any:
    class DatedTransport(httpx.HTTPTransport):  # type: ignore[misc]
        """Waits for a call's bytes no longer than its deadline is away."""

        def handle_request(self, request: Any) -> Any:
            request.extensions = {**request.extensions, "timeout": thread_transport.limits_of(request)}
            return super().handle_request(request)

    return DatedTransport


def async_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The transport for coroutines, with a pool for each event loop."""
    return aio_transport.transport_class(sdk_httpx(sdk))(backend, tls_context(backend.ca_bundle, sdk))


def bearer_auth(tokens: TokenSource) -> httpx.Auth:
    """An `httpx.Auth` that puts a fresh token on each request."""
    base: type[httpx.Auth] = sdk_httpx().Auth

    class BearerAuth(base):  # type: ignore[misc, valid-type]
        def sync_auth_flow(self, request: Any) -> Any:
            request.headers["Authorization"] = f"Bearer {tokens()}"
            yield request

        async def async_auth_flow(self, request: Any) -> Any:
            request.headers["Authorization"] = f"Bearer {await tokens.aget()}"
            yield request

    made: httpx.Auth = BearerAuth()
    return made
