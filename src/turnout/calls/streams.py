"""Answers in pieces: an attempt is repeated only while none of its answer was passed on."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from itertools import chain
from typing import Any, TypeVar

from turnout.calls.attempts import Attempt, Attempts
from turnout.transport.arrival import ExpectArrival
from turnout.transport.deadline import until

T = TypeVar("T")
_END: Any = object()


def stream(call: Attempts, start: Callable[[], Generator[T]], begun: Callable[[T], bool]) -> Generator[T]:
    """Make a call and pass the pieces of its answer on as they come.

    `begun` tells whether a piece has some of the answer in it; the ones before that are kept until then.
    """
    with until(call.ends_here):
        attempt, first, pieces = call.repeated(_open, call, start, begun)
    with attempt, closing(pieces):
        for piece in chain(first, pieces if call.ends is None else _until(call.ends, pieces)):
            attempt.see(piece)
            yield piece
            if call.ends is not None and time.monotonic() > call.ends:
                raise call.too_late()


def _until(ends: float, pieces: Generator[T]) -> Generator[T]:
    """The limit is around the reading alone: what the reader does meanwhile is the reader's."""
    while True:
        with until(ends):
            piece = next(pieces, _END)
        if piece is _END:
            return
        yield piece


def _open(
    call: Attempts, start: Callable[[], Generator[T]], begun: Callable[[T], bool]
) -> tuple[Attempt, list[T], Generator[T]]:
    first: list[T] = []
    with ExitStack() as opened:
        attempt = opened.enter_context(call.begin())
        pieces = opened.enter_context(closing(start()))
        with ExpectArrival(attempt.arrival):
            for piece in pieces:
                first.append(piece)
                if begun(piece):
                    break
        attempt.begun()
        opened.pop_all()
    return attempt, first, pieces


async def astream(
    call: Attempts, start: Callable[[], AsyncGenerator[T]], begun: Callable[[T], bool]
) -> AsyncGenerator[T]:
    """Make a call and pass the pieces of its answer on as they come, without blocking the event loop."""
    attempt, first, pieces = await call.awithin(call.arepeated(_aopen, call, start, begun))
    with attempt:
        async with aclosing(pieces):
            for piece in first:
                attempt.see(piece)
                yield piece
            if call.ends is None:
                async for piece in pieces:
                    attempt.see(piece)
                    yield piece
                return
            # The limit is around the reading alone: what the reader does meanwhile is the reader's.
            while (piece := await call.awithin(anext(pieces, _END), begun=True)) is not _END:
                attempt.see(piece)
                yield piece


async def _aopen(
    call: Attempts, start: Callable[[], AsyncGenerator[T]], begun: Callable[[T], bool]
) -> tuple[Attempt, list[T], AsyncGenerator[T]]:
    first: list[T] = []
    async with AsyncExitStack() as opened:
        attempt = opened.enter_context(await call.abegin())
        pieces = await opened.enter_async_context(aclosing(start()))
        with ExpectArrival(attempt.arrival):
            async for piece in pieces:
                first.append(piece)
                if begun(piece):
                    break
        attempt.begun()
        opened.pop_all()
    return attempt, first, pieces
