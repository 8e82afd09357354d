"""Key Vault and Secrets Manager of the emulator, asked by their own SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets._shared import http_challenge_cache
from botocore.exceptions import ClientError

from turnout_emulator import Failure
from turnout_emulator.accounts import AWS_SECRET_KEY, CLIENT, IDENTITY_HEADER, TENANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout_emulator import Emulator

SCOPE = "https://vault.azure.net/.default"


class Issued:
    """A credential whose tokens are the emulator's, for one audience."""

    def __init__(self, emulator: Emulator, scope: str = SCOPE, lifetime: float | None = None) -> None:
        self.asked: list[str] = []
        self._token = emulator.entra.issue(scope, lifetime=lifetime)

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked += scopes
        return AccessToken(self._token, 2**31)


@pytest.fixture
def vault_with(fresh_emulator: Emulator) -> Iterator[Callable[[Any], SecretClient]]:
    made: list[SecretClient] = []

    def client(credential: Any) -> SecretClient:
        # By its own address a loopback host fails the client's check of the challenge.
        options = {"verify_challenge_resource": False, "connection_verify": fresh_emulator.ca_file, "retry_total": 0}
        made.append(SecretClient(fresh_emulator.keyvault.https_url, credential, **options))
        return made[-1]

    fresh_emulator.keyvault.secrets["openai-key"] = "value"
    http_challenge_cache.clear()
    yield client
    fresh_emulator.keyvault.secrets.clear()
    for one in made:
        one.close()


def test_a_vault_gives_a_secret(vault_with: Callable[[Any], SecretClient], fresh_emulator: Emulator) -> None:
    credential = Issued(fresh_emulator)
    secret = vault_with(credential).get_secret("openai-key")
    assert (secret.value, secret.name, secret.properties.enabled) == ("value", "openai-key", True)
    assert credential.asked == [SCOPE]
    assert [(one.status, one.identity) for one in fresh_emulator.requests] == [(401, None), (200, CLIENT)]


@pytest.mark.parametrize(("scope", "lifetime"), [("https://ai.azure.com/.default", None), (SCOPE, -1)])
def test_a_token_of_another_audience_or_time_is_refused(
    vault_with: Callable[[Any], SecretClient], fresh_emulator: Emulator, scope: str, lifetime: float | None
) -> None:
    with pytest.raises(ClientAuthenticationError, match="AKV10022"):
        vault_with(Issued(fresh_emulator, scope, lifetime)).get_secret("openai-key")


def test_what_a_vault_refuses(vault_with: Callable[[Any], SecretClient], fresh_emulator: Emulator) -> None:
    client = vault_with(Issued(fresh_emulator))
    with pytest.raises(ResourceNotFoundError, match="absent was not found in this key vault"):
        client.get_secret("absent")
    with pytest.raises(HttpResponseError, match="invalid name"):
        client.get_secret("under_score")
    fresh_emulator.queue(Failure.permission(), service="keyvault")
    with pytest.raises(HttpResponseError) as caught:
        client.get_secret("openai-key")
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert (caught.value.error.code, str(caught.value.error.innererror)) != ("", "")
    address = f"{fresh_emulator.keyvault.url}/secrets/openai-key"
    unsigned = httpx.get(f"{address}?api-version=7.4")
    assert unsigned.json()["error"]["code"] == "Unauthorized"
    authority = f"https://login.microsoftonline.com/{TENANT}"
    expected = f'Bearer authorization="{authority}", resource="https://vault.azure.net"'
    assert unsigned.headers["www-authenticate"] == expected
    assert httpx.get(address).json()["error"]["message"] == "api-version must be specified"
    assert "Invalid api-version" in httpx.get(f"{address}?api-version=1").json()["error"]["message"]
    assert httpx.post(address).status_code == 404


def test_a_managed_identity_gets_a_token_of_a_vault(fresh_emulator: Emulator) -> None:
    address = f"{fresh_emulator.entra.url}/msi/token"
    query = {"api-version": "2019-08-01", "resource": "https://vault.azure.net"}
    assert httpx.get(address, params=query, headers={"x-identity-header": IDENTITY_HEADER}).json()["access_token"]


@pytest.fixture
def manager_with(fresh_emulator: Emulator) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def client(secret_key: str = AWS_SECRET_KEY, region: str = "us-east-1") -> Any:
        key = fresh_emulator.accounts.default_aws_key().access_key
        keys = {"aws_access_key_id": key, "aws_secret_access_key": secret_key}
        url = fresh_emulator.secretsmanager.url
        made.append(boto3.Session().client("secretsmanager", endpoint_url=url, region_name=region, **keys))
        return made[-1]

    fresh_emulator.secretsmanager.secrets.update({"team/rag": "value", "binary": b"AAEC"})
    yield client
    fresh_emulator.secretsmanager.secrets.clear()
    for one in made:
        one.close()


def test_secrets_manager_gives_a_secret_by_name_and_arn(manager_with: Callable[..., Any]) -> None:
    client = manager_with(region="eu-west-1")
    found = client.get_secret_value(SecretId="team/rag")
    assert (found["SecretString"], found["Name"], found["VersionStages"]) == ("value", "team/rag", ["AWSCURRENT"])
    assert found["ARN"].startswith("arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/rag-")
    for arn in (found["ARN"], found["ARN"][:-7]):
        assert client.get_secret_value(SecretId=arn)["SecretString"] == "value"
    assert client.get_secret_value(SecretId="binary")["SecretBinary"] == b"\x00\x01\x02"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        manager_with(region="us-west-2").get_secret_value(SecretId=found["ARN"])


def test_what_secrets_manager_refuses(manager_with: Callable[..., Any], fresh_emulator: Emulator) -> None:
    client = manager_with()
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="can't find the specified secret") as caught:
        client.get_secret_value(SecretId="absent")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    fresh_emulator.queue(Failure.permission(), service="secretsmanager")
    with pytest.raises(ClientError, match=r"AccessDeniedException.*on resource: team/rag because"):
        client.get_secret_value(SecretId="team/rag")
    with pytest.raises(ClientError, match="UnknownOperationException"):
        client.list_secrets()
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        manager_with("wrong").get_secret_value(SecretId="team/rag")
    assert httpx.post(fresh_emulator.secretsmanager.url).json()["__type"] == "MissingAuthenticationTokenException"
