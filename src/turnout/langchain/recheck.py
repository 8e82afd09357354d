"""A recheck of an index's record, once the vectors of a search or an insert are there and before the store uses them.

An embedding takes long enough for another process to empty an index and to fill it with another model's vectors. What
comes after it, the embeddings or the store, runs the recheck that the guard left pending.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.guard.checks import CheckIO, SpaceCheck


class Recheck:
    """A check that is made at most once more before a store is searched or written.

    Args:
        runner: What runs it: the embeddings that the store embeds with, or the store.
        check: The check.
        wanted: The space that the embeddings have.
        io: Asks the store and its embeddings.
        inserting: Whether vectors are about to be added.

    Attributes:
        done: Whether it was made.
    """

    def __init__(self, runner: object, check: SpaceCheck[Any], wanted: EmbeddingSpace, io: CheckIO, *, inserting: bool):
        self.runner = runner
        self.inserting = inserting
        self.done = False
        self._check = check
        self._wanted = wanted
        self._io = io

    def passes(self, version: object) -> bool:
        """Whether the check passed with this version of the record before."""
        unchanged = self._check.is_unchanged(self._wanted, version)
        self.done = self.done or unchanged
        return unchanged

    def run(self) -> None:
        """Check.

        Raises:
            EmbeddingSpaceError: The index has another space by now.
        """
        self.done = True
        with leave_pending(None):  # what the check itself embeds runs nothing
            self._check.run(self._wanted, self._io, inserting=self.inserting)

    async def arun(self) -> None:
        """`run` without blocking the event loop."""
        self.done = True
        with leave_pending(None):
            await self._check.arun(self._wanted, self._io, inserting=self.inserting)


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
    recheck = pending(runner)
    if recheck is not None:
        recheck.run()


async def arun_pending(runner: object) -> None:
    """`run_pending` without blocking the event loop."""
    recheck = pending(runner)
    if recheck is not None:
        await recheck.arun()
