"""What a user may write, where it is read from, and what is said when it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import SettingsError, UnknownBackendError
from turnout.settings import AzureBackend, BedrockBackend, OpenAIBackend, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
backend = "azure"

[backends.azure]
endpoint = "https://contoso.openai.azure.com/"
api_key = "from-the-file"

[backends.bedrock]
region = "us-east-1"

[chat.default]
azure = { deployment = "gpt-5-prod", model = "gpt-5" }
bedrock = "us.anthropic.claude-sonnet-4-6"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "turnout.toml"
    path.write_text(FILE)
    return path


def azure(settings: Settings) -> AzureBackend:
    backend = settings.backends["azure"]
    assert isinstance(backend, AzureBackend)
    return backend


def test_the_file_is_found_from_a_folder_below(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = file.parent / "app" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    settings = load_settings()
    assert settings.source == str(file)
    assert settings.backend == "azure"
    assert azure(settings).endpoint == "https://contoso.openai.azure.com"
    assert settings.chat["default"]["bedrock"].deployment == "us.anthropic.claude-sonnet-4-6"


def test_environment_beats_dotenv_beats_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / ".env").write_text(
        "TURNOUT_BACKEND=bedrock\nTURNOUT_BACKENDS__BEDROCK__REGION=eu-west-1\nAWS_SECRET_ACCESS_KEY=x\n"
        "AWS_ACCESS_KEY_ID=AKIDOTENV\n"
    )
    settings = load_settings()
    bedrock = settings.backends["bedrock"]
    assert isinstance(bedrock, BedrockBackend)
    assert (settings.backend, bedrock.region) == ("bedrock", "eu-west-1")
    assert bedrock.origin("access_key_id").endswith(".env")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    assert load_settings().backend == "azure"


def test_a_value_from_the_environment_stays_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKENDS__AZURE__API_KEY", "12345")
    monkeypatch.setenv("TURNOUT_BACKENDS__AZURE__MAX_RETRIES", "7")
    backend = azure(load_settings())
    assert backend.api_key is not None
    assert backend.api_key.get_secret_value() == "12345"
    assert backend.max_retries == 7


def test_a_route_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_CHAT__FAST__AZURE", '{"deployment": "mini", "model": "gpt-5-mini"}')
    monkeypatch.setenv("TURNOUT_CHAT__FAST__BEDROCK", "amazon.nova-micro-v1:0")
    fast = load_settings().chat["fast"]
    assert (fast["azure"].deployment, fast["azure"].model) == ("mini", "gpt-5-mini")
    assert fast["bedrock"].deployment == "amazon.nova-micro-v1:0"


def test_the_same_inputs_give_the_same_object_and_a_change_is_seen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_settings()
    assert load_settings() is first
    file.write_text(FILE.replace('backend = "azure"', 'backend = "bedrock"'))
    assert load_settings().backend == "bedrock"
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    assert load_settings().backend == "azure"


def test_the_clouds_variables_are_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://contoso.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("AZURE_OPENAI_DEPLOYMENT", "prod")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    settings = load_settings()
    assert set(settings.backends) == {"azure", "bedrock", "openai"}
    assert settings.chat["default"]["azure"].deployment == "prod"
    assert settings.chat["default"]["bedrock"].deployment == "amazon.nova-lite-v1:0"
    assert "azure" not in settings.embedding["default"]  # a deployment has its owner's name; none can be guessed
    assert azure(settings).origin("api_key") == "AZURE_OPENAI_API_KEY in the environment"


def test_a_key_goes_only_to_the_resource_it_was_issued_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "turnout.toml").write_text(
        '[backends.azure]\nendpoint = "https://other.openai.azure.com"\n'
        '[backends.local]\nprovider = "openai"\nbase_url = "http://localhost:11434/v1"\n'
        '[backends.openai]\nprovider = "openai"\n'
    )
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://contoso.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "contoso-key")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-official")
    settings = load_settings()
    assert azure(settings).api_key is None
    local, official = settings.backends["local"], settings.backends["openai"]
    assert isinstance(local, OpenAIBackend)
    assert isinstance(official, OpenAIBackend)
    assert local.api_key is None
    assert official.api_key is not None


def test_credentials_in_the_settings_beat_the_clouds_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "stray")
    file.write_text(FILE.replace('region = "us-east-1"', 'region = "us-east-1"\nprofile = "work"'))
    settings = load_settings()
    key = azure(settings).api_key
    bedrock = settings.backends["bedrock"]
    assert key is not None
    assert key.get_secret_value() == "from-the-file"
    assert isinstance(bedrock, BedrockBackend)
    assert bedrock.bearer_token is None


def test_the_environments_proxy_is_a_setting_and_never_for_loopback(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    monkeypatch.setenv("TURNOUT_BACKENDS__BEDROCK__ENDPOINT", "http://127.0.0.1:9")
    settings = load_settings()
    proxy = settings.backends["azure"].proxy
    assert proxy is not None
    assert proxy.get_secret_value() == "http://user:secret@proxy.example:3128"
    assert settings.backends["bedrock"].proxy is None
    assert "user:secret" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("endpoint =", "endpont ="), r"turnout.toml, key 'backends.azure.endpont': unknown key \(.* 'endpoint'"),
        (("[chat.default]", "[chatt.default]"), r"turnout.toml, key 'chatt': unknown key \(did you mean 'chat'"),
        (
            ('backend = "azure"', 'backend = "azrue"'),
            r"turnout.toml, key 'backend': unknown backend 'azrue' \(did you mean 'azure'",
        ),
        (("azure = {", "azur = {"), r"key 'chat.default.azur': unknown backend 'azur' \(did you mean 'azure'"),
        (("deployment =", "deploymnt ="), r"key 'chat.default.azure.deploymnt': unknown key \(.*'deployment'"),
        (("https://contoso", "http://contoso"), r"endpoint': plain http to 'contoso.openai.azure.com'"),
        (("https://contoso", "contoso"), r"is not a URL; write it with its scheme"),
        (("[backends.azure]", '[backends.azure]\nprovider = "azur"'), r"unknown provider; it is one of azure, bedrock"),
        (("[backends.bedrock]", "[backends.west]"), r"key 'backends.west': say which provider this backend has"),
        (("[backends.bedrock]", '[backends.West]\nprovider = "bedrock"'), r"lower-case"),
        (('region = "us-east-1"', 'access_key_id = "AK"'), r"secret_access_key is not; AWS keys come in pairs"),
        (('api_key = "from-the-file"', 'api_version = "latest"'), r"not a dated version like '2024-10-21'"),
        (("[backends.azure]", "[backends.azure"), r"turnout.toml is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_fix(file: Path, change: tuple[str, str], said: str) -> None:
    text = FILE.replace(*change, 1)
    assert text != FILE
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize(
    ("pasted", "request_path"),
    [
        ("/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21", "/openai/deployments/"),
        ("/openai/v1/chat/completions", "/chat/completions"),
        ("/openai/v1/responses?api-version=preview", "/responses"),
        ("/openai/v1/embeddings/", "/embeddings"),
        ("/models/chat/completions?api-version=2024-05-01-preview", "/models/chat/completions"),
        ("/models", "/models"),
        ("/anthropic/v1/messages", "/anthropic/v1/messages"),
        ("/model/amazon.nova-lite-v1:0/converse", "/model/"),
    ],
)
def test_the_url_of_a_request_is_no_endpoint(file: Path, pasted: str, request_path: str) -> None:
    file.write_text(FILE.replace("https://contoso.openai.azure.com", f"https://contoso.openai.azure.com{pasted}", 1))
    said = rf"endpoint': this is the URL of a request; the endpoint is the part before '{request_path}'"
    with pytest.raises(SettingsError, match=said):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TURNOUT_BACKND", "azure", r"TURNOUT_BACKND \(the environment\): no such setting \(.* 'TURNOUT_BACKEND'"),
        ("TURNOUT_BACKEND", "bedrok", r"TURNOUT_BACKEND: unknown backend 'bedrok' \(did you mean 'bedrock'"),
        (
            "TURNOUT_BACKENDS__AZURE__ENDPONT",
            "x",
            r"TURNOUT_BACKENDS__AZURE__ENDPONT \(the environment\), key 'backends",
        ),
        (
            "TURNOUT_CONFIG",
            "/nowhere/turnout.toml",
            r"TURNOUT_CONFIG: there is no file /nowhere/turnout.toml",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_no_settings_says_where_it_looked_and_shows_a_file_that_works(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert str(folder) in message
    assert "AZURE_OPENAI_ENDPOINT" in message
    (folder / "turnout.toml").write_text(message.split("works:\n\n")[1])
    assert load_settings().chat["default"]["azure"].model == "gpt-5"


def test_several_backends_and_no_choice_asks_for_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from turnout.routing import resolve

    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    with pytest.raises(UnknownBackendError, match="set TURNOUT_BACKEND=bedrock"):
        resolve()


def test_no_secret_is_shown(file: Path) -> None:
    settings = load_settings()
    text = repr(settings) + str(settings) + settings.model_dump_json()
    assert "from-the-file" not in text


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20) | st.integers() | st.none(), max_size=5))
def test_anything_in_a_backend_table_is_refused_or_read_but_never_crashes(table: dict[str, object]) -> None:
    from pydantic import ValidationError

    try:
        made = Settings.model_validate({"backends": {"azure": {"provider": "azure", **table}}})
    except ValidationError:
        return
    assert "azure" in made.backends


def test_settings_of_the_same_content_are_the_same_object(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert load_settings() is settings
    assert load_settings(file) is settings
    monkeypatch.setenv("SOME_OTHER_VARIABLE", "changed")
    assert load_settings() is settings
    monkeypatch.setenv("TURNOUT_UNSUPPORTED", "error")
    assert load_settings().unsupported == "error"
