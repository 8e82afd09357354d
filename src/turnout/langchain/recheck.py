"""A recheck of an index's record, once the vectors of a search or an insert are there and before the store uses them.

An embedding takes long enough for another process to empty an index and to fill it with another model's vectors. What
comes after it, the embeddings or the store, runs the recheck that the guard left pending.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.guard.checks import CheckIO, SpaceCheck
    from turnout.index.guard.records import SpaceRecord
    from turnout.index.locks import Lock


@dataclass(slots=True, eq=False)
class Recheck:
    """A check that is made at most once more before a store is searched or written.

    Attributes:
        runner: What runs it: the embeddings that the store embeds with, or the store; None if neither can, or one check
            before is enough.
        check: The check.
        wanted: The space that the embeddings have.
        io: Asks the store and its embeddings.
        inserting: Whether vectors are about to be added.
        known: The record that passed the last check, if there is no check before because this one comes anyway.
        done: Whether it was made.
        lock: What the recheck of an insert took, for the insert to have until it ends.
    """

    runner: object
    check: SpaceCheck[Any]
    wanted: EmbeddingSpace
    io: CheckIO
    inserting: bool
    known: SpaceRecord | None
    done: bool = False
    lock: Lock | None = None

    @property
    def due(self) -> bool:
        """Whether it is the only check, and nothing has run it."""
        return self.known is not None and not self.done

    def passes(self, version: object) -> bool:
        """Whether the check passed with this version of the record before."""
        unchanged = self.check.is_unchanged(self.wanted, version)
        self.done = self.done or unchanged
        return unchanged

    def run(self) -> None:
        """Check; before an insert, with the lock, which it keeps."""
        from turnout.index.locks import having, take

        self.done = True
        if (lock := self._missing_lock()) is not None:
            take(lock, self.check.index)
            self.lock = lock
        with having(self.lock), leave_pending(None):  # what the check itself embeds runs nothing
            self.check.run(self.wanted, self.io, inserting=self.inserting)

    async def arun(self) -> None:
        """`run` without blocking the event loop."""
        from turnout.index.locks import atake, having

        self.done = True
        if (lock := self._missing_lock()) is not None:
            await atake(lock, self.check.index)
            self.lock = lock
        with having(self.lock), leave_pending(None):
            await self.check.arun(self.wanted, self.io, inserting=self.inserting)

    def close(self) -> None:
        """The search or the insert has ended, however it did."""
        if self.lock is not None:
            self.lock.release()

    def _missing_lock(self) -> Lock | None:
        return self.check.keeper.lock(inserting=True) if self.inserting and self.lock is None else None


_PENDING: ContextVar[Recheck | None] = ContextVar("turnout_recheck", default=None)


@contextmanager
def leave_pending(recheck: Recheck | None) -> Iterator[None]:
    """Leave a recheck to what runs it, until the block ends; None for nothing to run."""
    token = _PENDING.set(recheck)
    try:
        yield
    finally:
        _PENDING.reset(token)


def pending(runner: object) -> Recheck | None:
    """The recheck that was left for this object, if one was."""
    recheck = _PENDING.get()
    return recheck if recheck is not None and recheck.runner is runner else None


def run_pending(runner: object) -> None:
    """Run the recheck that was left for this object, if one was."""
    if (recheck := pending(runner)) is not None:
        recheck.run()


async def arun_pending(runner: object) -> None:
    """`run_pending` without blocking the event loop."""
    if (recheck := pending(runner)) is not None:
        await recheck.arun()
