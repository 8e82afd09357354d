"""The applications' settings file, and what conversations each column has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.settings import settings_text

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture(scope="module")
def columns_file(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "turnout.toml"
    path.write_text(settings_text(emulator), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def begun() -> dict[tuple[str, str], Any]:
    """What each column hands over, made once."""
    return {}
