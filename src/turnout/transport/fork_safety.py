"""Connections and event loops that a forked child has from its parent.

They are the parent's: a TLS goodbye written here ends its conversation, and a socket that is taken here from an event
loop's epoll is taken from the parent's too, which is the same one. So in the child each connection is replaced by one
that has ended, under the same number, and each loop gets an epoll, a wake-up pipe and threads of its own.
"""

from __future__ import annotations

import os
import select
import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from turnout import runtime

if TYPE_CHECKING:
    import asyncio

_sockets: WeakSet[Any] = WeakSet()


def track(connection: Any) -> None:
    """Remember a connection's socket, for as long as it is there."""
    _sockets.add(connection)


def open_socket(address: Any) -> socket.socket:
    """Make a socket for an address as `getaddrinfo` gives it; it is remembered."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    track(made)
    return made


def _end_all() -> None:
    inherited = list(_sockets)
    _sockets.clear()
    runtime.drop(inherited)
    numbers = [number for one in inherited if (number := one.fileno()) >= 0]
    if numbers:
        ended, other = socket.socketpair()
        other.close()
        for number in numbers:
            os.dup2(ended.fileno(), number, inheritable=False)
        ended.close()


def separate(loop: asyncio.AbstractEventLoop) -> None:
    """Have an inherited event loop share nothing with the parent's, so that it may be run, closed or left."""
    runtime.drop(loop)
    if loop.is_closed():
        return
    wake, woken = getattr(loop, "_csock", None), getattr(loop, "_ssock", None)
    if wake is not None and woken is not None:
        for mine, inherited in zip(socket.socketpair(), (woken, wake), strict=True):
            mine.setblocking(False)
            os.dup2(mine.fileno(), inherited.fileno(), inheritable=False)
            mine.close()
    if getattr(loop, "_default_executor", None) is not None:
        runtime.drop(vars(loop)["_default_executor"])
        vars(loop)["_default_executor"] = None  # its threads are the parent's; another is made when one is needed
    selector: Any = getattr(loop, "_selector", None)
    kind: Any = getattr(selectors, "EpollSelector", None)
    if kind is not None and isinstance(selector, kind):
        own = select.epoll()
        os.dup2(own.fileno(), selector.fileno(), inheritable=False)
        own.close()
        for key in list(selector.get_map().values()):
            with suppress(KeyError, ValueError, OSError):  # of one that was closed
                selector.unregister(key.fileobj)
                selector.register(key.fileobj, key.events, key.data)


runtime.renew_in_child(_end_all)
