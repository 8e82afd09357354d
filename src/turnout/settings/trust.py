"""Certificates that this machine trusts beside the usual ones, by the variables that its other programs go by too."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def certificates(*names: str) -> str | None:
    """The file or folder of certificates that the first of some variables names, if it is there."""
    found = next(((name, os.environ[name]) for name in names if os.environ.get(name)), None)
    if found is None or Path(found[1]).exists():
        return found[1] if found else None
    _log.warning("%s names certificates that aren't there: %s. The usual ones are trusted.", *found)
    return None
