"""What botocore's requests and answers look like, for the transports that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.transport.size_limit import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def headers_of(request: Any) -> dict[str, str]:
    """A prepared request's headers; some of botocore's are bytes."""
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}


class Body:
    """A body that comes in parts, none of them empty; `close` is called when no more of it is wanted."""

    def __init__(self, parts: Iterator[bytes], close: Callable[[], object]) -> None:
        self._parts = bounded(parts)
        self._rest = b""
        self.close = close

    def read(self, amount: int | None = None) -> bytes:
        """The next `amount` bytes, or fewer at its end; all of it without one."""
        parts = [self._rest]
        size = len(self._rest)
        while amount is None or size < amount:
            part = next(self._parts, b"")
            if not part:
                break
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        end = size if amount is None else amount
        self._rest = data[end:]
        return data[:end]

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """It as it comes."""
        if self._rest:
            yield self.read(len(self._rest))
        yield from self._parts
