"""What is expected of each cell of the matrix with turnout. What differs between two columns is TURNOUT_BACKEND."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.apps.column import COLUMNS, MODELS, Column
from tests.contract.apps.limits import GOES_ON
from tests.contract.apps.running import begin_relay, chosen, run_application
from tests.contract.judging import violations

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.apps.application import Application, Framework, Relay
    from turnout_emulator import Emulator

_OF_OTHERS = (  # LlamaIndex's workflows and structured LLM cause the first, and it imports the second if it can
    "PydanticDeprecated",
    "DeprecationWarning: `langchain-community`",
)


def cells(framework: Framework) -> pytest.MarkDecorator:
    """What the suite runs of the matrix: every application on every wire, and on a model those that are about models."""
    rows = framework.applications.rows.values()
    pairs = [(row, column) for column in COLUMNS.values() for row in rows]
    pairs += [(row, column) for column in MODELS.values() for row in rows if row.by_model]
    return pytest.mark.parametrize(
        ("application", "column"), pairs, ids=[f"{row.name}-{column.name}" for row, column in pairs]
    )


def moves(framework: Framework) -> pytest.MarkDecorator:
    """What the suite runs of the relays: from every kind of column to every kind, or from each column to the next.

    What moves is what a wire's answers were read as, and what decides about it is the next wire and its family of
    models. So columns of one kind take turns, and each of them hands over and takes over; the matrix has all pairs.
    """
    found: list[tuple[Relay, Column, Column]] = []
    each = list(COLUMNS.values())
    for relay in framework.applications.relays.values():
        following = zip(each, each[1:] + each[:1], strict=True)
        found += [(relay, origin, column) for origin, column in (following if relay.to_the_next else _by_kind(each))]
    ids = [f"{relay.name}-from_{origin.name}-{column.name}" for relay, origin, column in found]
    return pytest.mark.parametrize(("relay", "origin", "column"), found, ids=ids)


def _by_kind(columns: list[Column]) -> list[tuple[Column, Column]]:
    """A pair of columns for each pair of kinds: a wire, and on Converse a family of models."""
    kinds: dict[str, list[Column]] = {}
    for column in columns:
        kinds.setdefault(column.name if column.wire == "bedrock-converse" else column.wire, []).append(column)
    pairs = [
        (origins[(first + second) % len(origins)], targets[(first + second + 1) % len(targets)])
        for (first, origins), (second, targets) in product(enumerate(kinds.values()), repeat=2)
    ]
    for place in (0, 1):
        assert {pair[place].name for pair in pairs} == {column.name for column in columns}
    return pairs


def check_traffic(emulator: Emulator, column: Column) -> None:
    """Everything went where the column says, and nowhere else; by the vendors' specifications nothing is wrong."""
    assert emulator.requests
    chats = [one for one in emulator.requests if one.operation == "chat"]
    assert {(one.service, one.model, one.wire) for one in chats} <= {(column.service, column.deployment, column.wire)}
    assert {one.service for one in emulator.requests} <= {column.service, column.provider}
    assert violations(emulator.requests) == []


def check_application(
    framework: Framework, application: Application, column: Column, columns_file: Path, emulator: Emulator
) -> None:
    """The application runs; or turnout says what the vendor says that the model can't do, and no more than that."""
    with chosen(column, columns_file):
        outcome = run_application(application, column, framework.turnout, emulator)
    known, error = outcome.limit, outcome.error
    if error is not None and (known is None or (known.promised in GOES_ON and not outcome.goes_on)):
        raise error
    if known is None or (known.promised == "error after" and error is None):  # the model did as it was told
        assert not [warned for warned in outcome.warned if not warned.startswith(_OF_OTHERS)]
        assert not emulator.pending, "not all that was queued was asked for"
    else:
        assert outcome.is_told, f"{known.reason}, and turnout doesn't say so: {error!r}, {outcome.warned}"
    if known is not None and known.promised == "error":
        assert not emulator.requests, "it was sent"
    else:
        check_traffic(emulator, column)


def check_relay(
    framework: Framework,
    relay: Relay,
    origin: Column,
    column: Column,
    columns_file: Path,
    emulator: Emulator,
    begun: dict[tuple[str, str], Any],
) -> None:
    """What was begun on one column goes on on another."""
    if (relay.name, origin.name) not in begun:
        with chosen(origin, columns_file):
            begun[relay.name, origin.name] = begin_relay(relay, origin, framework.turnout, emulator)
    emulator.clear()
    with chosen(column, columns_file):
        relay.go_on(framework.turnout.chat, framework.turnout.embeddings, begun[relay.name, origin.name])
    check_traffic(emulator, column)
