"""Settings show none of their secrets: as errors, reprs, dumps, copies and pickles."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from tests.canaries.planted import (
    AZURE,
    BEARER,
    CANARIES,
    CLIENT_SECRET,
    DATABASE,
    OPENAI,
    PROXY,
    SECRET_KEY,
    SESSION,
    found_in,
    shown_by,
)
from tests.cli.conftest import turnout
from turnout.errors import SettingsError
from turnout.redaction import redact, shown
from turnout.settings import AzureBackend, Secret, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = f"""
backend = "azure"

[backends.azure]
endpoint = "https://contoso.openai.azure.com"
api_key = "{AZURE}"
tenant_id = "t"
client_id = "c"
proxy = "http://user:{PROXY}@proxy.example:3128"

[backends.bedrock]
region = "us-east-1"
access_key_id = "AKIACANARY8QM2ZR7WX1"
secret_access_key = "{SECRET_KEY}"

[chat.default]
azure = {{ deployment = "gpt-5-prod", model = "gpt-5" }}

[embedding.default]
azure = {{ deployment = "embed", model = "text-embedding-3-small" }}

[index.docs]
store = "pgvector"
connection = "postgresql+psycopg://user:{DATABASE}@host/name"
"""
DOTENV = f"TURNOUT_BACKENDS__AZURE__CLIENT_SECRET={CLIENT_SECRET}\nAWS_SESSION_TOKEN={SESSION}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file, a .env file and an environment, each with secrets of its own."""
    path = tmp_path / "turnout.toml"
    path.write_text(FILE)
    (tmp_path / ".env").write_text(DOTENV)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TURNOUT_BACKENDS__OPENAI__API_KEY", OPENAI)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", BEARER)
    return path


def test_secrets_are_read_from_everywhere_and_given_to_who_asks(file: Path) -> None:
    settings = load_settings()
    azure = settings.backends["azure"]
    assert isinstance(azure, AzureBackend)
    for field, value in (("api_key", AZURE), ("client_secret", CLIENT_SECRET)):
        assert getattr(azure, field).get_secret_value() == value
    assert settings.index["docs"].database() == f"postgresql+psycopg://user:{DATABASE}@host/name"
    assert azure.secrets() == {AZURE, CLIENT_SECRET}


def _whole(settings: Settings) -> list[Any]:
    return [settings, *settings.backends.values(), *settings.index.values()]


def test_nothing_that_settings_are_shown_as_has_a_secret(file: Path) -> None:
    for node in _whole(load_settings()):
        for made in (node, copy.copy(node), copy.deepcopy(node), node.model_copy(deep=True)):
            assert not found_in(
                f"{made!r}{made}{made.model_dump()}{made.model_dump_json()}{made.model_dump(mode='json')}"
            )
            for travelling in (made, made.model_dump(), vars(made)):
                assert not found_in(pickle.dumps(travelling))
            assert made == node


def test_settings_travel_as_the_name_of_their_file(file: Path) -> None:
    settings = load_settings()
    assert pickle.loads(pickle.dumps(settings)) is settings
    file.write_text(FILE.replace('backend = "azure"', 'backend = "bedrock"'))
    assert pickle.loads(pickle.dumps(settings)).backend == "bedrock"


def test_settings_of_the_environment_are_found_where_they_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI)
    data = pickle.dumps(load_settings())
    assert not found_in(data)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
    backend: Any = pickle.loads(data).backends["openai"]
    assert backend.base_url == "https://elsewhere.example/v1"


def test_settings_of_code_travel_without_their_secrets(file: Path) -> None:
    changed = load_settings().model_copy(update={"backend": "bedrock"})
    made = Settings.model_validate({"backends": {"openai": {"provider": "openai", "api_key": SecretStr(OPENAI)}}})
    for settings in (changed, changed.model_copy(), made):
        data = pickle.dumps(settings)
        assert not found_in(data)
        arrived = pickle.loads(data)
        assert (arrived.backend, set(arrived.backends)) == (settings.backend, set(settings.backends))
        assert all(not backend.secrets() for backend in arrived.backends.values())
    backend: Any = made.backends["openai"]
    assert backend.api_key.get_secret_value() == OPENAI
    assert pickle.loads(pickle.dumps(backend)).api_key is None
    assert copy.deepcopy(Secret("x")).get_secret_value() == "x"


