"""What the process makes once for each key: clients, delegates, limiters, TLS contexts, settings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

K = TypeVar("K")
V = TypeVar("V")

caches: list[Cache[Any, Any]] = []
"""Every cache of the process, in the order in which they were made."""


class Cache(Generic[K, V]):
    """Values that are made once for each key. It lives as long as the process, and begins empty in a forked child.

    Args:
        size: How many values are kept at most; the oldest go first, and aren't closed. None keeps them all.
        close: Closes a value, when `turnout.runtime.close` is called.
    """

    def __init__(self, *, size: int | None = 256, close: Callable[[V], object] | None = None) -> None:
        self._size = size
        self._close = close
        self._values: dict[K, V] = {}
        self._late: list[V] = []  # made while the others were being closed; closed with the next
        self._making: dict[K, threading.Lock] = {}
        self._lock = threading.Lock()
        caches.append(self)

    def get(self, key: K) -> V | None:
        """The value of a key, or None if it hasn't been made."""
        return self._values.get(key)

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made if it isn't there. Only callers that want the same key wait for it."""
        found = self._values.get(key)
        if found is not None:
            return found
        with self._lock:
            values, making = self._values, self._making.setdefault(key, threading.Lock())
        with making:
            found = self._values.get(key)
            if found is not None:
                return found
            made = make()
            with self._lock:
                self._making.pop(key, None)
                if values is not self._values:  # what it was made of may have been closed meanwhile
                    if self._close is not None:
                        self._late.append(made)
                    return made
                values[key] = made
                while self._size is not None and len(values) > self._size:
                    del values[next(iter(values))]
        return made

    def kept(self) -> list[tuple[K, V]]:
        """The keys that have a value, each with it."""
        with self._lock:
            return list(self._values.items())

    def clear(self) -> list[V]:
        """Forget the values, and return them."""
        with self._lock:
            forgotten = [*self._values.values(), *self._late]
            self._values, self._late = {}, []
        return forgotten

    def close(self, values: Iterable[V]) -> None:
        """Close values that were in it."""
        if self._close is not None:
            for value in values:
                self._close(value)

    def renew(self) -> list[V]:
        """Begin empty in a forked child, and return the parent's values."""
        self._lock, self._making = threading.Lock(), {}
        return self.clear()
