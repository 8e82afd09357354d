"""Data goes where the policy allows, and nowhere else: refused when the settings are read, and before a call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.frameworks import FRAMEWORKS, WAYS, Chat, Embedding
from turnout.errors import SettingsError
from turnout.routing import resolve
from turnout.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

FILE = """
backend = "bedrock"
{top}

[backends.bedrock]
provider = "bedrock"
region = "{region}"

[backends.azure]
provider = "azure"
endpoint = "{endpoint}"
{azure_backend}

[backends.openai]
provider = "openai"
api_key = "x"
{openai}

[chat.default]
{target}

[policy]
{policy}
"""
EU = 'regions = ["eu-*", "swedencentral"]'
NAMED = "https://contoso.openai.azure.com"


def written(folder: Path, target: str, policy: str = EU, **parts: str) -> Path:
    filled = {"top": "", "region": "eu-central-1", "endpoint": NAMED, "azure_backend": "", "openai": ""} | parts
    path = folder / "turnout.toml"
    path.write_text(FILE.format(target=target, policy=policy, **filled))
    return path


ALLOWED = {
    "a profile of the geography": ('bedrock = "eu.anthropic.claude-sonnet-4-6"', {}),
    "the region itself": ('bedrock = "amazon.nova-lite-v1:0"', {}),
    "an ARN in it": ('bedrock = "arn:aws:bedrock:eu-west-1:1:provisioned-model/abc"', {}),
    "a profile's ARN": ('bedrock = "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0"', {}),
    "a data zone": ('azure = { deployment = "d", model = "gpt-5", sku = "datazone-eu" }', {}),
    "a regional deployment": (
        'azure = { deployment = "d", model = "gpt-5", sku = "regional" }',
        {"azure_backend": 'region = "swedencentral"'},
    ),
    "a regional host": (
        'azure = { deployment = "d", model = "gpt-5", sku = "regional" }',
        {"endpoint": "https://swedencentral.api.cognitive.microsoft.com"},
    ),
    "this machine": ('azure = { deployment = "d", model = "gpt-5" }', {"endpoint": "http://127.0.0.1:8080"}),
    "OpenAI in Europe": ('openai = "gpt-5"', {"openai": 'base_url = "https://eu.api.openai.com/v1"'}),
    "a server whose region is stated": (
        'openai = "gpt-5"',
        {"openai": 'base_url = "https://llm.example.com/v1"\nregion = "eu-hosted"'},
    ),
}


@pytest.mark.parametrize(("target", "parts"), ALLOWED.values(), ids=ALLOWED)
def test_what_stays_within(tmp_path: Path, target: str, parts: dict[str, str]) -> None:
    load_settings(written(tmp_path, target, **parts))


REFUSED = {
    "a global profile": (
        'bedrock = "global.anthropic.claude-sonnet-4-6"',
        {},
        "may go to any region, and [policy] regions allows 'eu-*', 'swedencentral'; choose a profile or region within it",
    ),
    "another geography": ('bedrock = "us.anthropic.claude-sonnet-4-6"', {}, "may go to us-*"),
    "another region": ('bedrock = "amazon.nova-lite-v1:0"', {"region": "us-east-1"}, "may go to us-east-1"),
    "an ARN elsewhere": ('bedrock = "arn:aws:bedrock:us-east-1:1:provisioned-model/a"', {}, "may go to us-east-1"),
    "an application's own profile": (
        'bedrock = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a"',
        {},
        "nothing says where the data of",
    ),
    "a global deployment": (
        'azure = { deployment = "d", model = "gpt-5", sku = "global" }',
        {"azure_backend": 'region = "swedencentral"'},
        "may go to any region, and [policy] regions allows 'eu-*', 'swedencentral'; choose another deployment",
    ),
    "another data zone": ('azure = { deployment = "d", model = "gpt-5", sku = "datazone-us" }', {}, "may go to us-*"),
    "a deployment of no stated kind": (
        'azure = { deployment = "d", model = "gpt-5" }',
        {"azure_backend": 'region = "swedencentral"'},
        "nothing says where the data of 'd' on backend 'azure' goes",
    ),
    "OpenAI": ('openai = "gpt-5"', {}, "nothing says where the data of 'gpt-5' on backend 'openai' goes"),
    "the second of a list": (
        'bedrock = ["eu.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"]',
        {},
        "may go to us-*",
    ),
    "a fallback": (
        'bedrock = "eu.anthropic.claude-sonnet-4-6"\nopenai = "gpt-5"',
        {"top": 'fallbacks = ["openai"]'},
        "key 'chat.default.openai': nothing says where",
    ),
    "a kind that others don't have": (
        'bedrock = { model = "eu.anthropic.claude-sonnet-4-6", sku = "global" }',
        {},
        "has sku 'global', which only Azure's deployments have",
    ),
}


@pytest.mark.parametrize(("target", "parts", "message"), REFUSED.values(), ids=REFUSED)
def test_what_leaves_is_refused(tmp_path: Path, target: str, parts: dict[str, str], message: str) -> None:
    path = written(tmp_path, target, **parts)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_is_unknown_may_be_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, 'openai = "gpt-5"', f'{EU}\nunknown = "warn"')
    with caplog.at_level(logging.WARNING, "turnout"):
        load_settings(path)
    assert "nothing says where the data of 'gpt-5'" in caplog.text


def test_models_and_backends_are_limited_too(tmp_path: Path) -> None:
    target = 'bedrock = "eu.anthropic.claude-sonnet-4-6"'
    load_settings(written(tmp_path, target, 'models = ["anthropic.claude-*"]\nbackends = ["bedrock"]'))
    with pytest.raises(SettingsError, match=r"is the model .* and \[policy\] models allows 'amazon.\*'"):
        load_settings(written(tmp_path, target, 'models = ["amazon.*"]'))
    with pytest.raises(SettingsError, match=r"is on backend 'bedrock', and \[policy\] backends allows 'azure'"):
        load_settings(written(tmp_path, target, 'backends = ["azure"]'))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_sent(fresh_emulator: Emulator, tmp_path: Path, framework: str, way: str) -> None:
    """Neither by a model that the code names, nor by settings that were made in code."""
    path = tmp_path / "turnout.toml"
    text = fresh_emulator.settings_toml()
    path.write_text(text[: text.index("[chat.")] + f'[chat.default]\nazure = "mini"\n[embedding]\n[policy]\n{EU}\n')
    for model in ("bedrock:global.anthropic.claude-sonnet-4-6", "bedrock:us.anthropic.claude-sonnet-4-6"):
        with pytest.raises(SettingsError, match="model 'bedrock:"):
            Chat(framework, model=model, settings=str(path)).ask(way)
        with pytest.raises(SettingsError):
            Embedding(framework, model="bedrock:amazon.titan-embed-text-v2:0", settings=str(path)).query("x")
    made = Settings.model_validate(
        {
            "backends": {"bedrock": {"provider": "bedrock", "region": "eu-west-1"}},
            "chat": {"default": {"bedrock": "global.anthropic.claude-sonnet-4-6"}},
            "policy": {"regions": ["eu-*"]},
        }
    )
    with pytest.raises(SettingsError, match="may go to any region"):
        Chat(framework, settings=made).ask(way)
    assert not fresh_emulator.requests


def test_a_route_says_where_its_data_goes(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, 'bedrock = "eu.anthropic.claude-sonnet-4-6"'))
    assert resolve(settings=settings).area == "eu-*"
