"""OpenAI's and Anthropic's APIs at Bedrock's two endpoints, with every credential that they take."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import client_of
from tests.providers.test_clients import keys, role
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout import errors, runtime
from turnout.errors import CredentialError
from turnout.settings import BedrockBackend
from turnout_emulator.accounts import AWS_BEARER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from turnout_emulator import Emulator

HELLO = [{"role": "user", "content": "Hello"}]
APIS: dict[tuple[str, str], tuple[str, dict[str, Any], str]] = {
    ("runtime", "openai-responses"): (
        "responses",
        {"model": "global.openai.gpt-5.6-sol", "input": "Hello"},
        "/openai/v1/responses",
    ),
    ("runtime", "openai-chat"): (
        "chat.completions",
        {"model": "openai.gpt-oss-20b-1:0", "messages": HELLO},
        "/openai/v1/chat/completions",
    ),
    ("runtime", "anthropic-messages"): (
        "messages",
        {"model": "us.anthropic.claude-sonnet-4-6", "max_tokens": 50, "messages": HELLO},
        "/anthropic/v1/messages",
    ),
    ("mantle", "openai-responses"): (
        "responses",
        {"model": "openai.gpt-5.5", "input": "Hello"},
        "/openai/v1/responses",
    ),
    ("mantle", "openai-chat"): (
        "chat.completions",
        {"model": "openai.gpt-oss-20b", "messages": HELLO},
        "/v1/chat/completions",
    ),
    ("mantle", "anthropic-messages"): (
        "messages",
        {"model": "anthropic.claude-haiku-4-5", "max_tokens": 50, "messages": HELLO},
        "/anthropic/v1/messages",
    ),
}
CREDENTIALS: list[tuple[Callable[[Emulator], dict[str, Any]], str]] = [
    (lambda _: {"bearer_token": AWS_BEARER}, "bearer"),
    (keys, "sigv4"),
    (role, "sigv4"),
    (lambda e: {**keys(e), "mantle_auth": "short-term-token"}, "short-term"),
]


def backend(emulator: Emulator, **options: Any) -> BedrockBackend:
    made = {"endpoint": emulator.bedrock.url, "mantle_endpoint": emulator.mantle.url, "region": "us-east-1"}
    return BedrockBackend.model_validate({**options, **made})


def create(client: Any, resource: str) -> Any:
    for name in resource.split("."):
        client = getattr(client, name)
    return client.create


@pytest.mark.parametrize(("options", "auth"), CREDENTIALS, ids=["bearer", "keys", "role", "short-term"])
@pytest.mark.parametrize(("home", "wire"), APIS)
def test_every_api_with_every_credential(
    fresh_emulator: Emulator, home: str, wire: str, options: Callable[[Emulator], dict[str, Any]], auth: str
) -> None:
    resource, asked, path = APIS[home, wire]
    client = client_of(backend(fresh_emulator, **options(fresh_emulator)), wire, asked["model"], home)
    create(client.sync, resource)(**asked)
    for _ in range(2):

        async def ask() -> Any:
            return await create(client.aio, resource)(**asked)

        asyncio.run(ask())
    served = [request for request in fresh_emulator.requests if request.service in {"bedrock", "mantle"}]
    if auth == "short-term":
        auth = "bearer" if home == "mantle" else "sigv4"
    assert {(r.service, r.path, r.auth, r.status) for r in served} == {
        ("bedrock" if home == "runtime" else "mantle", path, auth, 200)
    }
    assert len(served) == 3


@pytest.mark.parametrize("wire", ["openai-responses", "anthropic-messages"])
@pytest.mark.parametrize("home", ["runtime", "mantle"])
def test_each_home_is_signed_for(fresh_emulator: Emulator, home: str, wire: str) -> None:
    resource, asked, _ = APIS[home, wire]
    client = client_of(backend(fresh_emulator, **keys(fresh_emulator)), wire, asked["model"], home)
    create(client.sync, resource)(**asked)
    scope = fresh_emulator.requests[-1].headers["authorization"].partition("/us-east-1/")[2].partition("/")[0]
    assert scope == ("bedrock" if home == "runtime" else "bedrock-mantle")


@pytest.mark.parametrize(
    ("variable", "host"),
    [
        ("AWS_PAGER", "bedrock-runtime.us-east-1.amazonaws.com"),
        ("AWS_USE_FIPS_ENDPOINT", "bedrock-runtime-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "bedrock-runtime.us-east-1.api.aws"),
    ],
)
@pytest.mark.parametrize(("wire", "path"), [("openai-chat", "/openai/v1/"), ("anthropic-messages", "/anthropic/")])
def test_the_runtimes_address_follows_aws_rules(
    variable: str, host: str, wire: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.close()  # a client of the same settings, made with another variable
    monkeypatch.setenv(variable, "true")
    settings = {"region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": "x"}
    url = client_of(BedrockBackend.model_validate(settings), wire, home="runtime").sync.base_url
    assert (url.scheme, url.host, url.path) == ("https", host, path)
    runtime.close()


def test_a_headers_table_is_signed(fresh_emulator: Emulator) -> None:
    headers = {"X-Amzn-Bedrock-GuardrailIdentifier": "gr-1", "X-Amzn-Bedrock-GuardrailVersion": "DRAFT"}
    resource, asked, _ = APIS["runtime", "openai-responses"]
    settings = backend(fresh_emulator, headers=headers, **keys(fresh_emulator))
    create(client_of(settings, "openai-responses", home="runtime").sync, resource)(**asked)
    received = fresh_emulator.requests[-1]
    assert received.headers["x-amzn-bedrock-guardrailidentifier"] == "gr-1"
    assert "x-amzn-bedrock-guardrailidentifier" in received.headers["authorization"]


def test_a_credential_that_cant_be_refreshed_is_an_error_of_the_credential(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import SSOTokenLoadError

    def expired(*_: Any) -> Any:
        raise SSOTokenLoadError(error_msg="the session has expired; run aws sso login")

    resource, asked, _ = APIS["runtime", "anthropic-messages"]
    client = client_of(backend(fresh_emulator, **keys(fresh_emulator)), "anthropic-messages", home="runtime")
    monkeypatch.setattr("botocore.credentials.Credentials.get_frozen_credentials", expired)
    with pytest.raises(Exception, match="Connection error") as caught:
        create(client.sync, resource)(**asked)
    assert isinstance(caught.value.__cause__, CredentialError)
    assert "run aws sso login" in str(caught.value.__cause__)


ROUTES = """
backend = "bedrock"
[backends.bedrock]
provider = "bedrock"
region = "us-east-1"
endpoint = "{bedrock}"
mantle_endpoint = "{mantle}"
{credential}
[chat]
gpt.bedrock = "global.openai.gpt-5.6-sol"
gpt-chat.bedrock = {{ model = "us.openai.gpt-5.6-luna", wire = "openai-chat" }}
claude.bedrock = {{ model = "us.anthropic.claude-sonnet-4-6", wire = "anthropic-messages" }}
mantle-claude.bedrock = {{ model = "anthropic.claude-haiku-4-5", wire = "anthropic-messages" }}
bare.bedrock = {{ model = "openai.gpt-5.6-sol", home = "runtime" }}
bare-claude.bedrock = {{ model = "anthropic.claude-sonnet-4-6", wire = "anthropic-messages", home = "runtime" }}
"""
KEYS = 'access_key_id = "{AWS_ACCESS_KEY_ID}"\nsecret_access_key = "{AWS_SECRET_ACCESS_KEY}"'


def chat(emulator: Emulator, folder: Path, framework: str, model: str, credential: str = "") -> Chat:
    path = folder / "turnout.toml"
    credential = credential or KEYS.format(**emulator.environment("bedrock"))
    text = ROUTES.format(bedrock=emulator.bedrock.url, mantle=emulator.mantle.url, credential=credential)
    path.write_text(text, encoding="utf-8")
    return Chat(framework, model=model, settings=path)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["gpt", "gpt-chat", "claude", "mantle-claude"])
def test_both_frameworks_ask_every_way(
    fresh_emulator: Emulator, tmp_path: Path, framework: str, way: str, model: str
) -> None:
    assert chat(fresh_emulator, tmp_path, framework, model).ask(way).text
    assert fresh_emulator.requests[-1].service == ("mantle" if model == "mantle-claude" else "bedrock")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", ["whole", "async-stream"])
@pytest.mark.parametrize("model", ["bare", "bare-claude"])
def test_a_bare_id_at_the_runtime_says_that_it_wants_a_profile(
    fresh_emulator: Emulator, tmp_path: Path, framework: str, way: str, model: str
) -> None:
    with pytest.raises(errors.NotFoundError, match="want an inference profile") as caught:
        chat(fresh_emulator, tmp_path, framework, model).ask(way)
    assert caught.value.request_id


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("model", ["gpt", "gpt-chat", "claude"])
def test_a_wrong_secret_is_an_authentication_error(
    fresh_emulator: Emulator, tmp_path: Path, framework: str, model: str
) -> None:
    wrong = KEYS.format(**fresh_emulator.environment("bedrock"))[:-3] + '"'
    with pytest.raises(errors.AuthenticationError, match="request signature"):
        chat(fresh_emulator, tmp_path, framework, model, wrong).ask("whole")


GUARDRAIL = {"guardrailIdentifier": "gr-1", "guardrailVersion": "DRAFT", "trace": "enabled"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["gpt", "gpt-chat", "claude"])
def test_a_guardrail_is_asked_for_by_signed_headers(
    fresh_emulator: Emulator, tmp_path: Path, framework: str, way: str, model: str
) -> None:
    options = "\noptions = { guardrailConfig = " + json.dumps(GUARDRAIL).replace(":", " =") + " }"
    credential = KEYS.format(**fresh_emulator.environment("bedrock")) + options
    assert chat(fresh_emulator, tmp_path, framework, model, credential).ask(way).text
    received = fresh_emulator.requests[-1].headers
    sent = {name.rpartition("-")[2]: value for name, value in received.items() if name.startswith("x-amzn-bedrock")}
    assert sent == {"guardrailidentifier": "gr-1", "guardrailversion": "DRAFT", "trace": "ENABLED"}
    assert "x-amzn-bedrock-guardrailidentifier" in received["authorization"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("model", "option", "why"),
    [
        ("mantle-claude", "guardrailConfig = { guardrailIdentifier = 'gr-1' }", "Mantle has no guardrails"),
        ("gpt", "background = true", "Bedrock Runtime has no background mode"),
    ],
)
def test_an_endpoint_is_not_asked_for_what_the_other_has(
    fresh_emulator: Emulator, tmp_path: Path, framework: str, model: str, option: str, why: str
) -> None:
    credential = KEYS.format(**fresh_emulator.environment("bedrock")) + f"\noptions = {{ {option} }}"
    with pytest.warns(UserWarning, match=why):
        assert chat(fresh_emulator, tmp_path, framework, model, credential).ask("whole").text
