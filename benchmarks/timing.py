"""Timing, with contestants alternating."""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING, Self

from benchmarks.contestants.base import Unable
from benchmarks.results import Row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.contestants import Contestant

    Figures = dict[str, float]


class Stopwatch:
    """Wall and CPU seconds of a block; CPU is the whole process's, all threads.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of processor time.
    """

    wall = 0.0
    cpu = 0.0

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def figures(self) -> Figures:
        """Both, as a row has them."""
        return {"wall": self.wall, "cpu": self.cpu}


class Round:
    """Runs contestants by turns and gathers a row for each.

    Args:
        measure: The measure's name.
        cloud: The rows' cloud.
        rounds: Turns that each gets.
        once: Who gets one turn only, because it is slow.
        notes: Contestant → its row's note.
    """

    def __init__(
        self,
        measure: str,
        cloud: str,
        rounds: int,
        once: Iterable[str] = (),
        notes: dict[str, str] | None = None,
    ) -> None:
        self._measure, self._cloud, self._rounds = measure, cloud, rounds
        self._once = frozenset(once)
        self._notes = notes or {}
        self._rows: dict[str, Row] = {}
        self._unable: set[str] = set()

    def run(self, everyone: list[Contestant], work: Callable[[Contestant], Figures]) -> list[Row]:
        """Measure synchronous work; who has no such call gets no row."""
        for turn, one in self._turns(everyone):
            try:
                self._note(one, turn, work(one))
            except Unable:
                self._unable.add(one.name)
            except Exception as error:  # noqa: BLE001 - a contestant's failure is a result
                self._failed(one, error)
        return list(self._rows.values())

    async def arun(self, everyone: list[Contestant], work: Callable[[Contestant], Awaitable[Figures]]) -> list[Row]:
        """Measure asynchronous work."""
        for turn, one in self._turns(everyone):
            try:
                self._note(one, turn, await work(one))
            except Unable:
                self._unable.add(one.name)
            except Exception as error:  # noqa: BLE001 - a contestant's failure is a result
                self._failed(one, error)
        return list(self._rows.values())

    def _turns(self, everyone: list[Contestant]) -> Iterable[tuple[int, Contestant]]:
        try:
            for turn in range(self._rounds):
                for one in everyone:
                    if one.name not in self._unable and not (turn and one.name in self._once):
                        gc.collect()
                        gc.freeze()  # what was loaded or left by others is no part of this one's work
                        yield turn, one
        finally:
            gc.unfreeze()

    def _row(self, one: Contestant) -> Row:
        fresh = Row(self._measure, self._cloud, one.name, note=self._notes.get(one.name, ""))
        return self._rows.setdefault(one.name, fresh)

    def _note(self, one: Contestant, turn: int, figures: Figures) -> None:
        row = self._row(one)
        for name, value in figures.items():
            row.figures.setdefault(name, []).append(value)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"{self._measure} {self._cloud} {one.name} [{turn}]: {shown}", file=sys.stderr, flush=True)

    def _failed(self, one: Contestant, error: Exception) -> None:
        self._unable.add(one.name)
        self._row(one).note = f"failed: {type(error).__name__}"
        print(f"{self._measure} {self._cloud} {one.name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
