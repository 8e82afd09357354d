"""A folder that is saved as a whole is never half written: the new one is made beside it and takes its place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def beside(folder: Path) -> Path:
    """An empty place to save to, before `replace`."""
    made = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def replace(folder: Path) -> None:
    """Put what was saved beside a folder in its place."""
    made, before = (folder.with_name(f"{folder.name}.{word}") for word in ("new", "old"))
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    made.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def recover(folder: Path) -> None:
    """After a run that was killed between the two steps of `replace`, take the second; a half saved one is removed."""
    made, before = (folder.with_name(f"{folder.name}.{word}") for word in ("new", "old"))
    if not folder.exists():
        if before.exists() and made.exists():
            made.rename(folder)
        elif before.exists():
            before.rename(folder)
    shutil.rmtree(made, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)
