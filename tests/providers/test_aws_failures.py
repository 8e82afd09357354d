"""AWS credentials that can't be had: an error that says what to do, at once, on every wire of Bedrock's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from tests.transport.wire_server import Line, serving
from turnout import runtime
from turnout.errors import CredentialError, ServiceConnectionError
from turnout.providers.credentials.aws_refresh import refresh
from turnout.settings import Settings
from turnout_emulator import Emulator, Raw
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, ROLE_ARN

if TYPE_CHECKING:
    from pathlib import Path

SSO = "sso_start_url = https://d-1.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/other\nsource_profile = base\n"
PROFILES = f"""
[profile base]
aws_access_key_id = AKIATURNOUTEMULATOR0
aws_secret_access_key = turnout-emulator-aws-secret-key
[profile sso]
{SSO}
[profile mfa]
mfa_serial = arn:aws:iam::123456789012:mfa/me
{ROLE}
[profile through-mfa]
role_arn = arn:aws:iam::123456789012:role/third
source_profile = mfa
[profile role]
{ROLE}
[profile web]
role_arn = arn:aws:iam::123456789012:role/other
web_identity_token_file = /nowhere/token
[profile program]
credential_process = /nowhere/program
"""
SAID = {
    "sso": "aws sso login",
    "mfa": r"'mfa' needs an MFA code .*get-session-token",
    "through-mfa": "'mfa' needs an MFA code",
    "role": "not authorized to perform: sts:AssumeRole.* trust policy has to let",
    "web": r"/nowhere/token.*must be there and readable",
    "program": "/nowhere/program",
}


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    (tmp_path / "config").write_text(PROFILES)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.environment("sts")["AWS_ENDPOINT_URL_STS"])

    class Asked:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError("standard input was read")

    monkeypatch.setattr(sys, "stdin", Asked())
    monkeypatch.setattr("getpass.getpass", lambda *_: pytest.fail("a password was asked for"))


def settings(emulator: Emulator, **backend: Any) -> Settings:
    addresses = {"endpoint": emulator.bedrock.url, "mantle_endpoint": emulator.mantle.url, "region": "us-east-1"}
    models = {"default": "amazon.nova-lite-v1:0", "open": "openai.gpt-oss-120b"}
    return Settings.model_validate(
        {
            "backend": "bedrock",
            "backends": {"bedrock": {"provider": "bedrock", **addresses, **backend}},
            "chat": {name: {"bedrock": model} for name, model in models.items()},
            "source": "turnout.toml",
        }
    )


@pytest.mark.parametrize("model", ["default", "open"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("profile", SAID)
def test_a_credential_that_cant_be_had_says_what_to_do(
    fresh_emulator: Emulator, profile: str, framework: str, model: str
) -> None:
    for deadline in (None, 20.0):
        chat = Chat(framework, settings=settings(fresh_emulator, profile=profile, deadline=deadline), model=model)
        for way in WAYS:
            with pytest.raises(CredentialError, match=f"(?s){SAID[profile]}") as caught:
                chat.ask(way)
            assert caught.value.tried
            assert "Tried" not in str(caught.value) or profile == "program"
    assert not [one for one in fresh_emulator.requests if one.service != "sts"]


@pytest.mark.parametrize("model", ["default", "open"])
def test_an_expired_sso_session_says_how_to_sign_in(
    fresh_emulator: Emulator, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.credentials import SSOCredentialFetcher
    from botocore.exceptions import UnauthorizedSSOTokenError

    def expired(_: Any) -> Any:
        raise UnauthorizedSSOTokenError

    monkeypatch.setattr(SSOCredentialFetcher, "fetch_credentials", expired)
    with pytest.raises(CredentialError, match=r"'sso'.*has expired.*aws sso login"):
        Chat("langchain", settings=settings(fresh_emulator, profile="sso", deadline=30), model=model).ask("whole")


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "Throttling"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "AssumeRole"),
        ClientError({"Error": {"Code": "Unknown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "AssumeRole"),
        ConnectTimeoutError(endpoint_url="https://sts.amazonaws.com"),
        ConnectionResetError(104, "reset"),
    ],
)
def test_what_may_pass_is_no_lack_of_a_credential(error: Exception) -> None:
    class Credentials:
        method = "assume-role"

        def get_frozen_credentials(self) -> Any:
            raise error

    with pytest.raises(type(error)):
        refresh(Credentials())


@pytest.mark.parametrize("page", ["<html><body>Sign in to the network</body></html>", "Sign in", '{"a": 1}', ""])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_page_for_a_role_is_no_credential(fresh_emulator: Emulator, framework: str, page: str) -> None:
    role = {
        "access_key_id": AWS_ACCESS_KEY,
        "secret_access_key": AWS_SECRET_KEY,
        "role_arn": ROLE_ARN,
        "auth": "assumed-role",
        "sts_endpoint": fresh_emulator.sts.url,
    }
    runtime.close()  # of credentials that another test was given
    chat = Chat(framework, settings=settings(fresh_emulator, **role))
    for way in WAYS:
        fresh_emulator.queue(Raw(200, {"content-type": "text/html"}, page), service="sts")
        with pytest.raises(CredentialError, match=r"(?s)can be read \(.*Check its address"):
            chat.ask(way)
    assert chat.ask("whole").text


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("closes", ["at once", "after its head"])
def test_an_sts_that_hangs_up_is_no_connection(framework: str, closes: str) -> None:
    def answer(line: Line, _: bytes, __: bytes) -> None:
        if closes != "at once":
            line.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n<Assume")
        line.sock.shutdown(2)

    runtime.close()
    with serving(answer) as server:
        backend = {
            "provider": "bedrock",
            "region": "us-east-1",
            "access_key_id": AWS_ACCESS_KEY,
            "secret_access_key": AWS_SECRET_KEY,
            "role_arn": ROLE_ARN,
            "sts_endpoint": server.url.partition("/v1")[0],
            "max_retries": 0,
        }
        routes = {"default": {"bedrock": "amazon.nova-micro-v1:0"}}
        settings = Settings.model_validate({"backends": {"bedrock": backend}, "chat": routes})
        chat = Chat(framework, settings=settings)
        for way in WAYS:
            with pytest.raises((ServiceConnectionError, CredentialError)) as caught:
                chat.ask(way)
            assert AWS_SECRET_KEY not in str(caught.value)
