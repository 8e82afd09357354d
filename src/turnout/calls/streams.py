"""Answers in pieces: an attempt is repeated only while none of its answer was passed on."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, aclosing, closing
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.calls.attempts import Call
from turnout.transport.arrival import Expecting
from turnout.transport.deadline import until

if TYPE_CHECKING:
    from turnout.calls.attempts import Turn

T = TypeVar("T")
_END: Any = object()


def stream(call: Call, start: Callable[[], Generator[T]], begun: Callable[[T], bool]) -> Generator[T]:
    """Make a call and pass the pieces of its answer on as they come.

    Args:
        call: The call.
        start: One attempt.
        begun: Whether a piece has some of the answer in it; those before the first such one are held back till then.

    Raises:
        ModelCallError: The service refused or failed, or the deadline passed.
    """
    with until(call.ends):
        turn, held, pieces = call.repeated(_open, call, start, begun)
    with turn, closing(pieces):
        for piece in chain(held, pieces if call.ends is None else _until(call.ends, pieces)):
            turn.see(piece)
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
    call: Call, start: Callable[[], Generator[T]], begun: Callable[[T], bool]
) -> tuple[Turn, list[T], Generator[T]]:
    held: list[T] = []
    with ExitStack() as opened:
        turn = opened.enter_context(call.turn())
        pieces = opened.enter_context(closing(start()))
        with Expecting(turn.arrival):
            for piece in pieces:
                held.append(piece)
                if begun(piece):
                    break
        turn.begun()
        opened.pop_all()
    return turn, held, pieces


async def astream(call: Call, start: Callable[[], AsyncGenerator[T]], begun: Callable[[T], bool]) -> AsyncGenerator[T]:
    """Make a call and pass the pieces of its answer on as they come, without blocking the event loop."""
    turn, held, pieces = await call.awithin(call.arepeated(_aopen, call, start, begun))
    with turn:
        async with aclosing(pieces):
            for piece in held:
                turn.see(piece)
                yield piece
            if call.ends is None:
                async for piece in pieces:
                    turn.see(piece)
                    yield piece
                return
            # The limit is around the reading alone: what the reader does meanwhile is the reader's.
            while (piece := await call.awithin(anext(pieces, _END))) is not _END:
                turn.see(piece)
                yield piece


async def _aopen(
    call: Call, start: Callable[[], AsyncGenerator[T]], begun: Callable[[T], bool]
) -> tuple[Turn, list[T], AsyncGenerator[T]]:
    held: list[T] = []
    with ExitStack() as opened:
        turn = opened.enter_context(await call.aturn())
        pieces = start()
        try:
            with Expecting(turn.arrival):
                async for piece in pieces:
                    held.append(piece)
                    if begun(piece):
                        break
        except BaseException:
            await pieces.aclose()
            raise
        turn.begun()
        opened.pop_all()
    return turn, held, pieces
