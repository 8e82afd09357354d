"""The columns of the matrix for tests that aren't its applications: each in turn, chosen by TURNOUT_BACKEND."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.apps.settings import COLUMNS, Column, settings_text

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

WITHOUT_TOOLS_IN_STREAMS = ("bedrock_llama", "bedrock_mistral")
"""The columns whose service streams no answer of a model that has tools."""


@pytest.fixture
def columns_file(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with every column as a backend, found through TURNOUT_CONFIG."""
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(fresh_emulator), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return path


@pytest.fixture(params=list(COLUMNS.values()), ids=list(COLUMNS))
def column(request: pytest.FixtureRequest, columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> Column:
    """Each column in turn."""
    found: Column = request.param
    monkeypatch.setenv("TURNOUT_BACKEND", found.name)
    return found
