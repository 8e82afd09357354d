"""Every wire in both frameworks, asked in every way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.frameworks import FRAMEWORKS, WAYS, Chat, Piece

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

WIRES = {
    "chat": ("azure", "default"),
    "responses": ("azure", "responses"),
    "messages": ("azure", "claude"),
    "converse": ("bedrock", "default"),
    "mantle": ("bedrock", "responses"),
    "mantle-chat": ("bedrock", "open-weight"),
}


@dataclass(frozen=True)
class Asker:
    """Asks one question, and gives the text and what the answer's metadata say."""

    framework: str
    wire: str
    way: str
    settings: str

    def ask(self, **options: Any) -> Piece:
        backend, model = WIRES[self.wire]
        chat = Chat(self.framework, backend=backend, model=model, settings=self.settings, **options)
        return chat.ask(self.way)


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return fresh_emulator.settings_toml(every_wire=True)


@pytest.fixture
def wires_file(settings_file: Path) -> str:
    return str(settings_file)


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def asker(request: pytest.FixtureRequest, framework: str, wire: str, wires_file: str) -> Asker:
    return Asker(framework, wire, str(request.param), wires_file)
