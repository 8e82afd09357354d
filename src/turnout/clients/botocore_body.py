"""An answer's body, as botocore reads one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Body:
    """A body that comes in parts.

    Args:
        parts: Its parts, none of them empty.
        close: Called when no more of it is wanted.
    """

    def __init__(self, parts: Iterator[bytes], close: Callable[[], object]) -> None:
        self._parts = parts
        self._rest = b""
        self.close = close

    def read(self, amount: int | None = None) -> bytes:
        """The next `amount` bytes, or fewer at its end; all of it without one."""
        held = [self._rest]
        size = len(self._rest)
        while amount is None or size < amount:
            part = next(self._parts, b"")
            if not part:
                break
            held.append(part)
            size += len(part)
        data = b"".join(held)
        end = size if amount is None else amount
        self._rest = data[end:]
        return data[:end]

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """It as it comes."""
        if self._rest:
            yield self.read(len(self._rest))
        yield from self._parts
