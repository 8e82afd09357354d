"""Secrets that settings refer to and that a store has: read once, refreshed, and told of when they can't be had."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.frameworks import FRAMEWORKS, Chat, Embedding
from tests.support.secret_stores import STORES, VAULT, Store, store_at
from turnout import runtime
from turnout.errors import MissingExtraError, SettingsError
from turnout.settings import AzureBackend, load_settings, secret_stores
from turnout.settings.references import is_reference
from turnout_emulator import Raw
from turnout_emulator.accounts import AWS_ACCESS_KEY, AZURE_KEY, CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

KEY = "canary-4f1b"
OLD = 301.0


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_at(request.param, fresh_emulator, monkeypatch) as made:
        yield made


@pytest.fixture
def vault(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_at("keyvault", fresh_emulator, monkeypatch) as made:
        yield made


@pytest.fixture
def manager(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_at("secretsmanager", fresh_emulator, monkeypatch) as made:
        yield made


def grow_old(seconds: float = OLD) -> None:
    """Let time pass for the secrets that are kept."""
    for secret in secret_stores._stored.values():
        secret._asked_at -= seconds


def written(folder: Path, reference: str, *, more: str = "") -> Path:
    path = folder / "turnout.toml"
    path.write_text(f'[backends.azure]\nendpoint = "https://contoso.openai.azure.com"\napi_key = "{reference}"\n{more}')
    return path


def key_of(path: Path) -> str:
    backend = load_settings(path).backends["azure"]
    assert isinstance(backend, AzureBackend)
    assert backend.api_key is not None
    return backend.api_key.get_secret_value()


def told(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert KEY not in str(caught.value)
    return str(caught.value)


# --- Reading


def test_a_secret_is_read_once_for_all_that_refers_to_it(store: Store, tmp_path: Path) -> None:
    reference = store.put("openai-key", f" {KEY}\n")
    path = written(tmp_path, reference, more=f'headers = {{ x-gateway = "{reference}" }}\n')
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: key_of(path), range(8))) == {KEY}
    settings = load_settings(path)
    assert settings.backends["azure"].headers["x-gateway"].get_secret_value() == KEY
    assert KEY not in repr(settings)
    assert is_reference(reference)  # and so no reason to warn that others can read the file
    made = AzureBackend.model_validate({"endpoint": "https://contoso.openai.azure.com", "api_key": reference})
    assert made.api_key is not None
    assert made.api_key.get_secret_value() == KEY
    (asked,) = store.asked()
    by = {"keyvault": ("entra", CLIENT), "secretsmanager": ("sigv4", AWS_ACCESS_KEY)}
    assert (asked.auth, asked.identity, asked.model) == (*by[store.name], "openai-key")


def test_a_value_that_looks_like_a_reference_is_none(store: Store, tmp_path: Path) -> None:
    assert key_of(written(tmp_path, store.put("odd", "env:HOME"))) == "env:HOME"


def test_a_copied_identifier_of_a_key_vault(vault: Store, tmp_path: Path) -> None:
    vault.put("openai-key", KEY)
    assert key_of(written(tmp_path, f"keyvault:https://{VAULT.upper()}/secrets/openai-key/")) == KEY


def test_a_key_of_a_json_object(manager: Store, tmp_path: Path) -> None:
    url = f"postgresql://user:{KEY}@host/name"
    reference = manager.put(
        "team/rag", f'{{"openai": "{KEY}", "gateway": "canary-gateway", "database": "{url}", "port": 1}}'
    )
    more = f'headers = {{ x-gateway = "{reference}#gateway" }}\n'
    more += f'[index.docs]\nstore = "pgvector"\nconnection = "{reference}#database"\n[embedding.default]\nazure = "x"\n'
    path = written(tmp_path, f"{reference}#openai", more=more)
    assert key_of(path) == KEY
    assert load_settings(path).backends["azure"].headers["x-gateway"].get_secret_value() == "canary-gateway"
    assert load_settings(path).index["docs"].database() == url
    assert len(manager.asked()) == 1
    for name in ("absent", "port"):
        said = told(written(tmp_path, f"{reference}#{name}"))
        assert (
            f"the secret 'team/rag' of AWS Secrets Manager in 'us-east-1' that it refers to has no text under the key '{name}'"
            in said
        )
    manager.put("plain", KEY)
    assert "has no text under the key 'openai' of a JSON object" in told(
        written(tmp_path, "secretsmanager:plain#openai")
    )


@pytest.mark.parametrize("end", ["", "-000000"])
def test_an_arn_says_which_region(manager: Store, tmp_path: Path, end: str) -> None:
    manager.put("team/eu", KEY)
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/eu"
    path = written(tmp_path, f"secretsmanager:{arn}{end}")
    if end:
        assert (
            "the secret 'team/eu-000000' of AWS Secrets Manager in 'eu-west-1' that it refers to is not there"
            in told(path)
        )
    else:
        assert key_of(path) == KEY
    assert "/eu-west-1/secretsmanager/" in manager.asked()[0].headers["authorization"]


def test_the_region_is_the_environments(manager: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, manager.put("key", KEY))
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert key_of(path) == KEY
    assert "/eu-north-1/" in manager.asked()[0].headers["authorization"]
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    assert key_of(path) == KEY
    assert "/eu-south-1/" in manager.asked()[1].headers["authorization"]
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "has no region: set AWS_REGION or the profile's region, or write its ARN" in told(
        written(tmp_path, manager.put("other", KEY))
    )


# --- What can't be had


def test_a_secret_that_is_not_there(store: Store, tmp_path: Path) -> None:
    said = told(written(tmp_path, store.reference("openai-key")))
    assert "key 'backends.azure.api_key': the secret 'openai-key' of " in said
    assert "that it refers to is not there; check" in said


def test_an_identity_that_may_not_read(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    store.refuse()
    said = told(path)
    assert "key 'backends.azure.api_key': the secret 'openai-key' of " in said
    assert "may not be read" in said
    assert ("Key Vault Secrets User" if store.name == "keyvault" else "secretsmanager:GetSecretValue") in said
    assert key_of(path) == KEY  # once it may


def test_no_credential(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    for name in list(os.environ):
        if name.startswith(("IDENTITY_", "AWS_ACCESS", "AWS_SECRET")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")  # which asks nobody
    said = told(path)
    assert "key 'backends.azure.api_key': the secret 'openai-key' of " in said
    assert ("az login" if store.name == "keyvault" else "aws sso login") in said


def test_a_store_that_is_away(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    store.relay.stop()
    said = told(path)
    assert "key 'backends.azure.api_key': the secret 'openai-key' of " in said
    assert "reachable?" in said
    assert "login`" not in said
    assert "that it refers to can't be read" in said
    store.relay.start()
    assert key_of(path) == KEY


@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_secret(store: Store, tmp_path: Path, value: str) -> None:
    assert "that it refers to is empty" in told(written(tmp_path, store.put("openai-key", value)))


def test_a_challenge_for_another_host_gets_no_token(
    vault: Store, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout_emulator.services.key_vault.VAULT_AUDIENCE", "https://vault.evil.example")
    assert f"what answers as '{VAULT}' asks for a token of another service" in told(
        written(tmp_path, vault.put("openai-key", KEY))
    )
    assert [one.service for one in fresh_emulator.requests] == ["keyvault"]
    assert "authorization" not in fresh_emulator.requests[0].headers


def test_a_redirect_is_not_followed(vault: Store, fresh_emulator: Emulator, tmp_path: Path) -> None:
    fresh_emulator.queue(Raw(302, {"location": f"{fresh_emulator.azure.https_url}/x"}), service="keyvault")
    assert "can't be read" in told(written(tmp_path, vault.reference("openai-key")))
    assert not [one for one in fresh_emulator.requests if one.service == "azure"]


def test_a_managed_identitys_token_goes_by_no_proxy(
    vault: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", os.environ["HTTPS_PROXY"])
    monkeypatch.setenv("ALL_PROXY", os.environ["HTTPS_PROXY"])
    monkeypatch.setenv("NO_PROXY", "")
    assert key_of(written(tmp_path, vault.put("openai-key", KEY))) == KEY
    assert vault.proxied == [f"CONNECT {VAULT}:443"]


@pytest.mark.parametrize(
    "text",
    [
        "keyvault:",
        "keyvault:openai-key",
        f"keyvault:http://{VAULT}/key",
        f"keyvault:https://{VAULT}",
        f"keyvault:https://{VAULT}/a/b",
        f"keyvault:https://{VAULT}/key/0123456789abcdef0123456789abcdef",
        f"keyvault:https://{VAULT}:8443/key",
        f"keyvault:https://user@{VAULT}/key",
        f"keyvault:https://{VAULT}/key?api-version=7.4",
        "keyvault:https://vault.azure.net/key",
        "keyvault:https://team.vault.azure.net.evil.example/key",
        "keyvault:https://evil.example/team.vault.azure.net/key",
        "keyvault:https://a.b.vault.azure.net/key",
        "keyvault:https://localhost/key",
        "secretsmanager:",
        "secretsmanager:#key",
        "secretsmanager:two words",
        "secretsmanager:arn:aws:s3:::bucket",
        "secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:x",
    ],
)
def test_what_names_no_secret(tmp_path: Path, text: str) -> None:
    said = told(written(tmp_path, text))
    assert "key 'backends.azure.api_key': this names no secret of " in said


def test_plain_http_is_for_loopback(manager: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://gateway.example")
    assert "plain http to 'gateway.example' would send secrets unencrypted" in told(
        written(tmp_path, "secretsmanager:x")
    )


def test_nobody_is_asked_for_an_mfa_code(manager: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = (
        "[profile team]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/x\n"
        "[profile base]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n"
    )
    (tmp_path / "config").write_text(config)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert "AWS profile 'team', with which the secret would be read, needs an MFA code" in told(
        written(tmp_path, "secretsmanager:x")
    )


@pytest.mark.parametrize(
    ("store_name", "module"), [("keyvault", "azure.keyvault.secrets"), ("secretsmanager", "botocore.session")]
)
def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_name: str, module: str) -> None:
    runtime.close()
    monkeypatch.setitem(sys.modules, module, None)
    reference = "keyvault:https://team.vault.azure.net/x" if store_name == "keyvault" else "secretsmanager:x"
    with pytest.raises(MissingExtraError, match=rf"pip install 'turnout\[{store_name}\]'"):
        load_settings(written(tmp_path, reference))


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", '"soon"'])
def test_a_refresh_that_is_no_time(tmp_path: Path, value: str) -> None:
    path = written(tmp_path, KEY)
    path.write_text(f"[secrets]\nrefresh = {value}\n" + path.read_text())
    assert "key 'secrets.refresh'" in told(path)


# --- Refreshing


def test_the_settings_say_after_how_long(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    path.write_text("[secrets]\nrefresh = 60\n" + path.read_text())
    assert (key_of(path), load_settings(path).secrets.refresh) == (KEY, 60)
    store.put("openai-key", "rotated")
    grow_old(50)
    assert key_of(path) == KEY
    monkeypatch.setenv("TURNOUT_SECRETS__REFRESH", "70")
    grow_old(15)
    assert key_of(path) == KEY
    grow_old(10)
    assert key_of(path) == "rotated"


def test_a_value_that_has_not_changed_leaves_the_settings_as_they_are(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    settings = load_settings(path)
    assert load_settings(path) is settings
    assert len(store.asked()) == 1
    grow_old()
    assert load_settings(path) is settings
    assert load_settings(path) is settings
    assert len(store.asked()) == 2


def test_a_changed_value_is_read_once_for_all_threads(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    store.put("openai-key", "rotated")
    assert key_of(path) == KEY  # it isn't old yet
    grow_old()
    begin = threading.Barrier(8)

    def read(_: int) -> str:
        begin.wait()
        return key_of(path)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(read, range(8))) <= {KEY, "rotated"}
    assert key_of(path) == "rotated"
    assert len(store.asked()) == 2


def test_while_the_store_is_away_the_last_value_goes_on(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    settings = load_settings(path)
    store.relay.stop()
    for _ in range(2):
        grow_old()
        assert load_settings(path) is settings
        assert load_settings(path) is settings
    warnings = [one.getMessage() for one in caplog.records if one.name.startswith("turnout")]
    assert len(warnings) == 1
    assert warnings[0].startswith("the secret 'openai-key' of ")
    assert KEY not in caplog.text
    store.relay.start()
    store.put("openai-key", "rotated")
    grow_old(20)
    assert key_of(path) == KEY
    grow_old(11)  # a store that was away is asked again after half a minute
    assert key_of(path) == "rotated"


@pytest.mark.parametrize("way", ["gone", "refused"])
def test_a_secret_that_is_taken_away_is_not_used_any_more(store: Store, tmp_path: Path, way: str) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    if way == "gone":
        store.delete("openai-key")
    else:
        store.refuse()
    grow_old()
    assert ("is not there" if way == "gone" else "may not be read") in told(path)


async def test_an_event_loop_does_not_wait_for_a_refresh(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    may_go_on = threading.Event()
    (secret,) = secret_stores._stored.values()
    real = secret._read
    monkeypatch.setattr(secret, "_read", lambda: (may_go_on.wait(20), real())[1])
    store.put("openai-key", "rotated")
    grow_old()
    assert key_of(path) == KEY
    may_go_on.set()
    await arrival()
    assert key_of(path) == "rotated"
    assert len(store.asked()) == 2


async def test_on_an_event_loop_a_secret_that_is_taken_away_is_not_used_for_long(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    store.delete("openai-key")
    grow_old()
    assert key_of(path) == KEY
    await arrival()
    assert "is not there" in told(path)


async def arrival() -> None:
    """Wait until a refresh in the background is over."""
    (secret,) = secret_stores._stored.values()
    while secret._reading is not None:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)


async def test_an_event_loop_waits_for_what_nobody_needed_for_long(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    store.put("openai-key", "rotated")
    grow_old(2 * OLD)
    assert key_of(path) == "rotated"


def test_a_forked_child_reads_by_itself(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, store.put("openai-key", KEY))
    assert key_of(path) == KEY
    store.put("openai-key", "rotated")
    grow_old()
    (secret,) = secret_stores._stored.values()
    with secret._lock:  # as another thread may hold it
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # instead of pytest-timeout's
            signal.alarm(10)
            os._exit(0 if key_of(path) == "rotated" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- In calls


@pytest.mark.parametrize("way", ["whole", "async-stream"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_rotated_secret_is_sent_by_the_next_call(
    store: Store, fresh_emulator: Emulator, tmp_path: Path, framework: str, way: str
) -> None:
    reference = store.put("openai-key", "expired")
    text = fresh_emulator.settings_toml().replace(f'api_key = "{AZURE_KEY}"', f'api_key = "{reference}"', 1)
    path = tmp_path / "turnout.toml"
    path.write_text(text)
    chat, embedding = Chat(framework, settings=str(path)), Embedding(framework, settings=str(path))
    with pytest.raises(Exception, match="refused the credential"):
        chat.ask(way)
    store.put("openai-key", AZURE_KEY)
    grow_old()
    load_settings(path)
    assert chat.ask(way).text
    assert embedding.query("x")
    store.relay.stop()
    grow_old()
    assert chat.ask(way).text
