"""The SDKs' own exceptions for a transport's: the SDKs and the tables of errors know no others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any

from urllib3 import exceptions as u

from turnout.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.transport.proxy import Proxy

    Names = tuple[str | None, str]  # the class for botocore, None for none, and for httpx

_URLLIB3: tuple[tuple[type[BaseException], Names], ...] = (
    (u.ProxyError, ("ProxyConnectionError", "ProxyError")),
    (u.NewConnectionError, ("EndpointConnectionError", "ConnectError")),  # it is a ConnectTimeoutError too
    (u.ConnectTimeoutError, ("ConnectTimeoutError", "ConnectTimeout")),
    (u.EmptyPoolError, ("ConnectTimeoutError", "PoolTimeout")),
    (u.ReadTimeoutError, ("ReadTimeoutError", "ReadTimeout")),
    (u.SSLError, ("SSLError", "ConnectError")),
    (u.ProtocolError, ("ConnectionClosedError", "RemoteProtocolError")),
    (TimeoutError, ("ReadTimeoutError", "WriteTimeout")),
    (OSError, ("ConnectionClosedError", "ReadError")),
    (u.LocationValueError, ("HTTPClientError", "LocalProtocolError")),
    (ValueError, (None, "LocalProtocolError")),  # of a header or an address that can't be sent
    (u.HTTPError, ("HTTPClientError", "TransportError")),
)


@cache
def _aiohttp() -> tuple[tuple[type[BaseException], Names], ...]:
    import aiohttp

    return (
        (aiohttp.ClientHttpProxyError, ("ProxyConnectionError", "ProxyError")),
        (aiohttp.ClientProxyConnectionError, ("ProxyConnectionError", "ProxyError")),
        (aiohttp.ConnectionTimeoutError, ("ConnectTimeoutError", "ConnectTimeout")),
        (TimeoutError, ("ReadTimeoutError", "ReadTimeout")),
        (aiohttp.ClientConnectorError, ("EndpointConnectionError", "ConnectError")),
        (aiohttp.ClientPayloadError, ("ConnectionClosedError", "RemoteProtocolError")),
        (aiohttp.ServerDisconnectedError, ("ConnectionClosedError", "RemoteProtocolError")),
        (aiohttp.ClientError, ("ConnectionClosedError", "ReadError")),
        (OSError, ("ConnectionClosedError", "ReadError")),
        (ValueError, (None, "LocalProtocolError")),
    )


def of_urllib3(error: BaseException) -> Names | None:
    """The names for what urllib3 raised."""
    if isinstance(error, u.ProtocolError) and any(isinstance(cause, TimeoutError) for cause in error.args):
        return "ReadTimeoutError", "WriteTimeout"  # of a request that wasn't taken in time
    return next((names for kind, names in _URLLIB3 if isinstance(error, kind)), None)


def of_aiohttp(error: BaseException) -> Names | None:
    """The names for what aiohttp raised."""
    return next((names for kind, names in _aiohttp() if isinstance(error, kind)), None)


class _Raising(ABC):
    """Raises an SDK's exceptions in the place of those under a block; `names_of` gives the names of their classes."""

    def __init__(self, names_of: Callable[[BaseException], Names | None], target: Any, proxy: Proxy | None = None):
        self._names_of = names_of
        self._target = target
        self._proxy = proxy

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (names := self._names_of(error)) and (made := self._made(names, error)) is not None:
            raise made from without_secrets(error)

    @abstractmethod
    def _made(self, names: Names, error: BaseException) -> Exception | None: ...


class RaisingBotocore(_Raising):
    """Raises botocore's, for a URL."""

    def _made(self, names: Names, error: BaseException) -> Exception | None:
        from botocore import exceptions

        if names[0] is None:
            return None
        proxy = "the proxy of the settings" if self._proxy is None else self._proxy.refused(error)
        made: Exception = getattr(exceptions, names[0])(endpoint_url=self._target, error=error, proxy_url=proxy)
        return made


class RaisingHttpx(_Raising):
    """Raises those of one of the HTTP libraries, `httpx` or `httpx2`."""

    def _made(self, names: Names, error: BaseException) -> Exception:
        message = self._proxy.refused(error) if self._proxy is not None and names[1] == "ProxyError" else str(error)
        made: Exception = getattr(self._target, names[1])(message)
        return made
