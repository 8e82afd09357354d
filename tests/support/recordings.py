"""Recordings of the real services, which lie beside the checkout. Where they don't, the tests of them wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

RECORDINGS = Path(os.environ.get("TURNOUT_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")

needs_recordings = pytest.mark.recordings


def waiting(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of the tests that have no recordings to run with."""
    return [] if RECORDINGS.is_dir() else [item for item in items if item.get_closest_marker("recordings")]
