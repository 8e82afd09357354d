"""What machines and people get credentials from, asked without an SDK: what isn't in the documents is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from turnout_emulator import Emulator
from turnout_emulator.accounts import (
    CLIENT,
    LOGIN_CLIENT,
    LOGIN_REFRESH_TOKEN,
    ROLE_ARN,
    SSO_ACCESS_TOKEN,
    SSO_CLIENT,
    SSO_CLIENT_SECRET,
    SSO_REFRESH_TOKEN,
    Accounts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLES = "/latest/meta-data/iam/security-credentials/"
RESOURCE = "https://ai.azure.com"
TTL = "x-aws-ec2-metadata-token-ttl-seconds"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    key = tmp_path_factory.mktemp("arc") / "agent.key"
    key.write_text("secret")
    with Emulator(accounts=Accounts(user_identities=("mine",), arc_key_file=key)) as emulator:
        yield emulator


def test_ec2s_metadata_wants_a_session(machine: Emulator) -> None:
    url = machine.metadata.url
    assert httpx.get(f"{url}{ROLES}").status_code == 401  # as version 1 was asked
    for lifetime in ("0", "21601", "x"):
        assert httpx.put(f"{url}/latest/api/token", headers={TTL: lifetime}).status_code == 400
    session = {"x-aws-ec2-metadata-token": httpx.put(f"{url}/latest/api/token", headers={TTL: "60"}).text}
    assert httpx.get(f"{url}{ROLES}", headers=session).text == "turnout-emulator"
    assert httpx.get(f"{url}{ROLES}another", headers=session).status_code == 404
    given = httpx.get(f"{url}{ROLES}turnout-emulator", headers=session).json()
    assert given["Code"] == "Success"
    assert given["AccessKeyId"].startswith("ASIA")
    assert given["LastUpdated"] < given["Expiration"]


@pytest.mark.parametrize(
    ("query", "headers", "said"),
    [
        ({"api-version": "2018-02-01"}, {}, "Required metadata header not specified"),
        ({"api-version": "2017-01-01"}, {"Metadata": "true"}, "api-version"),
        ({"api-version": "2018-02-01", "resource": "https://x.example"}, {"Metadata": "true"}, "AADSTS500011"),
        ({"api-version": "2018-02-01", "client_id": "another"}, {"Metadata": "true"}, "Identity not found"),
    ],
)
def test_azures_metadata(machine: Emulator, query: dict[str, str], headers: dict[str, str], said: str) -> None:
    url = f"{machine.metadata.url}/metadata/identity/oauth2/token"
    refused = httpx.get(url, params={"resource": RESOURCE, **query}, headers=headers)
    assert refused.status_code == 400
    assert said in refused.json()["error_description"]
    whole = {"resource": RESOURCE, "api-version": "2018-02-01"}
    assert httpx.get(url, params=whole, headers={"Metadata": "true"}).json()["client_id"] == CLIENT


def test_arc_names_a_file_and_wants_its_content(machine: Emulator) -> None:
    url = f"{machine.metadata.url}/arc/metadata/identity/oauth2/token"
    query = {"resource": RESOURCE, "api-version": "2020-06-01"}
    challenge = httpx.get(url, params=query, headers={"Metadata": "true"})
    assert challenge.status_code == 401
    path: Path | None = machine.accounts.arc_key_file
    assert challenge.headers["www-authenticate"] == f"Basic realm={path}"
    wrong = httpx.get(url, params=query, headers={"Metadata": "true", "Authorization": "Basic other"})
    assert wrong.status_code == 401
    right = httpx.get(url, params=query, headers={"Metadata": "true", "Authorization": "Basic secret"})
    assert right.json()["access_token"]


def test_the_portal_and_its_tokens(machine: Emulator) -> None:
    made: dict[str, Any] = {"region_name": "us-east-1", "endpoint_url": machine.sso.url}
    portal, oidc = boto3.client("sso", **made), boto3.client("sso-oidc", **made)
    role = {"accountId": "123456789012", "roleName": "turnout-emulator"}
    assert portal.get_role_credentials(**role, accessToken=SSO_ACCESS_TOKEN)["roleCredentials"]["accessKeyId"]
    with pytest.raises(ClientError, match=r"UnauthorizedException.*Session token not found or invalid"):
        portal.get_role_credentials(**role, accessToken="another")
    with pytest.raises(ClientError, match=r"ForbiddenException.*No access"):
        portal.get_role_credentials(accountId="1", roleName="other", accessToken=SSO_ACCESS_TOKEN)
    client = {"clientId": SSO_CLIENT, "clientSecret": SSO_CLIENT_SECRET, "grantType": "refresh_token"}
    token = oidc.create_token(**client, refreshToken=SSO_REFRESH_TOKEN)["accessToken"]
    assert portal.get_role_credentials(**role, accessToken=token)["roleCredentials"]
    for wrong, error in (
        ({"refreshToken": "another"}, "InvalidGrantException"),
        ({"clientSecret": "another"}, "InvalidClientException"),
        ({"grantType": "authorization_code"}, "UnsupportedGrantTypeException"),
    ):
        with pytest.raises(ClientError, match=error):
            oidc.create_token(**{**client, "refreshToken": SSO_REFRESH_TOKEN, **wrong})
    for one in (portal, oidc):
        one.close()


def test_a_login_is_refreshed_with_a_proof_alone(machine: Emulator) -> None:
    body = {"clientId": LOGIN_CLIENT, "grantType": "refresh_token", "refreshToken": LOGIN_REFRESH_TOKEN}
    for proof in ({}, {"DPoP": "a.b.c"}):
        refused = httpx.post(f"{machine.sso.url}/v1/token", json=body, headers=proof)
        assert refused.headers["x-amzn-errortype"] == "AccessDeniedException"


def test_a_role_that_another_assumed_lives_an_hour(machine: Emulator) -> None:
    key = machine.accounts.issue_aws_key(3600, ROLE_ARN)
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=machine.sts.url,
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        aws_session_token=key.session_token,
    )
    with pytest.raises(ClientError, match="exceeds the 1 hour session limit for roles assumed by role chaining"):
        sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="test", DurationSeconds=7200)
    assert sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="test")["Credentials"]
    sts.close()
