from __future__ import annotations

import datetime as dt
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import openai
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, get_bearer_token_provider
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from botocore.exceptions import ClientError

from turnout_emulator import Emulator, Failure
from turnout_emulator.accounts import CLIENT, ENTRA_SECRET, ROLE_ARN, TENANT

SCOPE = "https://cognitiveservices.azure.com/.default"
HELLO: Any = [{"role": "user", "content": "Hello"}]


def credential(emulator: Emulator, **overrides: Any) -> ClientSecretCredential:
    arguments: dict[str, Any] = {
        "tenant_id": TENANT,
        "client_id": CLIENT,
        "client_secret": ENTRA_SECRET,
        "authority": emulator.entra.https_url,
        "disable_instance_discovery": True,
        "connection_verify": emulator.ca_file,
        "retry_total": 0,
    }
    return ClientSecretCredential(**{**arguments, **overrides})


@pytest.fixture
def variables(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(target: str) -> None:
        for name, value in emulator.environment(target).items():
            monkeypatch.setenv(name, value)

    return use


def test_service_principal_reaches_azure(emulator: Emulator) -> None:
    with (
        credential(emulator) as identity,
        openai.AzureOpenAI(
            azure_endpoint=emulator.azure.url,
            api_version="2024-10-21",
            azure_ad_token_provider=get_bearer_token_provider(identity, SCOPE),
            max_retries=0,
        ) as client,
    ):
        assert client.chat.completions.create(model="gpt-4o", messages=HELLO).choices
    received = emulator.requests[-1]
    assert (received.auth, received.identity) == ("entra", CLIENT)
    asked = next(one for one in emulator.requests if one.operation == "token")
    assert ENTRA_SECRET not in str(asked.body)


async def test_async_service_principal(emulator: Emulator) -> None:
    identity = AsyncClientSecretCredential(
        TENANT,
        CLIENT,
        ENTRA_SECRET,
        authority=emulator.entra.https_url,
        disable_instance_discovery=True,
        connection_verify=emulator.ca_file,
    )
    async with identity:
        assert (await identity.get_token(SCOPE)).token.count(".") == 2


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"client_secret": "wrong"}, "AADSTS7000215"),
        ({"client_id": "99999999-9999-4999-8999-999999999999"}, "AADSTS700016"),
    ],
)
def test_wrong_service_principals(emulator: Emulator, overrides: dict[str, str], code: str) -> None:
    with credential(emulator, **overrides) as identity, pytest.raises(ClientAuthenticationError, match=code):
        identity.get_token(SCOPE)


def test_unknown_tenant_and_unknown_resource(emulator: Emulator) -> None:
    verify = ssl.create_default_context(cafile=emulator.ca_file)
    with httpx.Client(verify=verify, base_url=emulator.entra.https_url) as client:
        unknown = client.get("/nowhere/v2.0/.well-known/openid-configuration")
        assert unknown.status_code == 400
        assert unknown.json()["error_codes"] == [90002]
        known = client.get(f"/{TENANT}/v2.0/.well-known/openid-configuration").json()
        assert known["token_endpoint"] == f"{emulator.entra.https_url}/{TENANT}/oauth2/v2.0/token"
        instance = client.get("/common/discovery/instance").json()
        assert instance["tenant_discovery_endpoint"].startswith(emulator.entra.https_url)
    with credential(emulator) as identity, pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        identity.get_token("https://storage.azure.com/.default")


def test_environment_credential_trusts_the_ca_by_variable(emulator: Emulator, variables: Callable[[str], None]) -> None:
    variables("entra")
    with DefaultAzureCredential(
        exclude_cli_credential=True, exclude_developer_cli_credential=True, disable_instance_discovery=True
    ) as identity:
        token = identity.get_token(SCOPE).token
    response = httpx.post(
        f"{emulator.azure.url}/openai/v1/chat/completions",
        headers={"authorization": f"Bearer {token}"},
        json={"model": "gpt-4o", "messages": HELLO},
    )
    assert response.status_code == 200


def test_managed_identity(emulator: Emulator, variables: Callable[[str], None]) -> None:
    variables("managed-identity")
    with DefaultAzureCredential(
        exclude_cli_credential=True,
        exclude_environment_credential=True,
        exclude_shared_token_cache_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_visual_studio_code_credential=True,
    ) as identity:
        assert identity.get_token(SCOPE).token
    received = emulator.requests[-1]
    assert (received.service, received.auth, received.status) == ("entra", "managed-identity", 200)
    refused = httpx.get(f"{emulator.entra.url}/msi/token", params={"resource": "https://ai.azure.com"})
    assert refused.status_code == 401


def test_tokens_expire() -> None:
    with Emulator(token_lifetime=0.3) as emulator:
        token = emulator.entra.issue()
        headers = {"authorization": f"Bearer {token}"}
        body = {"model": "gpt-4o", "messages": HELLO}
        url = f"{emulator.azure.url}/openai/v1/chat/completions"
        assert httpx.post(url, headers=headers, json=body).status_code == 200
        deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
        while httpx.post(url, headers=headers, json=body).status_code == 200:
            assert dt.datetime.now(dt.UTC) < deadline


def test_queued_failures_reach_the_token_endpoint(emulator: Emulator) -> None:
    emulator.queue(Failure.overloaded(), service="entra")
    with credential(emulator) as identity, pytest.raises(ClientAuthenticationError, match="HTTP Error: 503"):
        identity.get_token(SCOPE)


@pytest.fixture
def sts(emulator: Emulator) -> Iterator[Any]:
    key = emulator.accounts.default_aws_key()
    client = boto3.Session().client(
        "sts",
        endpoint_url=emulator.sts.url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
    )
    yield client
    client.close()


def test_assumed_role_reaches_bedrock(sts: Any, emulator: Emulator, bedrock_with: Callable[..., Any]) -> None:
    keys = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="test")["Credentials"]
    temporary = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    messages: Any = [{"role": "user", "content": [{"text": "Hello"}]}]
    assert bedrock_with(**temporary).converse(modelId="amazon.nova-micro-v1:0", messages=messages)["stopReason"]
    assert emulator.requests[-1].identity == ROLE_ARN
    with pytest.raises(ClientError, match="security token"):
        bedrock_with(**{**temporary, "aws_session_token": None}).converse(
            modelId="amazon.nova-micro-v1:0", messages=messages
        )
    assert sts.get_caller_identity()["Account"] == "123456789012"
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=ROLE_ARN + "-other", RoleSessionName="test")


def test_temporary_keys_expire(bedrock_with: Callable[..., Any], emulator: Emulator) -> None:
    key = emulator.accounts.issue_aws_key(-1, ROLE_ARN)
    client = bedrock_with(
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        aws_session_token=key.session_token,
    )
    with pytest.raises(ClientError) as caught:
        client.invoke_model(modelId="amazon.titan-embed-text-v1", body=json.dumps({"inputText": "x"}))
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


def test_container_credentials(emulator: Emulator, variables: Callable[[str], None]) -> None:
    variables("container")
    client = boto3.Session().client("bedrock-runtime")
    messages: Any = [{"role": "user", "content": [{"text": "Hello"}]}]
    assert client.converse(modelId="amazon.nova-micro-v1:0", messages=messages)["stopReason"] == "end_turn"
    client.close()
    assert emulator.requests[-1].identity == ROLE_ARN


def test_wrong_signature_at_sts(emulator: Emulator) -> None:
    client = boto3.Session().client(
        "sts",
        endpoint_url=emulator.sts.url,
        region_name="us-east-1",
        aws_access_key_id=emulator.accounts.default_aws_key().access_key,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.get_caller_identity()
    client.close()
