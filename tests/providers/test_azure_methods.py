"""Each of Azure's methods, with the real azure-identity against the emulator's Entra: success, refusal and absence."""

from __future__ import annotations

import asyncio
import os
import pickle
import stat
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.support.frameworks import WAYS, Chat
from turnout.errors import CredentialError, SettingsError
from turnout.providers.credentials.azure import choose, scope_of, token_source
from turnout.settings import AzureBackend, Settings
from turnout_emulator import Emulator
from turnout_emulator.accounts import CLIENT, TENANT, Accounts, EntraClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEDERATED = "canary.federated.token"


@pytest.fixture(scope="module")
def pem() -> tuple[bytes, bytes]:
    """A certificate, and it with its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turnout")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate, private + certificate


@pytest.fixture(scope="module")
def entra(pem: tuple[bytes, bytes]) -> Iterator[Emulator]:
    clients = (EntraClient(certificate=pem[0], federated_token=FEDERATED),)
    with Emulator(accounts=Accounts(entra_clients=clients)) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _nothing_received(entra: Emulator) -> None:
    entra.clear()


def backend(entra: Emulator, **options: Any) -> AzureBackend:
    authority = entra.environment("entra")["AZURE_AUTHORITY_HOST"]
    whole = {"endpoint": entra.azure.url, "authority_host": authority, "ca_bundle": entra.ca_file, **options}
    return AzureBackend.model_validate(whole)


def ask(made: AzureBackend) -> None:
    """Each way of calling, with its token."""
    settings = Settings.model_validate(
        {"backends": {"azure": made}, "chat": {"default": {"azure": {"deployment": "mini", "model": "gpt-5-mini"}}}}
    )
    for way in WAYS:
        assert Chat("langchain", settings=settings).ask(way).text


def how(entra: Emulator) -> set[str | None]:
    found = {request.auth for request in entra.requests if request.service == "entra" and request.operation == "token"}
    entra.clear()
    return found


@pytest.mark.parametrize("auth", ["auto", "certificate"])
def test_a_certificate(entra: Emulator, tmp_path: Path, pem: tuple[bytes, bytes], auth: str) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(pem[1])
    made = backend(entra, auth=auth, tenant_id=TENANT, client_id=CLIENT, client_certificate=str(path))
    assert str(choose(made)) == f"certificate (client {CLIENT}, certificate from the settings)"
    ask(made)
    assert how(entra) == {"certificate"}


def test_a_certificate_that_is_not_registered(entra: Emulator, tmp_path: Path, pem: tuple[bytes, bytes]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path / "other.pem"
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()) + pem[0])
    made = backend(entra, tenant_id=TENANT, client_id=CLIENT, client_certificate=str(path))
    with pytest.raises(CredentialError, match="AADSTS700027"):
        token_source(made, choose(made))()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", None])
def test_a_certificate_that_cannot_be_read(entra: Emulator, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "app.pem"
    if content is not None:
        path.write_bytes(content)
    made = backend(entra, tenant_id=TENANT, client_id=CLIENT, client_certificate=str(path))
    with pytest.raises(CredentialError, match=r"the certificate '.*app.pem' can't be used"):
        token_source(made, choose(made))


@pytest.mark.parametrize("auth", ["auto", "workload-identity"])
def test_a_federated_token(entra: Emulator, tmp_path: Path, auth: str) -> None:
    path = tmp_path / "token"
    path.write_text(FEDERATED)
    made = backend(entra, auth=auth, tenant_id=TENANT, client_id=CLIENT, federated_token_file=str(path))
    assert choose(made).method == "workload-identity"
    ask(made)
    assert how(entra) == {"federated"}
    path.write_text("another issuer's")
    again = backend(entra, tenant_id=TENANT, client_id=CLIENT, federated_token_file=str(path))
    with pytest.raises(CredentialError, match="AADSTS700027"):
        token_source(again, choose(again))()
    path.unlink()
    gone = backend(entra, tenant_id=TENANT, client_id=CLIENT, federated_token_file=str(path))
    with pytest.raises(CredentialError, match="No such file or directory"):
        token_source(gone, choose(gone))()


@pytest.mark.parametrize("client_id", [None, "33333333-3333-4333-8333-333333333333"])
def test_a_managed_identity(entra: Emulator, monkeypatch: pytest.MonkeyPatch, client_id: str | None) -> None:
    for name, value in entra.environment("managed-identity").items():
        monkeypatch.setenv(name, value)
    made = backend(entra, auth="managed-identity", client_id=client_id, api_key="not this")
    assert choose(made).why == (f"managed identity {client_id}" if client_id else "the system's own")
    assert token_source(made, choose(made))().count(".") == 2
    asked = [request for request in entra.requests if request.path == "/msi/token"]
    assert [request.identity for request in asked] == [client_id or CLIENT]
    entra.clear()


def test_no_managed_identity(entra: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.azure.url)  # IMDS isn't here
    made = backend(entra, auth="managed-identity")
    with pytest.raises(CredentialError, match="No Azure credential for"):
        token_source(made, choose(made))()


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Azure CLI that is logged in; azure-identity runs it."""
    tool = tmp_path / "bin" / "az"
    tool.parent.mkdir()
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    return tool


