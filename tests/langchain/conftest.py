"""A bench on which conversations are sent to the emulator, and places of named indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.langchain.history_support import Bench
from tests.langchain.places import place  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture
def bench(fresh_emulator: Emulator, tmp_path: Path) -> Bench:
    return Bench(fresh_emulator, tmp_path)
