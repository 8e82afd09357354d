"""Connections of threads, in urllib3's pools: httpx's looks at every connection for every request, under a lock."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from functools import lru_cache, partial
from http.client import HTTPConnection as HTTPBase
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions as u
from urllib3.connection import HTTPConnection, HTTPSConnection

from turnout import runtime
from turnout.errors import ServiceTimeoutError
from turnout.transport import fork_safety
from turnout.transport.blocking import begin, result_in_time, within_deadline
from turnout.transport.deadline import in_time, remaining, shorter
from turnout.transport.http_responses import Reader, Response
from turnout.transport.proxy import proxy_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turnout.settings import BackendSettings

_PART = 65536  # bytes that are read at once, if so many are there
_SERVICES = 8  # hosts that one client may speak to and keep connections with

# What is between here and a service may forget an idle connection; these find that out, and keep it from happening.
_KEEPALIVE: list[tuple[int, int, int]] = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]


_NEVER = urllib3.Retry.from_int(False)


class _Connection:
    """What both kinds of connection do for a call: sends head and body as one, and keeps its deadline.

    Sent together, they are a system call less, which is a sixth of what a small request costs. A large request goes in
    parts, because the limit on the time that sending takes is for each of them.
    """

    sock: Any = None
    timeout: Any
    _unsent: list[bytes] | None = None
    _reader: Reader | None = None

    # urllib3's looks for headers to be left out, of which there are none here: 10 µs of each call.
    putheader = HTTPBase.putheader

    def connect(self) -> None:
        """Connect, with all that takes: looking up the name, trying its addresses, the proxy, TLS.

        The limit of a socket is for each of those, and a look-up has none. Ctrl-C is raised in the main thread, and
        would leave a socket open that no connection has yet.
        """
        self.timeout = shorter(self.timeout, in_time())
        own: Any = self
        abandoned = threading.Event()

        def connect() -> None:
            super(_Connection, self).connect()  # type: ignore[misc] # of the connection that this is mixed into
            fork_safety.track(self.sock)
            if abandoned.is_set():
                own.close()

        try:
            if threading.current_thread() is threading.main_thread():
                result_in_time(begin(connect), "a connection")
            else:
                within_deadline("a connection", connect)
        except BaseException as error:
            abandoned.set()
            if not isinstance(error, ServiceTimeoutError):
                raise
            raise u.ConnectTimeoutError(own, str(error)) from error

    def request(self, *arguments: Any, **options: Any) -> None:
        unsent: list[bytes] = []
        self._unsent = unsent
        try:
            super().request(*arguments, **options)  # type: ignore[misc] # likewise
        finally:
            self._unsent = None
        whole = b"".join(unsent)
        for start in range(0, len(whole), _PART):
            self.send(whole[start : start + _PART])

    def send(self, data: Any) -> None:
        if self._unsent is not None:
            self._unsent.append(data)
            return
        if self.sock is not None:  # of an earlier call it has that one's limit
            self.sock.settimeout(shorter(self.timeout, in_time()))
        super().send(data)  # type: ignore[misc] # likewise

    def response_class(self, sock: Any, *arguments: Any, **options: Any) -> Response:
        made = Response(sock, *arguments, **options)
        self._reader = made.reader
        return made

    @property
    def is_connected(self) -> bool:
        """Whether another call may use it: nothing has come that no call asked for."""
        if self._reader is not None and self._reader.unasked:
            return False
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        return bool(super().is_connected)  # type: ignore[misc] # likewise

    def close(self) -> None:
        """Close it, though Ctrl-C comes meanwhile."""
        sock = self.sock
        try:
            super().close()  # type: ignore[misc] # likewise
        finally:
            if sock is not None:
                sock.close()

    def __del__(self) -> None:
        """Close what was forgotten: Ctrl-C may come while a connection is taken from its pool."""
        own: Any = self
        if own.sock is not None:
            own.close()


class _Plain(_Connection, HTTPConnection):  # type: ignore[misc] # a method makes the responses
    pass


class _Tls(_Connection, HTTPSConnection):  # type: ignore[misc] # likewise
    pass


_taken: dict[int, _Reentrant] = {}
"""Where each thread's request has a connection from, until the answer has it, or it is put back."""


