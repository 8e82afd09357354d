"""A credential that isn't given, a client that isn't made, a database that isn't there: none of them shows a secret."""

from __future__ import annotations

import pickle
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.canaries.planted import AZURE, BEARER, CLIENT_SECRET, DATABASE, SECRET_KEY, SESSION, found_in, shown_by
from tests.clients import client_of
from turnout.errors import CredentialError, IndexUnreachableError, ServiceConnectionError, SettingsError
from turnout.langchain import ChatTurnout, TurnoutIndex
from turnout.llama_index.index_store import TurnoutIndexStore
from turnout.providers.credentials import aws
from turnout.providers.credentials.azure import choose, token_source
from turnout.redaction import without_secrets
from turnout.settings import AzureBackend, BedrockBackend, IndexSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


def test_a_principal_that_entra_refuses(emulator: Emulator) -> None:
    variables = emulator.environment("entra")
    backend = AzureBackend.model_validate(
        {
            "endpoint": emulator.azure.url,
            "tenant_id": variables["AZURE_TENANT_ID"],
            "client_id": variables["AZURE_CLIENT_ID"],
            "client_secret": CLIENT_SECRET,
            "authority_host": variables["AZURE_AUTHORITY_HOST"],
            "ca_bundle": emulator.ca_file,
        }
    )
    with pytest.raises(CredentialError, match="AADSTS7000215") as caught:
        token_source(backend, choose(backend))()
    assert shown_by(caught.value) == {}
    assert not found_in(pickle.dumps(caught.value))
    settings = Settings.model_validate(
        {"backends": {"azure": backend}, "chat": {"default": {"azure": {"deployment": "gpt-5-prod", "model": "gpt-5"}}}}
    )
    with pytest.raises(CredentialError, match="AADSTS7000215") as caught:
        ChatTurnout(settings=settings).invoke("x")
    assert shown_by(caught.value) == {}


@pytest.mark.parametrize("answered", [True, False])
def test_a_role_that_is_not_given(emulator: Emulator, answered: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    backend = {
        "provider": "bedrock",
        "region": "us-east-1",
        "endpoint": emulator.bedrock.url,
        "sts_endpoint": emulator.environment("sts")["AWS_ENDPOINT_URL_STS"] if answered else nobody,
        "access_key_id": "AKIACANARY8QM2ZR7WX1",
        "secret_access_key": SECRET_KEY,
        "session_token": SESSION,
        "role_arn": "arn:aws:iam::123456789012:role/reader",
        "auth": "assumed-role",
        "max_retries": 0,
    }
    targets = {"default": {"bedrock": "us.anthropic.claude-sonnet-4-6"}}
    settings = Settings.model_validate({"backends": {"bedrock": backend}, "chat": targets})
    kind = CredentialError if answered else ServiceConnectionError
    with pytest.raises(kind) as caught:
        ChatTurnout(settings=settings).invoke("x")
    assert shown_by(caught.value) == {}


def test_a_client_that_cannot_be_made(tmp_path: Path) -> None:
    backend = AzureBackend.model_validate(
        {"endpoint": "https://contoso.openai.azure.com", "api_key": AZURE, "ca_bundle": str(tmp_path / "none.pem")}
    )
    with pytest.raises(SettingsError, match=r"ca_bundle = '.*none\.pem' can't be read: No such file") as caught:
        client_of(backend)
    assert shown_by(caught.value) == {}


def test_what_is_no_proxy_is_not_shown() -> None:
    for proxy in (AZURE, f"http://{AZURE}@", f"socks5://user:{AZURE}@host", f"http://[{AZURE}"):
        backend = AzureBackend.model_validate(
            {"endpoint": "https://contoso.openai.azure.com", "api_key": AZURE, "proxy": proxy}
        )
        with pytest.raises(SettingsError, match="not a URL of an HTTP proxy") as caught:
            client_of(backend)
        assert shown_by(caught.value) == {}


def test_a_profile_that_is_a_key_is_not_shown() -> None:
    backend = BedrockBackend.model_validate({"region": "us-east-1", "profile": SECRET_KEY})
    with pytest.raises(SettingsError, match="doesn't exist") as caught:
        aws.session(backend, aws.choose(backend))
    assert not found_in(str(caught.value))
    assert caught.value.__context__ is None
    assert not found_in(str(aws.choose(backend)))


@pytest.mark.parametrize("key", ["connection", "manifest"])
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_a_database_that_is_not_there(framework: Any, key: str, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    kind: Any = TurnoutIndex if framework == "langchain" else TurnoutIndexStore
    made: dict[str, Any] = {
        "backends": {"openai": {"provider": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "embedding": {"default": {"openai": "text-embedding-3-small"}},
    }
    index = {
        "store": "pgvector" if key == "connection" else "chroma",
        "framework": framework,
        "path": str(tmp_path),
        "connection": "http://127.0.0.1:9",
        key: f"postgresql+psycopg://user:{DATABASE}@127.0.0.1:{port}/name",
    }
    with pytest.raises(IndexUnreachableError) as caught:
        kind("docs", settings=Settings.model_validate({**made, "index": {"docs": index}})).index.status()
    assert shown_by(caught.value) == {}
    wrong = {**index, key: DATABASE}
    with pytest.raises(SettingsError, match=f"{key} is no URL of a database") as refused:
        kind("docs", settings=Settings.model_validate({**made, "index": {"docs": wrong}})).index.status()
    assert shown_by(refused.value) == {}


def test_an_index_that_travelled_without_its_connection_says_so() -> None:
    from turnout.index.postgres import engine_of

    index = IndexSettings(store="pgvector", connection=f"postgresql+psycopg://user:{DATABASE}@host/name")
    with pytest.raises(SettingsError, match="pickled"):
        engine_of(pickle.loads(pickle.dumps(index)), "docs")


def test_a_request_of_botocore_is_not_shown() -> None:
    from botocore.awsrequest import AWSPreparedRequest, HeadersDict
    from botocore.exceptions import ConnectionClosedError

    headers = HeadersDict({"Authorization": f"Bearer {BEARER}".encode(), "X-Amz-Security-Token": SESSION.encode()})
    request = AWSPreparedRequest("POST", "https://sts.amazonaws.com/", headers, b"", False)
    error: Any = ConnectionClosedError(endpoint_url=f"https://sts.amazonaws.com/?token={SESSION}", request=request)
    assert shown_by(without_secrets(error)) == {}
