"""Who may call Bedrock: signatures and bearer keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.emulator.bedrock_support import HELLO, NOVA, error
from turnout_emulator import (
    Accounts,
    Emulator,
)
from turnout_emulator.accounts import AWS_BEARER


def test_signatures(bedrock_with: Callable[..., Any], emulator: Emulator) -> None:
    for overrides, code in (
        ({"aws_access_key_id": "AKIAUNKNOWN000000000"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "not-the-secret"}, "InvalidSignatureException"),
        ({"aws_session_token": "made-up"}, "UnrecognizedClientException"),
    ):
        with pytest.raises(ClientError) as caught:
            bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)
        assert error(caught) == (403, code)
    assert [received.status for received in emulator.requests] == [403, 403, 403]
    assert all(received.identity is None for received in emulator.requests)


def test_a_changed_body_breaks_the_signature(bedrock: Any) -> None:
    def tamper(request: Any, **_: Any) -> None:
        request.body = request.body.replace(b"Hello", b"Jello")

    bedrock.meta.events.register("before-send.bedrock-runtime", tamper)
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId=NOVA, messages=HELLO)
    assert error(caught) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(("offset", "accepted"), [(-400, False), (-200, True), (200, True), (400, False)])
def test_clock_skew(offset: float, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import boto3

    with Emulator(accounts=Accounts(clock=lambda: time.time() + offset)) as emulator:
        key = emulator.accounts.default_aws_key()
        client = boto3.Session().client(
            "bedrock-runtime",
            endpoint_url=emulator.bedrock.url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        )
        if accepted:
            assert client.converse(modelId=NOVA, messages=HELLO)["stopReason"] == "end_turn"
        else:
            with pytest.raises(ClientError, match=r"Signature (expired|not yet current)") as caught:
                client.converse(modelId=NOVA, messages=HELLO)
            assert error(caught) == (403, "InvalidSignatureException")
        client.close()


def test_wrong_service_in_the_scope(emulator: Emulator) -> None:
    key = emulator.accounts.default_aws_key()
    body = json.dumps({"messages": HELLO})
    request = AWSRequest("POST", f"{emulator.bedrock.url}/model/{quote(NOVA, safe='')}/converse", data=body)
    SigV4Auth(Credentials(key.access_key, key.secret_key), "execute-api", "us-east-1").add_auth(request)
    response = httpx.post(request.url, headers=dict(request.headers), content=body)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "correct service: 'bedrock'" in response.json()["message"]


def test_a_signed_hash_of_another_body(emulator: Emulator) -> None:
    key = emulator.accounts.default_aws_key()
    body = json.dumps({"messages": HELLO}).encode()
    for hashed, status in ((body, 200), (b"another body", 403)):
        request = AWSRequest("POST", f"{emulator.bedrock.url}/model/{quote(NOVA, safe='')}/converse", data=body)
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(hashed).hexdigest()
        SigV4Auth(Credentials(key.access_key, key.secret_key), "bedrock", "us-east-1").add_auth(request)
        assert httpx.post(request.url, headers=dict(request.headers), content=body).status_code == status


def test_bearer_key_over_tls(
    emulator: Emulator, bedrock_with: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = {
        "endpoint_url": emulator.bedrock.https_url,
        "verify": emulator.ca_file,
        "aws_access_key_id": None,
        "aws_secret_access_key": None,
    }
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", AWS_BEARER)
    assert bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)["stopReason"] == "end_turn"
    assert (emulator.requests[-1].auth, emulator.requests[-1].identity) == ("bearer", "key1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "wrong")
    with pytest.raises(ClientError, match="API Key is valid") as caught:
        bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)
    assert error(caught) == (403, "AccessDeniedException")
