"""The aiohttp session of an event loop, for the SDKs' requests and for Bedrock's."""

from __future__ import annotations

import asyncio
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from urllib3.util import wait_for_read

from turnout.transport.blocking import off_loop
from turnout.transport.fork_safety import open_socket

if TYPE_CHECKING:
    import ssl

    import aiohttp

    from turnout.settings import BackendSettings

_IDLE = 30.0  # seconds that a connection is kept without a call


def new_session(backend: BackendSettings, context: ssl.SSLContext, **options: Any) -> aiohttp.ClientSession:
    """A session that follows no variable of the environment, keeps no cookies and leaves bodies as they come."""
    import aiohttp

    connector = _connector_class()(
        limit=backend.max_connections,
        ssl=context,
        keepalive_timeout=_IDLE,
        resolver=_resolver_class()(),
        socket_factory=open_socket,
    )
    return aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), **options
    )


@cache
def _connector_class() -> Any:
    import aiohttp

    class Connector(aiohttp.TCPConnector):
        """Gives no connection on which something came that no call asked for.

        aiohttp looks at that when a call gives a connection back, not when the next one takes it: what came in between
        would be the next call's answer.
        """

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._seen: WeakSet[Any] = WeakSet()

        async def connect(self, *arguments: Any, **options: Any) -> Any:
            for _ in range(self.limit + 1):  # those that are kept, and a new one
                connection = await super().connect(*arguments, **options)
                protocol: Any = connection.protocol
                if protocol not in self._seen:
                    self._seen.add(protocol)
                    return connection
                if not (protocol.should_close or _readable(connection.transport)):
                    return connection
                connection.close()
            raise aiohttp.ServerDisconnectedError("the service sends answers that no call asked for")

    return Connector


def _readable(transport: Any) -> bool:
    """Whether something has come that the event loop hasn't read yet."""
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return transport is None
    return wait_for_read(sock, timeout=0.0)


@cache
def _resolver_class() -> Any:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Resolver(AbstractResolver):
        """Looks up names as aiohttp does, on threads whose end the event loop doesn't wait for."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            async def found() -> list[ResolveResult]:
                return await aiohttp.ThreadedResolver().resolve(host, port, family)

            return await off_loop(lambda: asyncio.run(found()))

        async def close(self) -> None:
            """Nothing is kept."""

    return Resolver
