"""What a reindex between a named index's collections makes of changes that were made to them by other means."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.errors import ReindexError
from turnout.index.manifest import Manifest
from turnout.index.migration.current import Current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.chunks import Target
    from turnout.index.migration.report import ReindexReport

_PAGE = 256  # chunks removed at once


@dataclass(slots=True)
class Part:
    """One of the two collections of a reindex.

    Attributes:
        called: Its name in the manifest.
        space: Its space.
        home: The collection; None if a dry run doesn't make it.
    """

    called: str
    space: EmbeddingSpace
    home: Any


@dataclass(slots=True)
class Agreement:
    """The manifest of an index, before and after a reindex from one of its collections.

    The collection that is read says what the index should have, but for what was written to others through the index
    since. If the two collections are one, it is taken as it is.

    Attributes:
        manifest: What the collections have.
        origin: What is read.
        target: What is filled.
        gone: Ids of chunks that were deleted from what is read, by other means than the index.
    """

    manifest: Manifest
    origin: Part
    target: Part
    gone: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Look through both.

        Raises:
            ReindexError: The collection to read is empty, and had chunks.
        """
        for side in (self.origin, self.target)[: 1 if self.origin is self.target else 2]:
            if side.home is not None and (side.home.count() or self.manifest.stamp(side.called) is not None):
                self.manifest.look(side.called, str(side.space), side.home.items())
        self.gone = self.manifest.missed(self.origin.called)
        if not self.gone or self.origin.home.count():
            return
        if self.origin is not self.target:
            name = self.origin.home.name
            msg = f"{name} is empty, but {len(self.gone):,} chunks were written to it; nothing is deleted for that"
            raise ReindexError(msg)
        self.gone = []

    def source(self, reader: Callable[[str], Target | None]) -> Current:
        """What the index should have.

        Args:
            reader: A collection by its name.
        """

        def found(called: str) -> Target | None:
            home: Target | None = self.target.home if called == self.target.called else reader(called)
            return home

        return Current(self.origin.home, self.origin.called, self.manifest, found)

    @property
    def unwanted(self) -> list[str]:
        """What the target should not have any more."""
        return [*self.gone, *self.manifest.outdated(self.target.called, -1)]

    def note(self, report: ReindexReport) -> None:
        """Bring the manifest to agree with what was read and written.

        Args:
            report: Of the run, which is done; is told what was forgotten.
        """
        called, home = self.target.called, self.target.home
        gone = set(self.gone).intersection(self.manifest.missed(self.origin.called))  # not written again meanwhile
        gone.difference_update(self.origin.home.get(sorted(gone)))
        self.manifest.unwanted(sorted(gone))
        self.manifest.look(called, str(self.target.space), home.items(), filled=self.origin is not self.target)
        report.deleted += remove_outdated(home, called, self.manifest)
        self.manifest.skipped(called, dict(report.skipped))
        report.forgotten = len(gone) + len(self.manifest.settle(called))


def remove_outdated(home: Target, called: str, manifest: Manifest) -> int:
    """Remove what a collection should not have any more; how many chunks that were."""
    removed = 0
    while outdated := manifest.outdated(called, _PAGE):
        home.delete(outdated)
        home.flush()
        manifest.deleted(called, outdated)
        removed += len(outdated)
    return removed


@contextmanager
def opened(path: Path, *, dry: bool) -> Iterator[Manifest]:
    """The manifest of an index.

    Args:
        path: Its file.
        dry: Whether it stays as it is: then it is a copy.
    """
    if not dry:
        with closing(Manifest(path)) as manifest:
            yield manifest
        return
    with tempfile.TemporaryDirectory(prefix="turnout-") as folder:
        copy = Path(folder) / path.name
        if path.is_file():
            address = f"{path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as kept, closing(sqlite3.connect(copy)) as made:
                kept.backup(made)
        with closing(Manifest(copy)) as manifest:
            yield manifest