MISTAKES = [
    FILE.replace("api_key =", "apikey ="),
    FILE.replace("api_key =", f'"{OPENAI}" ='),
    FILE.replace('endpoint = "https://contoso.openai.azure.com"', f'endpoint = "{AZURE}"'),
    FILE.replace("https://contoso.openai.azure.com", f"https://{AZURE}@contoso.openai.azure.com"),
    FILE.replace("https://contoso.openai.azure.com", f"https://contoso.openai.azure.com/?code={AZURE}"),
    FILE.replace("https://contoso.openai.azure.com", f"http://{OPENAI}"),
    FILE.replace("https://contoso.openai.azure.com", f"https://[{OPENAI}"),
    FILE.replace('tenant_id = "t"', f'api_version = "{OPENAI}"'),
    FILE.replace('tenant_id = "t"', f'auth = "{OPENAI}"'),
    FILE.replace('tenant_id = "t"', f'provider = "{OPENAI}"'),
    FILE.replace('tenant_id = "t"', f'timeout = "{OPENAI}"'),
    FILE.replace('region = "us-east-1"', f'region = "{SECRET_KEY}"'),
    FILE.replace('region = "us-east-1"', f'region = "{OPENAI.lower()}"'),
    FILE.replace('backend = "azure"', f'backend = "{OPENAI}"'),
    FILE.replace('backend = "azure"', f'embedding_backend = "{SECRET_KEY}"'),
    FILE.replace('backend = "azure"', f'"{OPENAI}" = 1'),
    FILE.replace("[chat.default]", f'[chat.default]\n"{OPENAI}" = "x"'),
    FILE.replace("[chat.default]", f'[chat.default]\nbedrock = {{ model = "m", "{OPENAI}" = "x" }}'),
    FILE.replace('model = "text-embedding-3-small"', f'space = "{OPENAI}"'),
    FILE.replace("[backends.bedrock]", f'[backends."{OPENAI}"]\nprovider = "bedrock"'),
    FILE.replace("[index.docs]", f'[index."{OPENAI}"]'),
    FILE.replace('store = "pgvector"', f'store = "{OPENAI}"'),
    FILE.replace('store = "pgvector"', f'store = "pgvector"\nembedding = "{OPENAI}"'),
    FILE.replace('store = "pgvector"', f'store = "pgvector"\nalso = ["{OPENAI}"]'),
    FILE.replace("[chat.default]", f"backends = {OPENAI}"),
    FILE.replace("[backends.azure]", f'[backends]\n"{OPENAI}" = "{OPENAI}"\n[backends.azure]'),
    "backends = 1\n" + FILE,
]


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_the_file_is_told_without_a_secret(file: Path, text: str) -> None:
    assert text != FILE
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert shown_by(caught.value, OPENAI.lower()) == {}
    assert not found_in(pickle.dumps(caught.value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TURNOUT_BACKENDS", OPENAI),
        ("TURNOUT_CHAT", f'{{"default": "{OPENAI}"}}'),
        ("TURNOUT_BACKEND", OPENAI),
        ("TURNOUT_CONFIG", OPENAI),
        ("TURNOUT_BACKENDS__BEDROCK", OPENAI),
        ("TURNOUT_BACKENDS__AZURE__ENDPOINT", OPENAI),
        ("TURNOUT_BACKENDS__AZURE__API_VERSION", OPENAI),
        ("TURNOUT_BACKENDS__BEDROCK__REGION", SECRET_KEY),
        ("TURNOUT_CHAT__DEFAULT__AZURE", f'{{"model": "{OPENAI}'),
        ("TURNOUT_INDEX__DOCS__ALSO", f"[{OPENAI}"),
        (f"TURNOUT_BACKENDS__AZURE__{OPENAI}", "x"),
        (f"TURNOUT_{OPENAI}", "x"),
        (f"TURNOUT_CHAT__DEFAULT__{OPENAI}", "x"),
        ("AZURE_OPENAI_API_VERSION", OPENAI),
        ("OPENAI_BASE_URL", OPENAI),
    ],
)
def test_a_mistake_in_the_environment_is_told_without_a_secret(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    if not name.startswith("TURNOUT"):  # the clouds' own variables make the backends where there is no file
        file.unlink()
        (file.parent / ".env").unlink()
        monkeypatch.delenv("TURNOUT_BACKENDS__OPENAI__API_KEY")
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://contoso.openai.azure.com")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert shown_by(caught.value, OPENAI.upper(), OPENAI.lower()) == {}


def _langchain(**arguments: Any) -> object:
    from turnout.langchain import ChatTurnout

    return ChatTurnout(**arguments)


def _langchain_embeddings(**arguments: Any) -> object:
    from turnout.langchain import TurnoutEmbeddings

    return TurnoutEmbeddings(**arguments)


def _llama(**arguments: Any) -> object:
    from turnout.llama_index import TurnoutLLM

    return TurnoutLLM(**arguments)


def _llama_embedding(**arguments: Any) -> object:
    from turnout.llama_index import TurnoutEmbedding

    return TurnoutEmbedding(**arguments)


ELSEWHERE = {
    "api_key": "set api_key in",
    "openai_api_key": "set api_key in",
    "azure_endpoint": "set endpoint in",
    "endpoint_url": "set endpoint in",
    "base_url": "set base_url in",
    "api_version": "set api_version in",
    "region_name": "set region in",
    "aws_access_key_id": "set access_key_id in",
    "aws_secret_access_key": "set secret_access_key in",
    "credentials_profile_name": "set profile in",
    "azure_deployment": "set deployment and model of its route in",
    "http_client": "turnout makes the clients",
    "default_headers": "set headers = .* in .backends",
}


@pytest.mark.parametrize("make", [_langchain, _langchain_embeddings, _llama, _llama_embedding])
def test_an_argument_of_another_class_is_refused_without_its_value(make: Callable[..., object]) -> None:
    for name, said in ELSEWHERE.items():
        with pytest.raises(SettingsError, match=said) as caught:
            make(**{name: OPENAI})
        assert name in str(caught.value)
        assert shown_by(caught.value) == {}
    with pytest.raises(ValueError, match="did you mean 'backend'") as caught_too:
        make(bakend=OPENAI)
    assert shown_by(caught_too.value) == {}
    assert not found_in(repr(getattr(caught_too.value, "errors", list)()))
    with pytest.raises(ValueError, match="no such argument") as caught_too:
        make(**{OPENAI: 1})
    assert shown_by(caught_too.value) == {}
    with pytest.raises(ValueError, match="max_retries") as caught_too:
        make(max_retries=OPENAI)
    assert not found_in(str(caught_too.value))


def test_no_log_has_a_secret(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    load_settings()
    assert not found_in(caplog.text)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        '{{"authorization": "{}"}}',
        "api-key: {}",
        "x-api-key={}",
        'b"X-Amz-Security-Token": b"{}"',
        "Incorrect API key provided: {}.",
        "password={}",
    ],
)
@pytest.mark.parametrize("secret", CANARIES)
def test_what_looks_like_a_credential_is_redacted(text: str, secret: str) -> None:
    said = redact(text.format(secret), [] if "Incorrect" not in text else [secret])
    assert secret not in said
    assert "[redacted]" in said


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication is required",
        "Authorization: required",
        "api-key: missing. Pass it",
        "max_tokens: 12345678 is too large",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6",
        "request id 1f2e3d4c-aaaa-bbbb-cccc-0123456789ab",
        "Previous response with id 'resp_68a1b2c3d4e5f60718293a4b5c6d7e8f9012345' not found.",
        "https://contoso.openai.azure.com/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
        "/subscriptions/0a0a0a0a-0000-1111-2222-333333333333/resourceGroups/my-group/providers/Microsoft.Cognitive",
    ],
)
def test_what_says_something_is_left(text: str) -> None:
    assert redact(text) == text


def test_a_password_in_an_address_is_redacted() -> None:
    assert redact(f"no way to http://user:{PROXY}@host:80/x") == "no way to http://[redacted]@host:80/x"


def test_names_are_shown_and_what_may_be_a_key_is_not() -> None:
    for name in ("azrue", "us-east-1", "gpt-5-prod", "amazon.titan-embed-text-v2:0", "contoso.openai.azure.com"):
        assert shown(name) == repr(name)
    for secret in (*CANARIES, "a=b", "hello world", "AKIAIOSFODNN7EXAMPLE"):
        assert shown(secret) == f"a value of {len(secret)} characters"


def test_what_the_command_line_shows_has_no_secret(file: Path) -> None:
    file.write_text(FILE.replace('"gpt-5-prod"', f'"{OPENAI}"'))
    told = turnout("routes")
    assert told.code == 0
    assert "[redacted]" in told.out
    assert not found_in(told.out + told.err)
    told = turnout("ask", "x", "--docs", str(file.parent), "--backend", OPENAI)
    assert told.code == 2
    assert not found_in(told.out + told.err)
