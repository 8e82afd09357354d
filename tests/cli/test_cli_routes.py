from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest

from .conftest import turnout

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

_SECRETS = ("turnout-emulator-azure-key", "turnout-emulator-aws-secret-key", "sk-turnout-emulator")


def _line(out: str, start: str) -> list[str]:
    return next(re.split(r" {2,}", line) for line in out.splitlines() if line.startswith(start))


@pytest.mark.usefixtures("settings_file")
def test_routes_backends_and_credentials_are_listed_without_a_request(
    fresh_emulator: Emulator, settings_file: Path
) -> None:
    done = turnout("routes")
    assert done.code == 0, done.err
    assert done.out.startswith(f"Settings from {settings_file}\n")
    assert _line(done.out, "azure *")[-1] == "api-key (from the settings)"
    assert _line(done.out, "bedrock ")[-1] == "static-keys (…TOR0 from the settings)"
    assert "gpt-5-prod" in " ".join(_line(done.out, "chat/default *"))
    assert "text-embedding-3-small/1536" in " ".join(_line(done.out, "embedding/default *"))
    assert not any(secret in done.out for secret in _SECRETS)
    assert fresh_emulator.requests == []


@pytest.mark.usefixtures("elsewhere")
def test_a_model_that_retires_or_is_unknown_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "turnout.toml"
    config.write_text(
        '[backends.azure]\nendpoint = "https://contoso.openai.azure.com"\napi_key = "k"\n'
        '[backends.bedrock]\nregion = "us-east-1"\n'
        '[chat.default]\nazure = { deployment = "d", model = "gpt-5" }\nbedrock = "mistral.mistral-large-2407-v1:0"\n'
        '[chat.own]\nazure = { deployment = "e", model = "our-own" }\nbedrock = "us.meta.llama3-3-70b-instruct-v1:0"\n',
        encoding="utf-8",
    )

    monkeypatch.setattr("turnout.cli.routes._today", lambda: date(2027, 1, 15))
    out = turnout("routes", "--config", str(config)).out
    assert "warning: chat.default.azure: gpt-5 retires on 2027-02-09; choose another model" in out
    assert "warning: chat.own.azure: our-own is a model that turnout has no facts of" in out
    assert "mistral-large" not in out.partition("warning")[2]
    assert "warning: chat.own.bedrock: us.meta.llama3-3-70b-instruct-v1:0 retires on 2027-03-30" in out


@pytest.mark.usefixtures("settings_file")
def test_the_variable_moves_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    out = turnout("routes").out
    assert "us.anthropic.claude-sonnet-4-6" in " ".join(_line(out, "chat/default *"))
    assert "azure *" not in out


@pytest.mark.usefixtures("elsewhere")
def test_a_wrong_target_and_a_missing_credential_are_said_in_their_place(tmp_path: Path) -> None:
    config = tmp_path / "odd.toml"
    config.write_text(
        '[backends.one]\nprovider = "openai"\n[backends.two]\nprovider = "azure"\nauth = "api-key"\n'
        'endpoint = "https://contoso.openai.azure.com"\n'
        '[chat.default]\none = "text-embedding-3-small"\ntwo = "mine"\n',
        encoding="utf-8",
    )
    done = turnout("routes", "--config", str(config))
    assert done.code == 0, done.err
    assert "none: No OpenAI credential: set OPENAI_API_KEY" in done.out
    assert "none: auth = 'api-key' needs api_key" in done.out
    assert "is not a chat model" in done.out
    assert "not said" in done.out
    assert " *" not in done.out


@pytest.mark.usefixtures("elsewhere")
def test_no_settings_is_said(tmp_path: Path) -> None:
    done = turnout("routes")
    assert done.code == 2
    assert done.err.startswith("error: No settings found")


@pytest.mark.usefixtures("elsewhere")
def test_the_endpoint_is_said_where_bedrock_has_two(tmp_path: Path) -> None:
    config = tmp_path / "homes.toml"
    config.write_text(
        '[backends.bedrock]\nregion = "us-east-1"\n[chat]\n'
        'one.bedrock = "global.openai.gpt-5.6-sol"\ntwo.bedrock = "openai.gpt-5.5"\n'
        'three.bedrock = "us.anthropic.claude-sonnet-4-6"\n',
        encoding="utf-8",
    )
    out = turnout("routes", "--config", str(config)).out
    assert _line(out, "Route")[-1] == "Home"
    ends = [_line(out, f"chat/{name} ")[-1] for name in ("one", "two", "three")]
    assert ends == ["runtime", "mantle", "bedrock-converse"]


def test_the_places_of_a_list_and_where_calls_move(tmp_path: Path) -> None:
    config = tmp_path / "turnout.toml"
    config.write_text(
        'backend = "azure"\nfallbacks = ["bedrock"]\n'
        '[backends.azure]\nendpoint = "https://contoso.openai.azure.com"\n[backends.bedrock]\nregion = "us-east-1"\n'
        '[chat.default]\nazure = [{ deployment = "ptu", model = "gpt-5" }, { deployment = "payg", model = "gpt-x" }]\n'
        'bedrock = "us.amazon.nova-lite-v1:0"\n'
    )
    out = turnout("routes", "--config", str(config)).out
    assert re.search(r"chat/default \* +azure +ptu +gpt-5 .*\nchat/default \* +azure +payg +gpt-x ", out)
    assert "chat/default moves on when it fails: ptu on azure -> payg on azure -> us.amazon.nova-lite-v1:0 on b" in out
    assert "warning: chat.default.azure[1]: gpt-x is a model that turnout has no facts of" in out
