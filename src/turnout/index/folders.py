"""A folder that is saved as a whole is never half written: the new one is made beside it and takes its place."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def beside(folder: Path) -> Path:
    """An empty place to save to, before `replace`."""
    made = _made(folder)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def replace(folder: Path) -> None:
    """Put what was saved beside a folder in its place."""
    made, before = _made(folder), _before(folder)
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    try:
        made.rename(folder)
    except OSError:  # a reader that came in between took this step
        if made.exists() or not folder.exists():
            raise
    shutil.rmtree(before, ignore_errors=True)


def recover(folder: Path, *, clean: bool = True) -> None:
    """After a run that was killed between the two steps of `replace`, or is between them now, take the second one.

    Args:
        folder: The folder.
        clean: Whether to remove what else is beside it; one who only reads leaves what another may be saving.
    """
    made, before = _made(folder), _before(folder)
    if not folder.exists() and before.exists():
        with suppress(OSError):  # it was taken by another one
            (made if made.exists() else before).rename(folder)
    if clean:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a folder, and what is beside it."""
    for one in (_made(folder), _before(folder)):
        shutil.rmtree(one, ignore_errors=True)
    shutil.rmtree(folder)


def _made(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.new")


def _before(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")
