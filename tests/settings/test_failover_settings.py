"""What may be written of lists of targets and of fallbacks, and how what may not is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from turnout.errors import SettingsError, UnknownBackendError
from turnout.routing import resolve_places
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
backend = "azure"
{top}

[backends.azure]
provider = "azure"
endpoint = "https://contoso.openai.azure.com"

[backends.azure-west]
provider = "azure"
endpoint = "https://contoso-west.openai.azure.com"

[backends.bedrock]
provider = "bedrock"
region = "us-east-1"

[chat.default]
azure = {azure}
bedrock = "us.anthropic.claude-sonnet-4-6"
{own}

[chat.fast]
azure = {{ deployment = "mini", model = "gpt-5-mini" }}
bedrock = "us.amazon.nova-micro-v1:0"
"""
ONE = '{ deployment = "gpt-5", model = "gpt-5" }'


def written(folder: Path, *, top: str = "", azure: str = ONE, own: str = "") -> Path:
    path = folder / "turnout.toml"
    path.write_text(FILE.format(top=top, azure=azure, own=own))
    return path


def places(path: Path, name: str = "default") -> list[tuple[str, str]]:
    return [(place.backend, place.deployment) for place in resolve_places(name, settings=load_settings(path))]


def test_a_list_is_its_places_in_order(tmp_path: Path) -> None:
    listed = f'[{ONE}, "payg", {{ backend = "azure-west", deployment = "gpt-5", model = "gpt-5" }}]'
    path = written(tmp_path, azure=listed)
    assert places(path) == [("azure", "gpt-5"), ("azure", "payg"), ("azure-west", "gpt-5")]
    settings = load_settings(path)
    assert [place.key for place in resolve_places(settings=settings)] == [
        f"chat.default.azure[{number}]" for number in range(3)
    ]


def test_fallbacks_of_all_routes_and_of_one(tmp_path: Path) -> None:
    path = written(tmp_path, top='fallbacks = ["bedrock"]', own="fallbacks = []")
    assert places(path) == [("azure", "gpt-5")]
    assert places(path, "fast") == [("azure", "mini"), ("bedrock", "us.amazon.nova-micro-v1:0")]
    path = written(tmp_path, own='fallbacks = ["bedrock"]')
    assert places(path)[1:] == [("bedrock", "us.anthropic.claude-sonnet-4-6")]
    assert places(path, "fast") == [("azure", "mini")]


def test_variables_set_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    monkeypatch.setenv("TURNOUT_FALLBACKS", "bedrock")
    monkeypatch.setenv("TURNOUT_FAILOVER__CIRCUIT", "false")
    assert load_settings(path).failover.circuit is False
    assert len(places(path)) == 2
    monkeypatch.setenv("TURNOUT_FALLBACKS", '["bedrock"]')
    monkeypatch.setenv("TURNOUT_CHAT__FAST__FALLBACKS", "[]")
    listed = ["a", "b", {"deployment": "gpt-5", "model": "gpt-5"}]
    monkeypatch.setenv("TURNOUT_CHAT__DEFAULT__AZURE", json.dumps(listed))
    assert places(path, "fast") == [("azure", "mini")]
    assert [deployment for _, deployment in places(path)][:3] == ["a", "b", "gpt-5"]


def test_a_change_is_seen(tmp_path: Path) -> None:
    assert len(places(written(tmp_path))) == 1
    assert len(places(written(tmp_path, own='fallbacks = ["bedrock"]'))) == 2


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        (
            {"top": 'fallbacks = ["bedrok"]'},
            UnknownBackendError,
            r"key 'fallbacks': unknown backend 'bedrok' \(did you mean 'bedrock'\?\)",
        ),
        (
            {"own": 'fallbacks = ["bedrok"]'},
            UnknownBackendError,
            r"key 'chat.default.fallbacks': unknown backend 'bedrok' \(did you mean 'bedrock'\?\)",
        ),
        (
            {"top": 'fallbacks = ["bedrock", "azure", "bedrock"]'},
            SettingsError,
            "key 'fallbacks': 'bedrock' is in the list twice",
        ),
        (
            {"own": 'fallbacks = ["azure-west"]'},
            SettingsError,
            r"key 'chat.default.fallbacks': .* no target on 'azure-west' \(only on azure, bedrock\); add a line to",
        ),
        ({"azure": f"[{ONE}, {ONE}]"}, SettingsError, "key 'chat.default.azure': 'gpt-5' on backend 'azure' is in"),
        ({"azure": "[]"}, SettingsError, "key 'chat.default.azure': this list has no target"),
        (
            {"azure": f'[{ONE}, {{ deployment = "b", weight = -1 }}]'},
            SettingsError,
            r"key 'chat.default.azure.1.weight': input should be greater than or equal to 0",
        ),
        (
            {"azure": f'[{ONE}, {{ deployment = "b", weight = nan }}]'},
            SettingsError,
            r"key 'chat.default.azure.1.weight': input should be a finite number",
        ),
        (
            {"azure": f'[{ONE}, {{ deployment = "b", wieght = 1 }}]'},
            SettingsError,
            r"key 'chat.default.azure.1.wieght': unknown key \(did you mean 'weight'\?\)",
        ),
        (
            {"azure": f'[{ONE}, {{ deployment = "b", backend = "azure-wset" }}]'},
            UnknownBackendError,
            r"key 'chat.default.azure.backend': unknown backend 'azure-wset' \(did you mean 'azure-west'\?\)",
        ),
        (
            {"top": "failover.circut = true"},
            SettingsError,
            r"key 'failover.circut': unknown key \(did you mean 'circuit'\?\)",
        ),
        ({"top": "failover.wait = -1"}, SettingsError, "key 'failover.wait': input should be greater than or equal"),
        (
            {"top": 'fallback = ["bedrock"]'},
            SettingsError,
            r"key 'fallback': unknown key \(did you mean 'fallbacks'\?\)",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, parts: dict[str, str], error: type[SettingsError], message: str
) -> None:
    path = written(tmp_path, **parts)
    with pytest.raises(error, match=message) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)


def test_a_header_in_a_list_is_secret(tmp_path: Path) -> None:
    listed = f'[{ONE}, {{ deployment = "b", headers = {{ x-key = "canary-1f2e" }}, wieght = 1 }}]'
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, azure=listed))
    assert "canary" not in str(caught.value)
    settings = load_settings(written(tmp_path, azure=listed.replace(", wieght = 1", "")))
    assert "canary" not in repr(settings)
    assert "canary" not in settings.model_dump_json()
