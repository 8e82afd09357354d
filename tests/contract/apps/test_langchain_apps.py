"""Every LangChain application on every column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.checks import check_application, check_relay, columns, origins
from tests.contract.apps.langchain_apps import FRAMEWORK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.apps.application import Application, Relay
    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

ROWS, RELAYS = FRAMEWORK.applications.rows, FRAMEWORK.applications.relays


@columns
@pytest.mark.parametrize("application", ROWS.values(), ids=ROWS)
def test_application(application: Application, column: Column, columns_file: Path, emulator: Emulator) -> None:
    check_application(FRAMEWORK, application, column, columns_file, emulator)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")  # what the applications themselves use
@columns
@origins
@pytest.mark.parametrize("relay", RELAYS.values(), ids=RELAYS)
def test_relay(
    relay: Relay,
    origin: Column,
    column: Column,
    columns_file: Path,
    emulator: Emulator,
    begun: dict[tuple[str, str], Any],
) -> None:
    check_relay(FRAMEWORK, relay, origin, column, columns_file, emulator, begun)
