"""Connections of event loops, in aiohttp's sessions: one for each loop, closed when the loop shuts down."""

from __future__ import annotations

import asyncio
import atexit
import io
import socket
import threading
from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from urllib3.util import wait_for_read

from turnout import runtime
from turnout.transport.blocking import off_loop
from turnout.transport.fork_safety import open_socket, separate
from turnout.transport.proxy import proxy_of

if TYPE_CHECKING:
    import ssl

    import aiohttp

    from turnout.settings import BackendSettings
    from turnout.transport.threads_connections import Timeouts

_IDLE = 30.0  # seconds that a connection is kept without a call
_PATIENCE = 5.0  # seconds for streams that nobody reads any more, when their loop is closed
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
_LARGE = 2**20  # bytes of a body beyond which aiohttp wants a file, which it sends in parts


class AioConnections:
    """Sends requests over connections that are kept, each on the loop that opened it; `context` is for TLS."""

    def __init__(self, backend: BackendSettings, context: ssl.SSLContext | None) -> None:
        self._backend = backend
        self._context = context
        self.proxy = proxy_of(backend)
        self._lock = threading.Lock()
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        runtime.renewed_in_child(self)
        _opened.add(self)

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes | None, timeouts: Timeouts
    ) -> aiohttp.ClientResponse:
        """Send a request once. A proxy that is asked for a tunnel has headers of its own, otherwise the request's."""
        from yarl import URL

        session = await self._session()
        options: dict[str, Any] = {}
        if self.proxy is not None:
            options["proxy"] = self.proxy.url
            if url.startswith("https:"):
                options["proxy_headers"] = self.proxy.headers()
            else:
                headers = [*headers, *self.proxy.headers().items()]
        return await session.request(
            method,
            URL(url, encoded=True),  # as it was signed
            headers=headers,
            data=io.BytesIO(body) if body and len(body) > _LARGE else body or None,
            allow_redirects=False,
            skip_auto_headers=_NOT_ADDED,
            timeout=_timeout(timeouts),
            **options,
        )

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        found = self._sessions.get(loop)
        if found is not None:
            return found
        made = _new_session(self._backend, self._context)
        with self._lock:
            for gone in [known for known in self._sessions if known.is_closed()]:
                del self._sessions[gone]
        self._sessions[loop] = made
        # A loop has no hook for its end but its async generators, and not everybody who closes a loop closes those.
        close = loop.close

        def closing() -> None:
            self._close(loop, made)
            close()

        with suppress(AttributeError):  # of a loop without attributes, at whose end aiohttp warns
            loop.close = closing  # type: ignore[method-assign] # of this one instance
        return made

    def _close(self, loop: asyncio.AbstractEventLoop, made: aiohttp.ClientSession) -> None:
        """Close a session with its loop, which doesn't run any more."""
        if self._sessions.get(loop) is made and not (loop.is_closed() or loop.is_running()):  # not the parent's
            del self._sessions[loop]
            _finish(loop, made)

    def close(self) -> None:
        """Close the sessions of loops that nobody has closed, and that don't run."""
        for loop, made in list(self._sessions.items()):
            self._close(loop, made)

    def renew(self) -> None:
        """Leave what a forked child has from its parent."""
        runtime.drop(self, self._sessions)
        for loop in self._sessions:
            separate(loop)
        self._sessions = {}
        self._lock = threading.Lock()


_opened: WeakSet[AioConnections] = WeakSet()


@atexit.register
def _close_at_exit() -> None:
    for connections in list(_opened):
        connections.close()


def _finish(loop: asyncio.AbstractEventLoop, made: aiohttp.ClientSession) -> None:
    """Close a session on a loop that doesn't run, and the streams before it that nobody read to their end."""

    async def closing() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(loop.shutdown_asyncgens(), _PATIENCE)
        await made.close()

    work = closing()
    try:
        loop.run_until_complete(work)
    except RuntimeError:  # another loop runs in this thread
        work.close()


@lru_cache(maxsize=64)
def _timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(
        total=None, connect=timeouts.pool, sock_connect=timeouts.connect, sock_read=timeouts.read
    )


def _new_session(backend: BackendSettings, context: ssl.SSLContext | None) -> aiohttp.ClientSession:
    """A session that follows no variable of the environment, keeps no cookies and leaves bodies as they come."""
    import aiohttp

    connector = _connector_class()(
        limit=backend.max_connections,
        ssl=context or True,
        keepalive_timeout=_IDLE,
        resolver=_resolver_class()(),
        socket_factory=open_socket,
    )
    return aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())


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

        async def close(self) -> None: ...

    return Resolver
