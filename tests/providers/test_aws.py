"""AWS's credentials, with the real botocore against the emulator's STS and container endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from turnout.errors import CredentialError, SettingsError
from turnout.providers.credentials.aws import choose, session
from turnout.settings import BedrockBackend

if TYPE_CHECKING:
    from turnout_emulator import Emulator

KEYS = {"access_key_id": "AKIAEXAMPLE123456789", "secret_access_key": "s3cret"}


def backend(**options: Any) -> BedrockBackend:
    return BedrockBackend.model_validate({"region": "us-east-1", **options})


@pytest.mark.parametrize(
    ("options", "method", "why"),
    [
        ({"bearer_token": "b", **KEYS}, "bearer-token", "from the settings"),
        (KEYS, "static-keys", "…6789 from the settings"),
        ({**KEYS, "role_arn": "arn:r"}, "static-keys", "…6789"),
        ({**KEYS, "role_arn": "arn:r", "auth": "assumed-role"}, "assumed-role", "arn:r from static keys"),
        ({"role_arn": "arn:r", "profile": "p"}, "assumed-role", "arn:r from profile 'p'"),
        ({"profile": "p"}, "profile", "'p' from the settings"),
        ({}, "default-chain", "environment, files"),
        ({**KEYS, "auth": "default-chain"}, "default-chain", "environment, files"),
    ],
)
def test_precedence(options: dict[str, Any], method: str, why: str) -> None:
    chosen = choose(backend(**options))
    assert chosen.method == method
    assert why in chosen.why
    assert "s3cret" not in str(chosen)


def test_a_named_method_must_be_whole() -> None:
    with pytest.raises(CredentialError, match="auth = 'profile' needs profile"):
        choose(backend(auth="profile"))


def test_static_keys_sign_and_stray_variables_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "STRAY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stray")
    made = backend(**KEYS)
    credentials = session(made, choose(made)).get_credentials()
    assert credentials.access_key == KEYS["access_key_id"]


def test_a_profile_is_read_and_a_missing_one_lists_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = AKWORK\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    made = backend(profile="work")
    assert session(made, choose(made)).get_credentials().access_key == "AKWORK"
    other = backend(profile="wrok")
    with pytest.raises(SettingsError, match=r"'wrok' doesn't exist \(there is: work\)"):
        session(other, choose(other))


def test_the_default_chain_says_where_it_found_the_credential(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.environment("container").items():
        monkeypatch.setenv(name, value)
    made = backend()
    assert session(made, choose(made)).get_credentials().method == "container-role"


def test_no_credential_lists_every_method() -> None:
    made = backend()
    with pytest.raises(CredentialError) as caught:
        session(made, choose(made))
    for part in ("environment", "shared credentials", "container", "EC2 instance"):
        assert part in str(caught.value)
    assert len(caught.value.tried) >= 5


def test_a_role_is_assumed_with_temporary_keys(fresh_emulator: Emulator) -> None:
    variables = fresh_emulator.environment("sts")
    from turnout_emulator.accounts import ROLE_ARN

    made = backend(
        access_key_id=variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        role_arn=ROLE_ARN,
        auth="assumed-role",
        sts_endpoint=variables["AWS_ENDPOINT_URL_STS"],
    )
    frozen = session(made, choose(made)).get_credentials().get_frozen_credentials()
    assert frozen.token
    assert frozen.access_key != variables["AWS_ACCESS_KEY_ID"]
    assert [r.service for r in fresh_emulator.requests] == ["sts"]
