"""A last look at an index's record, once the vectors of a search or an insert are there and before the store uses them.

An embedding takes long enough for another process to empty an index and to fill it with another model's vectors. What
comes after it, the embeddings or the store, calls the look that the guard left here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.guard.checks import CheckIO, SpaceCheck


class Look:
    """A check that is made at most once more before a store is searched or written.

    Args:
        at: What calls it: the embeddings that the store embeds with, or the store.
        check: The check.
        wanted: The space that the embeddings have.
        io: Asks the store and its embeddings.
        inserting: Whether vectors are about to be added.

    Attributes:
        done: Whether it was made.
    """

    def __init__(self, at: object, check: SpaceCheck[Any], wanted: EmbeddingSpace, io: CheckIO, *, inserting: bool):
        self.at = at
        self.inserting = inserting
        self.done = False
        self._check = check
        self._wanted = wanted
        self._io = io

    def sees(self, mark: object) -> bool:
        """Whether a glance at the record shows what the check passed with."""
        seen = self._check.is_as_it_was(self._wanted, mark)
        self.done = self.done or seen
        return seen

    def run(self) -> None:
        """Look.

        Raises:
            EmbeddingSpaceError: The index has another space by now.
        """
        self.done = True
        token = LOOK.set(None)  # what the check itself embeds calls nothing
        try:
            self._check.run(self._wanted, self._io, inserting=self.inserting)
        finally:
            LOOK.reset(token)

    async def arun(self) -> None:
        """`run` without blocking the event loop."""
        self.done = True
        token = LOOK.set(None)
        try:
            await self._check.arun(self._wanted, self._io, inserting=self.inserting)
        finally:
            LOOK.reset(token)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave it until the block ends."""
        token = LOOK.set(self)
        try:
            yield
        finally:
            LOOK.reset(token)


LOOK: ContextVar[Look | None] = ContextVar("turnout_look", default=None)
"""The look that was left, if one was."""


def looked(at: object) -> None:
    """Make the look that was left for this object, if one was."""
    look = LOOK.get()
    if look is not None and look.at is at:
        look.run()


async def alooked(at: object) -> None:
    """`looked` without blocking the event loop."""
    look = LOOK.get()
    if look is not None and look.at is at:
        await look.arun()
