"""How long each step takes, and how far a long one has come."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_LONG = 5.0  # seconds between lines where stderr is no terminal
_OFTEN = 0.2  # seconds between updates of a terminal's line


class Steps(dict[str, float]):
    """Seconds that each named step took, in order."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the body."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self[name] = time.perf_counter() - start


class Progress:
    """How far a step has come, on stderr: one line that is rewritten, or a line every few seconds if piped.

    A step that is over quickly shows nothing. Stdout is never written to. Without a total, what is left isn't known.
    """

    def __init__(self, verb: str, unit: str, total: int | None = None, stream: TextIO | None = None) -> None:
        self._verb = verb
        self._unit = unit
        self._stream = stream or sys.stderr
        self._every = _OFTEN if self._stream.isatty() else _LONG
        self._width = 0
        self.done = 0
        self.start(total)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=self._stream, flush=True)

    def start(self, total: int | None) -> None:
        """Start the clock, again if it was to wait until the total is known."""
        self.total = total
        self._start = self._shown = time.perf_counter()

    def advance(self, count: int) -> None:
        """Count some more as done."""
        self.done += count
        now = time.perf_counter()
        if now - self._shown < self._every:
            return
        self._shown = now
        text = self._text(now - self._start)
        if self._stream.isatty():
            print(f"\r{text:<{self._width}}", end="", file=self._stream, flush=True)
            self._width = max(self._width, len(text))
        else:
            print(text, file=self._stream, flush=True)

    def _text(self, elapsed: float) -> str:
        rate = self.done / elapsed if elapsed > 0 else 0.0
        if self.total is None:
            return f"{self._verb}: {self.done} {self._unit}, {rate:.0f}/s"
        left = (self.total - self.done) / rate if rate else 0.0
        return f"{self._verb}: {self.done} of {self.total} {self._unit}, {rate:.0f}/s, {left:.0f} s left"
