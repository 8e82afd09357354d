"""What the process holds, and forks: the one place that hears of them.

A forked child has a copy of everything and none of the threads but its own. A lock that another thread held at that
moment is never released there, and what is closed there may be in use here. So each module says what it renews in a
child, and what it drops is never finalised.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from turnout.runtime import imports as import_repair
from turnout.runtime.threads import Properties, in_the_middle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 0.5  # seconds that a fork waits at most for what other threads are in the middle of
_MOMENT = 0.001


class Renewable(Protocol):
    """What is renewed in a forked child."""

    def renew(self) -> None:
        """Be as new: locks are free, and nothing of the parent's is used. Called in the child alone."""


_renewals: list[Callable[[], object]] = []
_renewable: WeakSet[Renewable] = WeakSet()
_dropped: list[object] = []
_busy: set[int] = set()
_properties = Properties()


def renew_in_child(renew: Callable[[], object]) -> None:
    """Have a function called in each forked child, in the order in which they were given."""
    _renewals.append(renew)


def renewed_in_child(thing: Renewable) -> None:
    """Have a thing renewed in each forked child, after what `renew_in_child` was given, for as long as it is there."""
    _renewable.add(thing)


def drop(*things: object) -> None:
    """Never use a parent's things in the child, and never finalise them: that would say goodbye in the parent's name.

    Not at the end of the process either.
    """
    _dropped.extend(things)


def _keep_for_good(thing: object) -> None:
    """Have an object outlive the interpreter, which otherwise finalises what modules hold."""
    if sys.implementation.name == "cpython":
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


@contextmanager
def fork_waits() -> Iterator[None]:
    """A fork by another thread waits for what is done here, for half a second at most.

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
    while (_busy - {get_ident()} or in_the_middle()) and time.monotonic() < ends:
        time.sleep(_MOMENT)
    _properties.see()


def _in_child() -> None:
    collecting = gc.isenabled()
    gc.disable()  # nothing of the parent's is finalised before it is renewed
    try:
        _busy.intersection_update({get_ident()})
        _properties.free()
        import_repair.repair()
        for renew in _renewals:
            renew()
        for thing in list(_renewable):
            thing.renew()
    finally:
        if collecting:
            gc.enable()


_keep_for_good(_dropped)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
