"""HTTP transports for the openai and anthropic SDKs: pooled, one TLS context a process, safe across event loops.

An async connection belongs to the loop that opened it; used from another it fails. So the async transport keeps one
pool for each running loop, and closes it when the loop shuts down.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from turnout import runtime
from turnout.settings.trust import certificates
from turnout.transport import asyncio_http as aio_transport
from turnout.transport import threads_http as thread_transport

if TYPE_CHECKING:
    import ssl

    import httpx
    from pydantic import SecretStr

    from turnout.providers.credentials.azure import TokenSource
    from turnout.settings import BackendSettings


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
        trust_env = certificates("SSL_CERT_FILE", "SSL_CERT_DIR") is not None
        context: ssl.SSLContext = sdk_httpx(sdk).create_ssl_context(trust_env=trust_env)
        return context
    return ssl.create_default_context(cafile=ca_bundle)


runtime.renew_in_child(tls_context.cache_clear)  # a thread may have been using one


def sync_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The pooled transport for threads."""
    return thread_transport.transport_class(sdk_httpx(sdk))(backend, tls_context(backend.ca_bundle, sdk))


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


def key_auth(key: SecretStr | None) -> httpx.Auth:
    """An `httpx.Auth` that puts a key on each request, and no token."""
    base: type[httpx.Auth] = sdk_httpx().Auth

    class KeyAuth(base):  # type: ignore[misc, valid-type]
        def auth_flow(self, request: Any) -> Any:
            request.headers.pop("Authorization", None)
            request.headers["api-key"] = key.get_secret_value() if key is not None else ""
            yield request

    made: httpx.Auth = KeyAuth()
    return made
