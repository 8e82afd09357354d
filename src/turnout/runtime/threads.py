"""What other threads are doing at the moment of a fork, as far as a child would have to wait for it."""

from __future__ import annotations

import _imp
import functools
import sys
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# OpenSSL works under locks of the process's, and a module in C that is half made can't be made again.
_WITHIN = {
    ("ssl", "create_default_context"),
    ("ssl", "SSLContext.load_default_certs"),
    ("ssl", "SSLSocket.do_handshake"),
    ("ssl", "SSLObject.do_handshake"),
    ("urllib3.util.ssl_", "create_urllib3_context"),
    ("urllib3.util.ssl_", "ssl_wrap_socket"),
    ("importlib._bootstrap_external", "ExtensionFileLoader.create_module"),
    ("importlib._bootstrap_external", "ExtensionFileLoader.exec_module"),
}


def in_the_middle() -> bool:
    """Whether another thread is in the middle of what a child could neither finish nor begin anew.

    Each takes some milliseconds, and a handshake what its peer takes.
    """
    return _imp.lock_held() or any(
        (frame.f_globals.get("__name__"), frame.f_code.co_qualname) in _WITHIN for frame in _frames()
    )


class Properties:
    """Cached properties that other threads are computing: before Python 3.12 each has a lock, for all instances."""

    def __init__(self) -> None:
        self._found: list[Any] = []

    def see(self) -> None:
        """See which they are."""
        self._found.clear()
        if sys.version_info < (3, 12):
            get: Any = functools.cached_property.__get__
            self._found += [frame.f_locals["self"] for frame in _frames() if frame.f_code is get.__code__]

    def free(self) -> None:
        """Free their locks, in the child."""
        for found in self._found:
            found.lock = RLock()
        self._found.clear()


def _frames() -> Iterator[FrameType]:
    """What the other threads are in."""
    for thread, top in sys._current_frames().items():  # noqa: SLF001 - public, whatever its name
        frame: FrameType | None = top if thread != get_ident() else None
        while frame is not None:
            yield frame
            frame = frame.f_back
