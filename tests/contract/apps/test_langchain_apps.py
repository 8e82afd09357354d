"""Every LangChain application on every column, and conversations that move from each kind of column to each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.checks import cells, check_application, check_relay, moves
from tests.contract.apps.langchain_apps import FRAMEWORK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.apps.application import Application, Relay
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator


@cells(FRAMEWORK)
def test_application(application: Application, column: Column, columns_file: Path, emulator: Emulator) -> None:
    check_application(FRAMEWORK, application, column, columns_file, emulator)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")  # what the applications themselves use
@moves(FRAMEWORK)
def test_relay(
    relay: Relay,
    origin: Column,
    column: Column,
    columns_file: Path,
    emulator: Emulator,
    begun: dict[tuple[str, str], Any],
) -> None:
    check_relay(FRAMEWORK, relay, origin, column, columns_file, emulator, begun)
