"""Who may read the files that hold secrets or an index: what turnout makes is its user's alone."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

_log = logging.getLogger("turnout")

_OTHERS_ENTER, _OTHERS_WRITE, _OTHERS_READ, _GROUP_WRITES = 0o001, 0o002, 0o004, 0o020
_warned: set[str] = set()


def make_folder(folder: Path) -> None:
    """Make a folder that nobody else can read, unless it is there."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def make_file(file: Path) -> None:
    """Make an empty file that nobody else can read, unless it is there.

    In a folder that others may write to, they share the file.
    """
    folder = stat.S_IMODE(file.parent.stat().st_mode)
    mode = 0o600 | (0o060 if folder & _GROUP_WRITES else 0) | (0o006 if folder & _OTHERS_WRITE else 0)
    try:
        made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    except FileExistsError:
        return
    os.close(made)


def warn_if_others_read(path: Path, what: str) -> None:
    """Log a warning, once for each path, if any user of the machine can read what this one could close to them.

    Args:
        path: A file, or a folder.
        what: What it holds, for the warning.
    """
    if os.name != "posix" or str(path) in _warned:
        return
    try:
        found = path.stat()
        folders = [*path.parents, *([] if path.is_absolute() else [Path.cwd(), *Path.cwd().parents])]
        is_reached = all(folder.stat().st_mode & _OTHERS_ENTER for folder in folders)
    except OSError:
        return
    if is_reached and found.st_mode & _OTHERS_READ and found.st_uid == os.geteuid():
        _warned.add(str(path))
        _log.warning("%s has %s, and every user of this machine can read it: chmod go= '%s'", path, what, path)
