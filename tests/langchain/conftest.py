"""A bench on which conversations are sent to the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.langchain.history_support import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture
def bench(fresh_emulator: Emulator, tmp_path: Path) -> Bench:
    return Bench(fresh_emulator, tmp_path)
