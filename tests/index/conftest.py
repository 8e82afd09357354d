"""An index in two spaces: long vectors on Azure, short ones on Bedrock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from turnout.embedding.embedder import Embedder
from turnout.routing import resolve
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout_emulator import Emulator

ROUTES = """
[embedding.default]
azure = { deployment = "embed-small", model = "text-embedding-3-small", dimensions = 64 }
bedrock = { model = "amazon.titan-embed-text-v2:0", dimensions = 256 }
openai = { model = "text-embedding-ada-002" }
"""


def settings_text(emulator: Emulator, index: str = "") -> str:
    text = emulator.settings_toml()
    return text[: text.index("[chat.")] + ROUTES + index


@pytest.fixture
def settings_file(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(fresh_emulator), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def embedder(settings_file: Path) -> Callable[[str], Embedder]:
    """Backend → its embedder."""

    def made(backend: str) -> Embedder:
        settings = load_settings(settings_file)
        return Embedder(resolve(kind="embedding", backend=backend, settings=settings), settings, max_retries=0)

    return made
