"""Embedding requests move to a place of the same space alone, and only once its vectors were seen to be the same."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

import turnout
from tests.support.frameworks import FRAMEWORKS, Embedding
from turnout.calls import circuit
from turnout.embedding import failover
from turnout.errors import ServerError, SettingsError
from turnout.settings import load_settings
from turnout_emulator import Failure, Raw, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator, Whole
    from turnout_emulator.scripts import Step

pytestmark = pytest.mark.usefixtures("no_backoff", "nothing_known")
TEXTS = [f"passage {number}" for number in range(40)]


@pytest.fixture
def nothing_known() -> Iterator[None]:
    circuit.reset_health()
    failover._compared.clear()
    yield
    circuit.reset_health()
    failover._compared.clear()


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    return 'fallbacks = ["openai", "bedrock"]\n' + fresh_emulator.settings_toml()


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def embeds(emulator: Emulator) -> list[str]:
    return [request.service for request in emulator.requests if request.operation == "embeddings"]


def down(emulator: Emulator, times: int = 3) -> None:
    emulator.queue(*[Failure("server_error")] * times, service="azure")


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("way", ["query", "async", "many", "iter"])
def test_it_moves_to_the_same_space(fresh_emulator: Emulator, framework: str, way: str) -> None:
    moved: list[turnout.Failover] = []
    embedding = Embedding(framework, on_failover=moved.append)
    right = embedding.texts(TEXTS)
    assert embeds(fresh_emulator) == ["azure", "azure", "openai"]
    assert fresh_emulator.requests[-1].body["input"] == list(failover.SAMPLES)
    down(fresh_emulator)
    if way == "query":
        assert embedding.query(TEXTS[3]) == right[3]
    elif way == "async":
        assert asyncio.run(embedding.aquery(TEXTS[3])) == right[3]
    else:
        assert embedding.texts(TEXTS) == right
    assert embeds(fresh_emulator)[3:] == ["azure"] * 3 + ["openai"]
    assert [(one.backend, one.to_backend) for one in moved] == [("azure", "openai")]
    embedding.texts(TEXTS)
    assert embeds(fresh_emulator)[7:] == ["azure"]  # compared once


def test_bulk_work_waits_behind_its_own(fresh_emulator: Emulator, settings_file: Path, framework: str) -> None:
    """A deployment that takes few at once is no reason to ask another."""
    text = settings_file.read_text()
    text = "failover.wait = 0.05\n" + text.replace('auth = "api-key"', 'auth = "api-key"\nmax_connections = 1', 1)
    settings_file.write_text(text)
    embedding = Embedding(framework)
    embedding.query("x")
    fresh_emulator.clear()
    many = [f"passage {number} " + "word " * 3000 for number in range(400)]
    assert len(embedding.texts(many)) == 400
    assert set(embeds(fresh_emulator)) == {"azure"}
    assert len(embeds(fresh_emulator)) > 4


@pytest.mark.usefixtures("settings_file")
def test_what_was_not_compared_is_not_asked(fresh_emulator: Emulator, framework: str) -> None:
    down(fresh_emulator)
    with pytest.raises(ServerError, match="can't move to backend 'openai' before vectors of both places") as caught:
        Embedding(framework).query("x")
    assert "can't move to backend 'bedrock', whose vectors are of the space amazon.titan" in str(caught.value)
    assert embeds(fresh_emulator) == ["azure"] * 3


@pytest.mark.usefixtures("settings_file")
def test_other_vectors_are_refused(fresh_emulator: Emulator, framework: str) -> None:
    embedding = Embedding(framework)
    data = [{"index": number, "embedding": [1.0, *[0.0] * 1535]} for number in range(16)]
    other = Raw(200, {"content-type": "application/json"}, json.dumps({"data": data}))
    fresh_emulator.queue(other, service="openai")
    embedding.query("x")
    down(fresh_emulator)
    with pytest.raises(ServerError, match=r"makes other vectors than 'embed-small' on backend 'azure' \(cosine -?0\.0"):
        embedding.query("x")
    assert embeds(fresh_emulator)[-1] == "azure"


@pytest.mark.usefixtures("settings_file")
def test_a_place_that_does_not_answer_is_compared_later(fresh_emulator: Emulator, framework: str) -> None:
    embedding = Embedding(framework)
    fresh_emulator.queue(Failure("server_error"), service="openai")
    right = embedding.query("x")
    embedding.query("x")
    down(fresh_emulator)
    assert embedding.query("x") == right


def test_the_error_names_the_index_that_can_follow(
    fresh_emulator: Emulator, settings_file: Path, framework: str
) -> None:
    index = '\n[index.docs]\nstore = "chroma"\npath = "chroma"\nalso = ["bedrock"]\n'
    settings_file.write_text(settings_file.read_text() + index)
    down(fresh_emulator)
    with pytest.raises(ServerError, match="index 'docs' can be searched there: set TURNOUT_EMBEDDING_BACKEND=bedrock"):
        Embedding(framework).query("x")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'azure = [{ deployment = "embed-small", model = "text-embedding-3-small" }, "text-embedding-3-large"]',
            "makes vectors of the space azure:text-embedding-3-large/?, and 'azure' those of",
        ),
        (
            'fallbacks = ["bedrock"]\nazure = { deployment = "embed-small", model = "text-embedding-3-small" }',
            "makes vectors of the space amazon.titan-embed-text-v2:0/1024, and 'azure' those of",
        ),
    ],
)
def test_other_spaces_in_a_list_are_refused(settings_file: Path, line: str, message: str) -> None:
    text = settings_file.read_text()
    old = 'azure = { deployment = "embed-small", model = "text-embedding-3-small" }'
    assert old in text
    settings_file.write_text(text.replace(old, line))
    with pytest.raises(SettingsError, match=re.escape(message)):
        load_settings(settings_file)


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize("way", ["query", "async"])
def test_a_place_that_is_silent_holds_no_request_up(
    fresh_emulator: Emulator, framework: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison goes on beside it, and is there for a later one."""
    monkeypatch.setattr(failover, "_HELD_UP", 0.05)
    answers = threading.Event()

    def wait(whole: Whole) -> Iterator[Step]:
        while not answers.is_set():
            yield Wait(0.02)
        yield whole.sent

    fresh_emulator.rule(lambda received: Script(wait) if received.service == "openai" else None)
    embedding = Embedding(framework)

    def ask() -> list[float]:
        found: list[float] = asyncio.run(embedding.aquery("x")) if way == "async" else embedding.query("x")
        return found

    right = ask()
    assert failover._comparing
    assert ask() == right
    answers.set()
    while failover._comparing:
        time.sleep(0.02)
    fresh_emulator.clear()
    down(fresh_emulator)
    assert ask() == right
