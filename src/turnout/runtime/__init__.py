"""What the process keeps (`Cache`), closed by one `close`, and forks.

A forked child has a copy of everything and none of the threads but its own. A lock that another thread held at that
moment is never released there, and what is closed there may be in use in the parent. So caches begin empty in a child,
other modules register what they renew there, and what is dropped is never finalised.
"""

from __future__ import annotations

import _imp
import atexit
import gc
import os
import sys
import time
from contextlib import contextmanager
from functools import cached_property
from threading import Event, RLock, get_ident
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from turnout.runtime.cache import Cache, caches
from turnout.runtime.imports import repair_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["Cache", "Renewable", "close", "drop", "ends", "fork_waits", "renew_in_child", "renewed_in_child"]

_PATIENCE = 0.7  # seconds that a fork waits at most for what other threads are in the middle of
_MOMENT = 0.001

# OpenSSL works under locks of the process's, and a module in C that is half made can't be made again. Each takes some
# milliseconds, and a handshake what its peer takes.
_WITHIN = {
    ("ssl", "SSLContext.__new__"),
    ("ssl", "create_default_context"),
    ("ssl", "SSLContext.load_default_certs"),
    ("ssl", "SSLSocket.do_handshake"),
    ("ssl", "SSLObject.do_handshake"),
    ("botocore.httpsession", "create_urllib3_context"),
    ("httpx._config", "create_ssl_context"),
    ("httpx2._config", "create_ssl_context"),
    ("urllib3.util.ssl_", "create_urllib3_context"),
    ("urllib3.util.ssl_", "ssl_wrap_socket"),
    ("importlib._bootstrap_external", "ExtensionFileLoader.create_module"),
    ("importlib._bootstrap_external", "ExtensionFileLoader.exec_module"),
}


class Renewable(Protocol):
    """What is renewed in a forked child."""

    def renew(self) -> None:
        """Be as new: locks are free, and nothing of the parent's is used. Called in the child alone."""


_renewals: list[Callable[[], object]] = []
_renewable: WeakSet[Renewable] = WeakSet()
_ending = Event()
_dropped: list[object] = []
_busy: set[int] = set()
_properties: list[Any] = []  # cached properties that other threads were computing when the fork began


def close() -> None:
    """Close and forget all that the process keeps: clients with their connections, and what was made of them.

    The next call makes them anew.
    """
    forgotten = [(cache, cache.clear()) for cache in caches]  # all first, so that nothing is made of what is closed
    for cache, values in reversed(forgotten):
        cache.close(values)


def ends() -> bool:
    """Whether the process is about to end: what it keeps is closed, and threads that still run go with it."""
    return _ending.is_set()


def _close_at_exit() -> None:
    _ending.set()
    close()


def renew_in_child(renew: Callable[[], object]) -> None:
    """Have a function called in each forked child, in the order in which they were registered."""
    _renewals.append(renew)


def renewed_in_child(thing: Renewable) -> None:
    """Have an object renewed in each forked child while it exists, after the functions of `renew_in_child`."""
    _renewable.add(thing)


def drop(*things: object) -> None:
    """Never finalise a parent's things in the child, not at its end either: that would end the parent's connections."""
    _dropped.extend(things)


@contextmanager
def fork_waits() -> Iterator[None]:
    """A fork by another thread waits for what is done here, for less than a second.

    It is for what takes milliseconds and can't be renewed: a library's own locks.
    """
    thread = get_ident()
    nested = thread in _busy
    _busy.add(thread)
    try:
        yield
    finally:
        if not nested:
            _busy.discard(thread)


def _before() -> None:
    ends = time.monotonic() + _PATIENCE
    while (_busy - {get_ident()} or _is_other_thread_within()) and time.monotonic() < ends:
        time.sleep(_MOMENT)
    if sys.version_info < (3, 12):  # since then they have no lock; before, one for all instances
        get: Any = cached_property.__get__
        _properties[:] = [frame.f_locals["self"] for frame in _other_frames() if frame.f_code is get.__code__]


def _is_other_thread_within() -> bool:
    """Whether another thread is in the middle of what a child could neither finish nor begin anew."""
    return _imp.lock_held() or any(
        (frame.f_globals.get("__name__"), frame.f_code.co_qualname) in _WITHIN for frame in _other_frames()
    )


def _other_frames() -> Iterator[FrameType]:
    for thread, top in sys._current_frames().items():  # noqa: SLF001 - public, whatever its name
        frame: FrameType | None = top if thread != get_ident() else None
        while frame is not None:
            yield frame
            frame = frame.f_back


def _in_child() -> None:
    collecting = gc.isenabled()
    gc.disable()  # nothing of the parent's is finalised before it is renewed
    try:
        _busy.intersection_update({get_ident()})
        for computed in _properties:
            computed.lock = RLock()
        _properties.clear()
        repair_imports()
        for cache in caches:
            drop(cache.renew())
        for renew in _renewals:
            renew()
        for thing in list(_renewable):
            thing.renew()
        gc.freeze()  # what the parent left to be collected isn't finalised here: Chroma's client waits for its threads
    finally:
        if collecting:
            gc.enable()


if sys.implementation.name == "cpython":  # the interpreter finalises what modules hold when it ends
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_dropped))
atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
