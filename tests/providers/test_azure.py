"""Azure's credentials, with the real azure-identity against the emulator's Entra."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from tests.clients import client_of
from turnout.errors import CredentialError, SettingsError
from turnout.providers.credentials.azure import choose, scope_of, token_source
from turnout.providers.credentials.entra_tokens import TokenSource
from turnout.settings import AzureBackend

if TYPE_CHECKING:
    from turnout_emulator import Emulator

ENDPOINT = "https://contoso.openai.azure.com"
SCOPE = "https://ai.azure.com/.default"
PRINCIPAL = {"tenant_id": "t", "client_id": "c", "client_secret": "s3cret"}


def backend(**options: Any) -> AzureBackend:
    return AzureBackend.model_validate({"endpoint": ENDPOINT, **options})


@pytest.mark.parametrize(
    ("options", "method", "why"),
    [
        ({**PRINCIPAL, "api_key": "k"}, "service-principal", "client c, secret from the settings"),
        ({"api_key": "k"}, "api-key", "from the settings"),
        ({"api_key": "k", "tenant_id": "t"}, "api-key", "from the settings"),
        ({}, "default-chain", "no API key, and no service principal (tenant_id, client_id and client_secret not set)"),
        ({"auth": "default", "api_key": "k"}, "default-chain", "auth = 'default'"),
        ({"client_id": "c"}, "default-chain", "managed identity c"),
        ({"auth": "api-key", **PRINCIPAL, "api_key": "k"}, "api-key", "from the settings"),
        (
            {"api_key": "k", "origins": (("api_key", "AZURE_OPENAI_API_KEY in .env"),)},
            "api-key",
            "from AZURE_OPENAI_API",
        ),
    ],
)
def test_precedence(options: dict[str, Any], method: str, why: str) -> None:
    chosen = choose(backend(**options))
    assert chosen.method == method
    assert why in chosen.why
    assert "s3cret" not in str(chosen)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"auth": "service-principal", "tenant_id": "t"}, "needs client_id and client_secret"),
        ({"auth": "api-key"}, "needs api_key"),
    ],
)
def test_a_named_method_must_be_whole(options: dict[str, Any], said: str) -> None:
    with pytest.raises(CredentialError, match=said):
        choose(backend(**options))


def principal(emulator: Emulator, **changes: str) -> AzureBackend:
    variables = emulator.environment("entra")
    return backend(
        **{
            "tenant_id": variables["AZURE_TENANT_ID"],
            "client_id": variables["AZURE_CLIENT_ID"],
            "client_secret": variables["AZURE_CLIENT_SECRET"],
            "authority_host": variables["AZURE_AUTHORITY_HOST"],
            "ca_bundle": emulator.ca_file,
            **changes,
        }
    )


def test_a_service_principals_token_is_fetched_once_and_kept(fresh_emulator: Emulator) -> None:
    made = principal(fresh_emulator)
    source = token_source(made, choose(made))
    token = source()
    assert token == source()
    assert asyncio.run(source.aget()) == token
    fetched = [r for r in fresh_emulator.requests if r.path.endswith("/oauth2/v2.0/token")]
    assert len(fetched) == 1
    assert fetched[0].body["scope"] == SCOPE
    assert token not in repr(source)


def test_a_wrong_secret_says_what_entra_said_and_shows_no_secret(emulator: Emulator) -> None:
    made = principal(emulator, client_secret="wr0ng-secret")
    with pytest.raises(CredentialError, match="AADSTS7000215") as caught:
        token_source(made, choose(made))()
    assert "wr0ng-secret" not in str(caught.value)
    assert any("AADSTS7000215" in line for line in caught.value.tried)


def test_managed_identity_through_the_default_chain(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in emulator.environment("managed-identity").items():
        monkeypatch.setenv(name, value)
    made = backend()
    assert token_source(made, choose(made))().count(".") == 2  # a JWT


def test_a_managed_identity_of_the_users_own_is_asked_for_by_its_client_id(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fresh_emulator.environment("managed-identity").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_CLIENT_ID", "stray")
    made = backend(client_id="mine")
    assert token_source(made, choose(made))()
    assert [r.identity for r in fresh_emulator.requests if r.path == "/msi/token"] == ["mine"]


@pytest.mark.parametrize(
    ("endpoint", "cloud", "authority"),
    [
        ("https://contoso.openai.azure.com", "com", "login.microsoftonline.com"),
        ("https://contoso.services.ai.azure.com/api/projects/p", "com", "login.microsoftonline.com"),
        ("https://contoso.openai.azure.us", "us", "login.microsoftonline.us"),
        ("https://contoso.cognitiveservices.azure.us", "us", "login.microsoftonline.us"),
        ("https://contoso.openai.azure.cn", "cn", "login.chinacloudapi.cn"),
        ("https://gateway.example.us", "com", "login.microsoftonline.com"),
    ],
)
def test_the_endpoints_cloud_decides_scope_and_authority(
    endpoint: str, cloud: str, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = []
    principal = "azure.identity.ClientSecretCredential.__init__"
    monkeypatch.setattr(principal, lambda *_, authority, **__: authorities.append(authority))
    made = backend(endpoint=endpoint, **PRINCIPAL)
    source = token_source(made, choose(made))
    assert authorities == [authority]
    assert f"https://ai.azure.{cloud}/.default" in repr(source)
    assert scope_of(made, dated=True) == f"https://cognitiveservices.azure.{cloud}/.default"


def test_no_credential_lists_every_method_and_what_it_lacked(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where azure-identity looks for a virtual machine's identity: a closed port of this machine.
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("PATH", "")
    made = backend()
    with pytest.raises(CredentialError) as caught:
        token_source(made, choose(made))()
    text = str(caught.value)
    for part in (
        "service principal: lacks tenant_id",
        "API key: lacks api_key",
        "ManagedIdentity",
        "AzureCliCredential",
    ):
        assert part in text


class Clockwork:
    """A credential whose tokens live as long as a test says."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.fetched = 0
        self.delay = 0.0
        self.fails = False

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        time.sleep(self.delay)
        if self.fails:
            raise ClientAuthenticationError(message="Entra is away")
        self.fetched += 1
        return AccessToken(f"token-{self.fetched}", int(time.time() + self.lifetime))


