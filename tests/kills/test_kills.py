"""A few of the kills of `make kills`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.kills.harness import Harness
from tests.kills.operations import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "framework"),
    [("chroma", "langchain"), ("lancedb", "langchain"), ("simple", "llama_index"), ("qdrant", "llama_index")],
)
def test_nothing_is_lost_by_a_kill_of_each_operation(
    kind: str,
    framework: str,
    fresh_emulator: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    connection = request.getfixturevalue("qdrant").url if kind == "qdrant" else None
    for name in ("TURNOUT_CONFIG", "TURNOUT_BACKEND"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # the harness changes both; they are put back
    tally = Harness(fresh_emulator, tmp_path, kind, framework, connection, seed=1).run(len(KINDS))
    assert tally.faults == []
    assert tally.kills.total() + tally.ended == len(KINDS)
    assert tally.kills.total() > 0