class _Reentrant(queue.LifoQueue[Any]):
    """A pool's connections.

    One may come back at any moment, even while the same thread takes another: a forgotten stream is closed whenever the
    garbage collector runs. With a plain lock, as in httpx's pool, the thread would then wait for itself.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.renew()
        runtime.renewed_in_child(self)

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 - the queue's
        self.queue: Any = {}  # whose last key is taken first: what is put twice after Ctrl-C is there once

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Give back a connection, or the place of one; more than there may be are of no use."""
        if item in self.queue:
            return
        try:
            super().put(item, block, timeout)
        except queue.Full:
            if item is not None:
                item.close()

    def _put(self, item: Any) -> None:
        self.queue[object() if item is None else item] = None
        _taken.pop(threading.get_ident(), None)

    def _get(self) -> Any:
        _taken[threading.get_ident()] = self
        item = self.queue.popitem()[0]
        return item if isinstance(item, _Connection) else None

    def renew(self) -> None:
        """No thread takes or gives back a connection, in a forked child."""
        lock: Any = threading.RLock()
        self.mutex = lock
        self.not_empty = threading.Condition(lock)
        self.not_full = threading.Condition(lock)
        self.all_tasks_done = threading.Condition(lock)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain
    QueueCls = _Reentrant


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Tls
    QueueCls = _Reentrant


class Timeouts(NamedTuple):
    """Seconds to connect, for the next bytes to come, and for one of the pool's connections to be free, if limited."""

    connect: float | None
    read: float | None
    pool: float | None

    def within(self, left: float | None) -> Timeouts:
        """These, and none beyond the seconds that a call has left."""
        if left is None:
            return self
        return Timeouts(*(shorter(limit, left) for limit in self))


@lru_cache(maxsize=256)
def _split(url: str) -> tuple[tuple[str, str, int | None], str]:
    """Where a request goes, as scheme, host and port, and its path with the query."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return (parts.scheme, parts.hostname or "", parts.port), path


@lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None) -> urllib3.Timeout:
    """Kept, because a pool makes a copy of its own for each request, and each checks its numbers."""
    return urllib3.Timeout(connect=connect, read=read)


class Answer:
    """An answer whose body is still to be read; its connection goes back when that is done."""

    _response: Any = None

    def __init__(self, response: Any, in_use: set[Any]) -> None:
        self.status: int = response.status
        self.reason: str = response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        # A forgotten answer is collected with all that only it refers to, in any order: its connection must be left
        # when it is closed, so that is referred to from elsewhere.
        self._in_use = in_use
        self._response = response
        in_use.add(response)

    def parts(self) -> Iterator[bytes]:
        """The body as it comes, not decoded; no part takes longer than the call's deadline allows."""
        while part := self._response.read1(_PART, decode_content=False):
            yield part

    def close(self) -> None:
        """Be done with it: read to its end, it has given its connection back; otherwise that is of no more use."""
        if self._response is None:
            return
        self._response.close()
        self._response.release_conn()
        self._in_use.discard(self._response)

    def __del__(self) -> None:
        self.close()


class Connections:
    """Sends requests over connections that are kept; `context` is for TLS."""

    def __init__(self, backend: BackendSettings, context: ssl.SSLContext | None) -> None:
        self.proxy = proxy_of(backend)
        manager: Any = urllib3.PoolManager
        if self.proxy is not None:
            manager = partial(urllib3.ProxyManager, self.proxy.url, proxy_headers=self.proxy.headers())
        self._manager = manager(
            num_pools=_SERVICES,
            maxsize=backend.max_connections,
            block=True,
            ssl_context=context,
            socket_options=_KEEPALIVE,
        )
        self._manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._direct: dict[tuple[str, str, int | None], Any] = {}
        self._in_use: set[Any] = set()

    def send(self, method: str, url: str, headers: Any, body: bytes | None, timeouts: Timeouts) -> Answer:
        """Send a request once; beside its timeouts a call's deadline applies."""
        pool, target = self._manager, url
        if self.proxy is None:
            origin, target = _split(url)
            pool = self._direct.get(origin)
            if pool is None:
                scheme, host, port = origin
                pool = self._direct[origin] = self._manager.connection_from_host(host, port, scheme)
        timeouts = timeouts.within(remaining())
        response: Any = None
        answer: Answer | None = None
        thread = threading.get_ident()
        _taken.pop(thread, None)
        try:
            response = pool.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                redirect=False,
                retries=_NEVER,
                preload_content=False,
                decode_content=False,
                timeout=_timeout(timeouts.connect, timeouts.read),
                pool_timeout=timeouts.pool,
            )
            answer = Answer(response, self._in_use)
        finally:
            if answer is None and response is not None:  # Ctrl-C came on the way, as below
                response.close()
                response.release_conn()
            source = _taken.pop(thread, None)
            if answer is None and source is not None:  # there would be one less for good
                source.put(None, block=False)
        return answer

    def close(self) -> None:
        """Close the connections; those that are in use, when they come back."""
        for pool in self._direct.values():
            pool.close()
        self._direct.clear()
        self._manager.clear()
