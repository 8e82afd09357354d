"""No log has a credential, with every logger at level DEBUG: calls that succeed, that fail, and that fetch tokens."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.canaries.planted import found_in
from tests.canaries.test_calls import _echo, _outcome, calls, settings
from tests.providers.test_clients import entra
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat, Embedding
from tests.transport.wire_server import serving
from turnout import runtime, sdk_logs
from turnout.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, as a handler of the root logger writes it."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    runtime.close()
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("call", calls())
def test_a_call_that_fails(call: Any, tmp_path: Path, log: io.StringIO) -> None:
    with serving(_echo) as server:
        assert _outcome(call, settings(tmp_path, server.url.split("/v1")[0])) is not None
    assert log.getvalue()
    assert not found_in(log.getvalue())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_calls_that_succeed(framework: str, fresh_emulator: Emulator, tmp_path: Path, log: io.StringIO) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(fresh_emulator.settings_toml(every_wire=True))
    secrets = [fresh_emulator.environment("azure")["AZURE_OPENAI_API_KEY"]]
    secrets.append(fresh_emulator.environment("bedrock")["AWS_SECRET_ACCESS_KEY"])
    secrets.append(fresh_emulator.environment("openai")["OPENAI_API_KEY"])
    for backend, model in (("azure", "default"), ("azure", "claude"), ("bedrock", "default"), ("openai", "responses")):
        for way in WAYS:
            Chat(framework, backend=backend, model=model, settings=str(path)).ask(way)
        Embedding(framework, backend=backend, settings=str(path)).query("x")
    said = log.getvalue()
    assert "botocore" in said
    assert not [secret for secret in secrets if secret in said]


def test_tokens_of_entra(fresh_emulator: Emulator, log: io.StringIO) -> None:
    azure = {"provider": "azure", "endpoint": fresh_emulator.azure.url, **entra(fresh_emulator)}
    made = Settings.model_validate(
        {"backends": {"azure": azure}, "chat": {"default": {"azure": {"deployment": "mini", "model": "gpt-5-mini"}}}}
    )
    for way in WAYS:
        Chat("langchain", settings=made).ask(way)
    sent = {request.headers.get("authorization", "")[7:] for request in fresh_emulator.requests} - {""}
    assert sent
    assert not [token for token in sent if token in log.getvalue()]
    assert azure["client_secret"] not in log.getvalue()


def test_without_the_filter_it_is_found(
    tmp_path: Path, fresh_emulator: Emulator, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this file looks for is there to be found."""
    monkeypatch.setattr(sdk_logs._Redaction, "filter", lambda *_: True)
    path = tmp_path / "turnout.toml"
    path.write_text(fresh_emulator.settings_toml())
    key = fresh_emulator.environment("azure")["AZURE_OPENAI_API_KEY"]
    path.write_text(path.read_text() + 'claude.azure = { deployment = "claude-prod", model = "claude-sonnet-4-6" }\n')
    text = fresh_emulator.settings_toml(every_wire=True)
    path.write_text(text)
    Chat("langchain", model="claude", settings=str(path)).ask("whole")
    assert key in log.getvalue()
