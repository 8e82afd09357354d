"""Secrets that settings refer to: a variable, or a file that is read again when it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from turnout.errors import SettingsError
from turnout.langchain import ChatTurnout
from turnout.settings import AzureBackend, load_settings
from turnout_emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path

KEY = "canary-4f1b"
FILE = """
[backends.azure]
provider = "azure"
endpoint = "https://contoso.openai.azure.com"
{line}
headers = {{ x-gateway = "env:GATEWAY_KEY" }}
"""


def written(folder: Path, line: str) -> Path:
    path = folder / "turnout.toml"
    path.write_text(FILE.format(line=line))
    return path


def key_of(path: Path) -> str:
    backend = load_settings(path).backends["azure"]
    assert isinstance(backend, AzureBackend)
    assert backend.api_key is not None
    return backend.api_key.get_secret_value()


@pytest.fixture(autouse=True)
def _gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "canary-gateway")


def test_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 'api_key = "env:TEAM_KEY"')
    monkeypatch.setenv("TEAM_KEY", KEY)
    assert key_of(path) == KEY
    assert load_settings(path).backends["azure"].headers["x-gateway"].get_secret_value() == "canary-gateway"
    assert "canary" not in repr(load_settings(path))
    monkeypatch.setenv("TEAM_KEY", "other")
    assert key_of(path) == "other"
    monkeypatch.delenv("TEAM_KEY")
    (tmp_path / ".env").write_text("TEAM_KEY=dotted\n")
    assert key_of(path) == "dotted"


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = written(tmp_path, 'api_key = "file:keys/azure"')
    (tmp_path / "keys").mkdir()
    secret = tmp_path / "keys" / "azure"
    secret.write_text(f"{KEY}\n")
    assert key_of(path) == KEY
    assert load_settings(path) is load_settings(path)
    secret.write_text("rotated, and longer")
    assert key_of(path) == "rotated, and longer"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('api_key = "env:NOWHERE_SET"', "key 'backends.azure.api_key': the variable 'NOWHERE_SET' that it refers to"),
        ('api_key = "file:gone"', r"key 'backends.azure.api_key': the file '.*/gone' .* No such file or directory"),
        ('api_key = "file:."', "that it refers to can't be read: Is a directory"),
        ('api_key = "file:empty"', "that it refers to can't be read: it is empty"),
        ('api_key = "file:large"', "it is larger than 64 KiB"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 70_000)
    with pytest.raises(SettingsError, match=message):
        load_settings(written(tmp_path, line))


def test_settings_made_in_code_refer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", KEY)
    made = AzureBackend(endpoint="https://contoso.openai.azure.com", api_key="env:TEAM_KEY")
    assert made.api_key is not None
    assert made.api_key.get_secret_value() == KEY


def test_a_rotated_key_is_sent_by_the_next_call(fresh_emulator: Emulator, tmp_path: Path) -> None:
    key = fresh_emulator.environment("azure")["AZURE_OPENAI_API_KEY"]
    path, secret = tmp_path / "turnout.toml", tmp_path / "key"
    secret.write_text("expired")
    path.write_text(fresh_emulator.settings_toml().replace(f'api_key = "{key}"', 'api_key = "file:key"', 1))
    chat = ChatTurnout(settings=str(path))
    with pytest.raises(Exception, match="refused the credential"):
        chat.invoke("x")
    secret.write_text(key)
    assert chat.invoke("x").text
