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


class Steps:
    """Seconds that each named step took, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the body; a step that is taken twice is added up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    @property
    def total(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())


class Progress:
    """How far a step has come, on stderr: one line that is rewritten, or a line every few seconds if piped.

    A step that is over quickly shows nothing. Stdout is never written to.

    Args:
        verb: What is being done, like `embedding`.
        unit: What is counted, like `chunks`.
        total: How many there are; None if that isn't known.
        stream: Where to write; stderr when left out.
    """

    def __init__(self, verb: str, unit: str, total: int | None = None, stream: TextIO | None = None) -> None:
        self._verb = verb
        self._unit = unit
        self._total = total
        self._stream = stream or sys.stderr
        self._every = _OFTEN if self._stream.isatty() else _LONG
        self._done = 0
        self._start = self._shown = time.perf_counter()
        self._line = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line:
            print(f"\r{' ' * self._line}\r", end="", file=self._stream, flush=True)

    def advance(self, count: int) -> None:
        """Count some more as done."""
        self._done += count
        now = time.perf_counter()
        if now - self._shown < self._every:
            return
        self._shown = now
        text = self._text(now - self._start)
        if self._stream.isatty():
            print(f"\r{text:<{self._line}}", end="", file=self._stream, flush=True)
            self._line = max(self._line, len(text))
        else:
            print(text, file=self._stream, flush=True)

    def _text(self, elapsed: float) -> str:
        rate = self._done / elapsed if elapsed > 0 else 0.0
        if self._total is None:
            return f"{self._verb}: {self._done} {self._unit}, {rate:.0f}/s"
        left = (self._total - self._done) / rate if rate else 0.0
        return f"{self._verb}: {self._done} of {self._total} {self._unit}, {rate:.0f}/s, {left:.0f} s left"
