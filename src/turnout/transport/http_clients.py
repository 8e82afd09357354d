"""HTTP transports for the openai and anthropic SDKs: pooled, one TLS context a process, safe across event loops.

An async connection belongs to the loop that opened it; used from another it fails. So the async transport keeps one
pool for each running loop, and closes it when the loop shuts down.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from turnout.runtime import Cache
from turnout.settings.trust import certificates
from turnout.transport import asyncio_http, threads_http

if TYPE_CHECKING:
    import ssl

    from turnout.settings import BackendSettings

Sdk = Literal["openai", "anthropic"]

_contexts: Cache[tuple[str | None, str], ssl.SSLContext] = Cache()


@cache
def sdk_httpx(sdk: Sdk = "openai") -> Any:
    """The HTTP library under an installed SDK: `httpx`, or since openai 3 and anthropic 2 `httpx2`."""
    homes = (base.__module__.partition(".")[0] for base in import_module(sdk).DefaultHttpxClient.__mro__)
    return import_module(next(home for home in homes if home in {"httpx", "httpx2"}))


def tls_context(ca_bundle: str | None, sdk: Sdk | Literal["botocore"] = "openai") -> ssl.SSLContext:
    """A TLS context, shared: making one takes 45 ms. Without a bundle it trusts what the SDK trusts."""
    import ssl

    def make() -> ssl.SSLContext:
        if ca_bundle is not None:
            return ssl.create_default_context(cafile=ca_bundle)
        if sdk == "botocore":
            from botocore.httpsession import DEFAULT_CA_BUNDLE

            return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE)
        trust_env = certificates("SSL_CERT_FILE", "SSL_CERT_DIR") is not None
        context: ssl.SSLContext = sdk_httpx(sdk).create_ssl_context(trust_env=trust_env)
        return context

    return _contexts.get_or_make((ca_bundle, sdk), make)


def sync_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The pooled transport for threads."""
    return threads_http.transport_class(sdk_httpx(sdk))(backend, tls_context(backend.ca_bundle, sdk))


def async_transport(backend: BackendSettings, sdk: Sdk = "openai") -> Any:
    """The transport for coroutines, with a pool for each event loop."""
    return asyncio_http.transport_class(sdk_httpx(sdk))(backend, tls_context(backend.ca_bundle, sdk))
