"""Secrets of a store are shown nowhere: in logs at DEBUG, errors, reprs, dumps and pickles."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from tests.canaries.planted import AZURE, CLIENT_SECRET, found_in, shown_by
from tests.canaries.test_logs import log  # noqa: F401  # a fixture
from tests.support.frameworks import FRAMEWORKS, Chat
from tests.support.secret_stores import STORES, Store, store_at
from turnout import sdk_logs
from turnout.errors import SettingsError
from turnout.redaction import redact
from turnout.settings import AzureBackend, load_settings, secret_stores
from turnout_emulator.accounts import AWS_SECRET_KEY, AZURE_KEY, IDENTITY_HEADER

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with store_at(request.param, fresh_emulator, monkeypatch) as made:
        yield made


def written(folder: Path, emulator: Emulator, reference: str) -> Path:
    path = folder / "turnout.toml"
    text = emulator.settings_toml().replace(f'api_key = "{AZURE_KEY}"', f'api_key = "{reference}"', 1)
    path.write_text(text)
    return path


def old() -> None:
    for secret in secret_stores._stored.values():
        secret._asked_at -= 1000


def test_no_log_has_one(
    store: Store,
    fresh_emulator: Emulator,
    tmp_path: Path,
    log: io.StringIO,  # noqa: F811
) -> None:
    value = AZURE if store.name == "keyvault" else json.dumps({"a": f'"{CLIENT_SECRET}"', "key": AZURE})
    reference = store.put("openai-key", value) + ("" if store.name == "keyvault" else "#key")
    path = written(tmp_path, fresh_emulator, reference)
    for framework in FRAMEWORKS:
        for way in ("whole", "async-stream"):
            with pytest.raises(Exception, match="refused the credential"):
                Chat(framework, settings=str(path)).ask(way)
    store.put("openai-key", value.replace(AZURE, AZURE_KEY))
    old()
    load_settings(path)
    assert Chat("langchain", settings=str(path)).ask("whole").text
    store.relay.stop()
    old()
    load_settings(path)
    said = log.getvalue()
    assert ("azure" if store.name == "keyvault" else "botocore.parsers") in said
    assert "can't be read again" in said
    tokens = {one.headers["authorization"].rpartition(" ")[2] for one in store.asked()}
    assert not found_in(said, AZURE_KEY, AWS_SECRET_KEY, IDENTITY_HEADER, *tokens)


def test_without_the_filter_it_is_found(
    store: Store,
    fresh_emulator: Emulator,
    tmp_path: Path,
    log: io.StringIO,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What this file looks for is there to be found: Secrets Manager's answer."""
    monkeypatch.setattr(sdk_logs._Redaction, "filter", lambda *_: True)
    load_settings(written(tmp_path, fresh_emulator, store.put("openai-key", AZURE)))
    assert bool(found_in(log.getvalue())) == (store.name == "secretsmanager")


def test_no_repr_dump_or_pickle_has_one(store: Store, fresh_emulator: Emulator, tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, fresh_emulator, store.put("openai-key", AZURE)))
    assert not found_in(f"{settings!r}{settings}{settings.model_dump()}{settings.model_dump_json()}")
    for travelling in (settings, settings.model_dump(), settings.model_copy(update={"backend": "openai"})):
        assert not found_in(pickle.dumps(travelling))
    assert pickle.loads(pickle.dumps(settings)) is settings
    (secret,) = secret_stores._stored.values()
    assert not found_in(f"{secret!r}{secret}{secret.get(300)!r}")


@pytest.mark.parametrize("fault", ["gone", "refused", "away", "no such key"])
def test_no_error_has_one(store: Store, fresh_emulator: Emulator, tmp_path: Path, fault: str) -> None:
    if store.name == "keyvault" and fault == "no such key":
        pytest.skip("a Key Vault's secrets have no keys")
    reference = store.put("openai-key", json.dumps({"key": AZURE}))
    path = written(tmp_path, fresh_emulator, reference)
    load_settings(path)
    old()
    match fault:
        case "gone":
            store.delete("openai-key")
        case "refused":
            store.refuse()
        case "away":
            store.relay.stop()
            secret_stores._stored.clear()
        case _:
            reference = f"{reference}#absent"
            written(tmp_path, fresh_emulator, reference)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert shown_by(caught.value, AZURE_KEY, AWS_SECRET_KEY, IDENTITY_HEADER) == {}
    if fault == "refused":
        store.refuse()
    with pytest.raises(ValueError, match="that it refers to") as caught_too:
        AzureBackend.model_validate({"endpoint": "https://contoso.openai.azure.com", "api_key": reference})
    assert shown_by(caught_too.value, AZURE_KEY, AWS_SECRET_KEY, IDENTITY_HEADER) == {}


@pytest.mark.parametrize("value", ["plain", "two words", '"', "\\", '{"key": "inner", "other": "\\\\"}', "'\"'"])
def test_secrets_managers_answer_is_redacted(value: str) -> None:
    canary = f"{AZURE}{value}{CLIENT_SECRET}"
    body: Any = json.dumps({"Name": "team", "SecretString": canary, "VersionId": "v1"}, separators=(",", ":")).encode()
    for text in (repr(body), body.decode(), repr(repr(body))):
        said = redact(text)
        assert not found_in(said)
        assert "team" in said
