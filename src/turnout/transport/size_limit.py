"""How much of an answer is read, and how deep it may be: a service, or what stands before it, may send without end."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from turnout.transport.answers.unreadable import UnreadableAnswerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

MOST = 64 * 2**20
"""Bytes of one answer, decoded, streamed ones too. Vectors for 2,048 texts are 40 MiB, 128,000 streamed tokens 50."""

DEEPEST = 200
"""Levels of a whole answer. Python's parser stops at its recursion limit; what is finalized there fails as well."""

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_FLAT = bytes(set(range(256)) - set(b"[]{}"))
_STEP = 1024  # encoded bytes that are decoded at once: a thousand times as many may come out


class _Count:
    def __init__(self) -> None:
        self._size = 0

    def add(self, part: bytes) -> bytes:
        """Count a part and give it back, unless there is too much."""
        self._size += len(part)
        if self._size > MOST:
            msg = f"it is larger than {MOST // 2**20} MiB, and wasn't read to its end"
            raise UnreadableAnswerError(msg, may_pass=False)
        return part


def bounded(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts of an answer, unless there are too many."""
    return map(_Count().add, parts)


def refuse_deep(content: bytes) -> bytes:
    """Give a whole answer's JSON back, unless it is nested too deep to be parsed safely."""
    if _depth(content) > DEEPEST and _depth(_STRINGS.sub(b"", content)) > DEEPEST:
        raise UnreadableAnswerError(f"it is nested more than {DEEPEST} levels deep")
    return content


def _depth(content: bytes) -> int:
    """How many brackets are open at once, at most; those in strings are taken for brackets."""
    left, count = content, content.count(b"[") + content.count(b"{")
    if count > DEEPEST:
        left = content.translate(None, _FLAT)
        for _ in range(DEEPEST):
            left = left.replace(b"[]", b"").replace(b"{}", b"")
            if (fewer := left.count(b"[") + left.count(b"{")) == count:
                break
            count = fewer
    return count


@cache
def response_class(httpx: Any) -> Any:
    """The response's class for one of the HTTP libraries, `httpx` or `httpx2`, which decodes no more than `MOST`."""

    class Response(httpx.Response):  # type: ignore[misc] # the library comes when an SDK is first needed
        def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
            parts = super().iter_raw(chunk_size)
            return _steps(parts) if self._encoded() else parts

        def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
            parts = super().aiter_raw(chunk_size)
            return _asteps(parts) if self._encoded() else parts

        def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
            return bounded(super().iter_bytes(chunk_size))

        def json(self, **options: Any) -> Any:
            refuse_deep(self.content)
            return super().json(**options)

        async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
            count = _Count()
            async for part in super().aiter_bytes(chunk_size):
                yield count.add(part)

        def _encoded(self) -> bool:
            coding = self.headers.get("content-encoding")
            if coding is not None and "," in coding:  # one in the other: what comes out grows by the square
                raise UnreadableAnswerError(f"it is encoded more than once: {coding!r}")
            return coding is not None

    return Response


async def _asteps(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for part in parts:
        for step in _steps((part,)):
            yield step


def _steps(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), _STEP):
            yield part[start : start + _STEP]