def test_a_token_is_refreshed_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    credential = Clockwork(lifetime=3600)
    source = TokenSource(credential, SCOPE)
    assert source() == "token-1"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3200)
    assert source() == "token-1"
    monkeypatch.setattr(time, "time", lambda: now + 3400)
    assert source() == "token-2"


def test_a_failed_refresh_is_survived_while_the_token_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    credential = Clockwork(lifetime=3600)
    source = TokenSource(credential, SCOPE)
    source()
    credential.fails = True
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3400)
    assert source() == "token-1"
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    with pytest.raises(CredentialError, match="Entra is away"):
        source()


def test_many_threads_fetch_one_token() -> None:
    credential = Clockwork(lifetime=3600)
    credential.delay = 0.05
    source = TokenSource(credential, SCOPE)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == ["token-1"] * 20
    assert credential.fetched == 1


async def test_a_coroutine_does_not_block_its_loop_while_a_token_is_fetched() -> None:
    credential = Clockwork(lifetime=3600)
    credential.delay = 0.3
    source = TokenSource(credential, SCOPE)
    fetching = asyncio.ensure_future(source.aget())
    turns = 0
    while not fetching.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert await fetching == "token-1"
    assert turns > 5


def test_a_dated_api_has_no_responses() -> None:
    dated = backend(api_key="k", api_version="2024-10-21")
    with pytest.raises(SettingsError, match=r"Responses needs the v1 API.*'2024-10-21'; leave that out"):
        client_of(dated, "openai-responses")
    assert client_of(dated, "openai-chat").sync
