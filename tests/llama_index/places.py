"""A named index on each kind of LlamaIndex's stores, at one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.index.named_support import settings, use

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


class Place:
    """A kind of store at one place."""

    def __init__(self, emulator: Emulator, folder: Path, lines: str, patch: pytest.MonkeyPatch) -> None:
        self.emulator = emulator
        self._folder = folder
        self._lines = lines
        self._patch = patch
        self.say()

    def say(self, more: str = "") -> None:
        """Add to the index's settings."""
        use(settings(self.emulator, self._folder, f"{self._lines}\n{more}"), self._patch)

    def switch(self, backend: str) -> None:
        self._patch.setenv("TURNOUT_BACKEND", backend)
        self.emulator.clear()


STORES = ["simple", "chroma", "pgvector", "qdrant", "lancedb"]


def make_place(
    store: str, request: pytest.FixtureRequest, emulator: Emulator, folder: Path, patch: pytest.MonkeyPatch
) -> Place:
    lines = f'store = "{store}"\nframework = "llama_index"\npath = "{folder / "index"}"\nallow_pickle = true'
    if store == "pgvector":
        lines += f'\nconnection = "{request.getfixturevalue("database")}"'
    return Place(emulator, folder, lines, patch)


@pytest.fixture(params=STORES)
def place(
    request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    return make_place(request.param, request, fresh_emulator, tmp_path, monkeypatch)
