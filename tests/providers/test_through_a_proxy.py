"""Credentials are fetched through the settings' proxy, and STS where the settings say: by every method that asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.proxy import proxy
from turnout import runtime
from turnout.langchain import ChatTurnout
from turnout.settings import Settings
from turnout_emulator.accounts import ROLE_ARN, WEB_IDENTITY_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


def settings(emulator: Emulator, **more: Any) -> Settings:
    bedrock = {
        "provider": "bedrock",
        "region": "us-east-1",
        "endpoint": emulator.bedrock.url,
        "sts_endpoint": emulator.sts.url,
        **more,
    }
    chat = {"default": {"bedrock": "us.anthropic.claude-sonnet-4-6"}}
    return Settings.model_validate({"backends": {"bedrock": bedrock}, "chat": chat})


METHODS = {
    "a role of a profile": f"[profile team]\nrole_arn = {ROLE_ARN}\nsource_profile = base\n",
    "a web identity": f"[profile team]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {{token}}\n",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by_proxy", [False, True])
def test_sts_is_asked_where_the_settings_say(
    fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, *, by_proxy: bool
) -> None:
    keys = fresh_emulator.environment("bedrock")
    (tmp_path / "token").write_text(WEB_IDENTITY_TOKEN)
    base = f"[profile base]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
    base += f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    (tmp_path / "config").write_text(base + METHODS[method].format(token=tmp_path / "token"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    runtime.close()  # another's client is of equal settings
    seen: list[str] = []
    with proxy(seen) as address:
        made = settings(fresh_emulator, profile="team", **({"proxy": address} if by_proxy else {}))
        assert ChatTurnout(settings=made).invoke("x").text
    asked = [request for request in fresh_emulator.requests if request.service == "sts"]
    assert asked
    assert bool(seen) == by_proxy
    assert not by_proxy or any(fresh_emulator.sts.url.partition("//")[2] in one for one in seen)


def test_entra_is_asked_through_the_proxy(fresh_emulator: Emulator) -> None:
    from tests.providers.test_clients import entra

    seen: list[str] = []
    with proxy(seen) as address:
        azure = {"provider": "azure", "endpoint": fresh_emulator.azure.url, "proxy": address, **entra(fresh_emulator)}
        chat = {"default": {"azure": {"deployment": "mini", "model": "gpt-5-mini"}}}
        made = Settings.model_validate({"backends": {"azure": azure}, "chat": chat})
        assert ChatTurnout(settings=made).invoke("x").text
    authority = entra(fresh_emulator)["authority_host"].partition("//")[2]
    assert any(one.startswith(f"CONNECT {authority}") for one in seen)


def by_the_default_chain(emulator: Emulator, **more: Any) -> Settings:
    options = {"provider": "azure", "endpoint": emulator.azure.url, "auth": "default", **more}
    chat = {"default": {"azure": {"deployment": "mini", "model": "gpt-5-mini"}}}
    return Settings.model_validate({"backends": {"azure": options}, "chat": chat})


def test_the_default_chain_asks_entra_through_the_proxy(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fresh_emulator.environment("entra").items():
        monkeypatch.setenv(name, value)
    seen: list[str] = []
    with proxy(seen) as address:
        made = by_the_default_chain(
            fresh_emulator,
            proxy=address,
            authority_host=fresh_emulator.entra.https_url,
            ca_bundle=fresh_emulator.ca_file,
        )
        assert ChatTurnout(settings=made).invoke("x").text
    authority = fresh_emulator.entra.https_url.partition("//")[2]
    assert any(one.startswith(f"CONNECT {authority}") for one in seen)


@pytest.mark.parametrize("auth", ["default", "managed-identity"])
def test_no_proxy_is_asked_for_a_managed_identitys_token(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    for name, value in fresh_emulator.environment("managed-identity").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "")
    seen: list[str] = []
    with proxy(seen) as address:
        monkeypatch.setenv("HTTP_PROXY", address)
        made = by_the_default_chain(fresh_emulator, auth=auth, proxy=address)
        assert ChatTurnout(settings=made).invoke("x").text
    assert any(request.service == "entra" for request in fresh_emulator.requests)
    assert not [one for one in seen if "msi/token" in one]
