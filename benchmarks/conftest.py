"""The benchmarks' server in a process of its own, and turnout's settings for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import _no_stray_variables, emulator, settings_file  # noqa: F401  # fixtures

from benchmarks.contestants import Place
from benchmarks.server import Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def place(server: Server, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(server.url)
    path = tmp_path_factory.mktemp("settings") / "turnout.toml"
    path.write_text(found.settings(), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return found
