"""Every LangChain application on every column. What differs between two columns is TURNOUT_BACKEND."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.application import Application, Relay
from tests.contract.apps.langchain_apps import FRAMEWORK
from tests.contract.apps.running import begin_relay, chosen, run_application
from tests.contract.apps.settings import COLUMNS, Column, settings_text

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

APPLICATIONS, TURNOUT = FRAMEWORK.applications, FRAMEWORK.turnout

columns = pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)


@pytest.fixture(scope="module")
def columns_file(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("columns") / "turnout.toml"
    path.write_text(settings_text(emulator), encoding="utf-8")
    return path


def check_traffic(emulator: Emulator, column: Column) -> None:
    """Everything went where the column says, and nowhere else."""
    chats = [one for one in emulator.requests if one.operation == "chat"]
    assert chats
    assert {(one.service, one.model, one.wire) for one in chats} == {(column.service, column.deployment, column.wire)}
    assert {one.service for one in emulator.requests} <= {column.service, column.provider}


@columns
@pytest.mark.parametrize("application", APPLICATIONS.rows.values(), ids=APPLICATIONS.rows)
def test_application(
    application: Application,
    column: Column,
    columns_file: Path,
    emulator: Emulator,
) -> None:
    with chosen(column, columns_file):
        outcome = run_application(application, column, TURNOUT, emulator)
    known = outcome.limit
    if known is None or (known.promised == "error after" and outcome.error is None):  # the model did as it was told
        if outcome.error is not None:
            raise outcome.error
        assert not outcome.warned
        assert not emulator.pending, "not all that was queued was asked for"
        check_traffic(emulator, column)
    elif known.promised == "warning":
        assert any(known.said.search(said) for said in outcome.warned), f"no warning that {known.reason}"
        assert outcome.error is None or isinstance(outcome.error, AssertionError), "it doesn't go on without"
    else:
        assert isinstance(outcome.error, known.raises), f"no error though {known.reason}: {outcome.error!r}"
        assert known.said.search(str(outcome.error))
        assert known.promised == "error after" or not emulator.requests, "it was sent"


@pytest.fixture(scope="module")
def begun() -> dict[tuple[str, str], Any]:
    """What each column hands over, made once."""
    return {}


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")  # what the applications themselves use
@columns
@pytest.mark.parametrize("origin", COLUMNS.values(), ids=[f"from_{name}" for name in COLUMNS])
@pytest.mark.parametrize("relay", APPLICATIONS.relays.values(), ids=APPLICATIONS.relays)
def test_relay(
    relay: Relay,
    origin: Column,
    column: Column,
    columns_file: Path,
    emulator: Emulator,
    begun: dict[tuple[str, str], Any],
) -> None:
    if (relay.name, origin.name) not in begun:
        with chosen(origin, columns_file):
            begun[relay.name, origin.name] = begin_relay(relay, origin, TURNOUT, emulator)
    emulator.clear()
    with chosen(column, columns_file):
        relay.go_on(TURNOUT.chat, begun[relay.name, origin.name])
    check_traffic(emulator, column)