def script(tool: Path, lines: str) -> None:
    tool.write_text(f"#!/bin/sh\n{lines}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_the_azure_clis_login(entra: Emulator, az: Path) -> None:
    made = backend(entra, auth="azure-cli")
    script(az, "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
    with pytest.raises(CredentialError, match="az login"):
        token_source(made, choose(made))()
    token = entra.entra.issue("https://ai.azure.com/.default")
    expires = int(time.time()) + 3600
    script(az, f"""echo '{{"accessToken": "{token}", "expires_on": {expires}, "expiresOn": "2099-01-01 00:00:00"}}'""")
    ask(made)


class _Sync:
    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, scope: str, **_: Any) -> AccessToken:
        self.scopes.append(scope)
        return AccessToken(self.token, int(time.time()) + 3600)


class _Async(_Sync):
    async def get_token(self, scope: str, **_: Any) -> AccessToken:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().get_token(scope)


@pytest.mark.parametrize("kind", ["sync", "async", "function", "coroutine function"])
def test_a_credential_of_the_applications_own(entra: Emulator, kind: str) -> None:
    token = entra.entra.issue("https://ai.azure.com/.default")

    async def later() -> str:
        return token

    own: Any = {"sync": _Sync(token), "async": _Async(token), "function": lambda: token, "coroutine function": later}
    entra.clear()
    made = backend(entra, credential=own[kind], api_key="not this")
    assert str(choose(made)) == "own (given in code)"
    ask(made)
    assert {request.auth for request in entra.requests if request.service == "azure"} == {"entra"}
    if kind in {"sync", "async"}:
        assert own[kind].scopes == ["https://ai.azure.com/.default"]
    assert token not in repr(made)
    assert pickle.loads(pickle.dumps(made)).credential is None
    assert "credential" not in made.model_dump()
    entra.clear()


def test_what_is_no_credential_is_refused(entra: Emulator) -> None:
    with pytest.raises(ValueError, match="this is no credential; give one of azure-identity's, or a function"):
        backend(entra, credential=7)
    made = backend(entra, credential=lambda: None)
    with pytest.raises(CredentialError, match="returned no token"):
        token_source(made, choose(made))()


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("certificate", "auth = 'certificate' needs tenant_id, client_id and client_certificate"),
        ("workload-identity", "auth = 'workload-identity' needs tenant_id, client_id and federated_token_file"),
    ],
)
def test_a_method_that_is_not_whole(entra: Emulator, auth: str, said: str) -> None:
    with pytest.raises(CredentialError, match=said):
        choose(backend(entra, auth=auth))


@pytest.mark.parametrize(("cloud", "end"), [("public", "com"), ("usgov", "us"), ("china", "cn")])
def test_a_cloud_that_is_named(cloud: str, end: str) -> None:
    principal = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}
    made = AzureBackend.model_validate({"endpoint": "https://gateway.example.com", "cloud": cloud, **principal})
    assert scope_of(made) == f"https://ai.azure.{end}/.default"
    source: Any = token_source(made, choose(made))
    authority = {"com": "login.microsoftonline.com", "us": "login.microsoftonline.us", "cn": "login.chinacloudapi.cn"}
    assert source._credential._authority == f"https://{authority[end]}"


def test_an_unknown_method_is_refused(entra: Emulator) -> None:
    with pytest.raises((ValueError, SettingsError), match="Input should be 'auto'"):
        backend(entra, auth="kerberos")
