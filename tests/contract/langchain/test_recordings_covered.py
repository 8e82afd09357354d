"""Every recording of the real services is replayed through the LangChain classes, or named here with its reason."""

from __future__ import annotations

import inspect
import json
from typing import Any

from tests.contract import test_recordings
from tests.support.recordings import RECORDINGS, needs_recordings

pytestmark = needs_recordings

REPLAYED = {
    "bedrock-converse": test_recordings.test_converse_in_langchain,
    "bedrock-converse-stream": test_recordings.test_converse_stream_in_langchain,
    "bedrock-mantle": test_recordings.test_openais_wires_in_langchain,
    "azure-openai": test_recordings.test_openais_wires_in_langchain,
    "bedrock-invoke": test_recordings.test_embeddings,
}
"""The test that replays a folder's recordings, each exchange of each file."""

NOT_REPLAYED: dict[str, str] = {}
"""A recording (`folder/file`) that our classes could not get, and why."""


def _ids(test: Any) -> set[str]:
    """The exchanges that a test is run with."""
    (mark,) = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    return {str(parameter.id) for parameter in mark.args[1]}


def test_each_is_replayed_or_named() -> None:
    missing = []
    for path in sorted(RECORDINGS.rglob("*.json")):
        folder, named = path.parent.name, f"{path.parent.name}/{path.stem}"
        exchanges = {f"{path.stem}-{number}" for number in range(len(json.loads(path.read_text())))}
        replayed = _ids(REPLAYED[folder]) if folder in REPLAYED else set()
        assert not (named in NOT_REPLAYED and exchanges & replayed), f"{named} is replayed and named"
        if named not in NOT_REPLAYED:
            missing += sorted(exchanges - replayed)
    assert not missing


def test_those_that_are_named_exist() -> None:
    assert not [name for name in NOT_REPLAYED if not (RECORDINGS / f"{name}.json").is_file()]


def test_no_replay_is_passed_by_expecting_it_to_fail() -> None:
    """One exception is known: a field that langchain-aws takes for an object, and that may be any JSON."""
    source = "".join(inspect.getsource(test) for test in set(REPLAYED.values()))
    assert source.count("xfail(") <= 1
    assert "skip(" not in source
