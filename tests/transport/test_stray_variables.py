"""With everything in the settings, nothing in the environment decides: neither whether a call works nor what is sent."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.clients import client_of
from tests.contract.apps.settings import settings_text
from tests.providers.test_clients import bearer, entra, keys, role
from tests.transport.environment_reads import variables
from tests.transport.reviewed_variables import (
    CHAIN,
    COMPUTED,
    ELSEWHERE,
    ENDPOINT,
    GIVEN,
    MACHINE,
    NEWER,
    PACKAGES,
    REVIEWED,
)
from tests.transport.wire_server import OK, Line, serving
from turnout import runtime
from turnout.errors import SettingsError
from turnout.providers.credentials import aws
from turnout.settings import AzureBackend, BedrockBackend, OpenAIBackend, load_settings
from turnout.settings.variables import CLOUD_VARIABLES
from turnout_emulator.accounts import AWS_BEARER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnout_emulator import Emulator, Received

WIRES = (
    *("azure", "azure_dated", "azure_responses", "azure_claude", "openai", "bedrock_nova", "bedrock_gpt"),
    *("bedrock_messages", "mantle", "mantle_chat"),
)
EMBEDDING = ("azure", "azure_dated", "openai", "bedrock_nova")
HEADERS = "Authorization: Bearer stray\nauthorization: stray\napi-key: stray\nX-Api-Key: stray\nX-Stray: stray"


def stray_values(folder: Path, elsewhere: str) -> dict[str, str]:
    """A value for each variable that would decide something if it were looked at; addresses lead elsewhere."""
    broken = folder / "broken"
    broken.write_text("[profile\nnonsense", encoding="utf-8")
    netrc = folder / "netrc"
    netrc.write_text("default login stray password stray\n", encoding="utf-8")
    netrc.chmod(0o600)
    # What the settings of a test leave out is what this one is for.
    values = dict.fromkeys(
        CLOUD_VARIABLES - {"AWS_CA_BUNDLE"} | GIVEN | ENDPOINT | CHAIN | MACHINE | ELSEWHERE, "stray"
    )
    values |= {
        name: f"{elsewhere}/stray" for name in values if re.search(r"(URL|URI|ENDPOINT|BASE|HOST|URL_[A-Z_]+)\Z", name)
    }
    values |= {name: "true" for name in values if re.search(r"ENABLED|DISABLE|USE_", name)}
    values |= {name: str(folder / "missing") for name in values if re.search(r"BUNDLE|SSL_CERT", name)}
    values |= {name: str(broken) for name in values if re.search(r"(CONFIG|CREDENTIALS|CREDENTIAL|TOKEN)_FILE\Z", name)}
    return values | {
        "ANTHROPIC_CUSTOM_HEADERS": HEADERS,
        "OPENAI_CUSTOM_HEADERS": HEADERS,
        "AWS_DEFAULTS_MODE": "auto",
        "AWS_RETRY_MODE": "adaptive",
        "LC_OUTPUT_VERSION": "v1",
        "LANGSMITH_GATEWAY": "true",
        "NETRC": str(netrc),
        "AWS_EC2_METADATA_DISABLED": "true",  # whoever looks for a credential there would wait
    }


@pytest.fixture
def strays(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables; the server that addresses lead to is asked for nothing."""
    asked: list[bytes] = []

    def answer(line: Line, head: bytes, _: bytes) -> None:
        asked.append(head)
        line.sock.sendall(OK)

    with serving(answer) as server:
        yield stray_values(tmp_path, server.url.partition("/v1")[0])
    assert asked == []


@pytest.fixture(autouse=True)
def _clients_of_their_own() -> Iterator[None]:
    _rebuilt()
    yield
    _rebuilt()


def _rebuilt() -> None:
    """Clients and what they share are made anew, and look at the environment as it is."""
    runtime.close()


@pytest.fixture
def settled(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Settings that have everything, for each wire as a backend."""
    path = tmp_path / "turnout.toml"
    path.write_text(settings_text(fresh_emulator), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return fresh_emulator


def test_every_variable_that_the_packages_read_is_reviewed() -> None:
    found: set[str] = set()
    for package, modules in PACKAGES.items():
        read = variables(package, *modules)
        computed = {name for name in read if ":" in name}
        assert computed == COMPUTED.get(package, set()), package
        assert read - computed <= REVIEWED, f"{package} reads a variable that isn't reviewed"
        found |= read
    assert found >= REVIEWED - CLOUD_VARIABLES - NEWER, "no package reads these any more"


def sent(request: Received) -> dict[str, Any]:
    """What a request had, without what differs from one to the next, and without who says to have sent it."""
    left_out = r"x-amz-(date|content-sha256|security-token)|amz-sdk-\w+(-\w+)?|user-agent|x-stainless-\w+(-\w+)*|x-amzn-trace-id|(x-ms-)?client-request-id"
    headers = {name: value for name, value in request.headers.items() if not re.fullmatch(left_out, name)}
    if said := headers.get("authorization"):
        said = re.sub(r"/\d{8}/", "/", re.sub(r"Signature=\w+|ASIA\w+", "", said))
        headers["authorization"] = re.sub(r"(bedrock-api-key-.{60}).*", r"\1", said) if request.auth != "entra" else "…"
    body = json.dumps(request.body, sort_keys=True, default=str)
    return {
        "to": (request.service, request.method, request.path, dict(request.query)),
        "as": (request.auth, request.identity, request.status),
        "headers": headers,
        "body": body,
    }


def langchain() -> None:
    from turnout.langchain import ChatTurnout

    assert ChatTurnout(max_retries=0).invoke("Hello").text
    assert "".join(piece.text for piece in ChatTurnout(max_retries=0).stream("Hello"))

    async def aio() -> None:
        assert (await ChatTurnout(max_retries=0).ainvoke("Hello")).text
        assert [piece async for piece in ChatTurnout(max_retries=0).astream("Hello")]

    asyncio.run(aio())


def llama_index() -> None:
    from turnout.llama_index import TurnoutLLM

    asked = [ChatMessage("Hello")]
    assert TurnoutLLM(max_retries=0).chat(asked).message.content
    assert list(TurnoutLLM(max_retries=0).stream_chat(asked))

    async def aio() -> None:
        assert (await TurnoutLLM(max_retries=0).achat(asked)).message.content
        assert [piece async for piece in await TurnoutLLM(max_retries=0).astream_chat(asked)]

    asyncio.run(aio())


def langchain_embeddings() -> None:
    from turnout.langchain import TurnoutEmbeddings

    assert TurnoutEmbeddings(max_retries=0).embed_query("Hello")
    assert asyncio.run(TurnoutEmbeddings(max_retries=0).aembed_query("Hello"))


def llama_index_embeddings() -> None:
    from turnout.llama_index import TurnoutEmbedding

    assert TurnoutEmbedding(max_retries=0).get_query_embedding("Hello")
    assert asyncio.run(TurnoutEmbedding(max_retries=0).aget_query_embedding("Hello"))


def recorded(emulator: Emulator, call: Callable[[], Any]) -> list[dict[str, Any]]:
    emulator.clear()
    call()
    return [sent(request) for request in emulator.requests]


@pytest.mark.parametrize(
    ("wire", "call"),
    [
        *((wire, call) for wire in WIRES for call in (langchain, llama_index)),
        *((wire, call) for wire in EMBEDDING for call in (langchain_embeddings, llama_index_embeddings)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_all_at_once(
    wire: str, call: Callable[[], None], settled: Emulator, strays: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNOUT_BACKEND", wire)
    without = recorded(settled, call)
    assert without
    for name, value in strays.items():
        monkeypatch.setenv(name, value)
    _rebuilt()
    assert recorded(settled, call) == without


def azure(emulator: Emulator, options: dict[str, Any]) -> Any:
    client = client_of(AzureBackend.model_validate({"endpoint": emulator.azure.url, **options}))
    return lambda: client.sync.embeddings.create(model="embed-small", input="Hello")


def claude(emulator: Emulator, options: dict[str, Any]) -> Any:
    client = client_of(AzureBackend.model_validate({"endpoint": emulator.azure.url, **options}), "anthropic-messages")
    asked: Any = {"model": "claude-prod", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    return lambda: client.sync.messages.create(**asked)


def openai(emulator: Emulator, options: dict[str, Any]) -> Any:
    given = {"base_url": f"{emulator.openai.url}/v1", "api_key": "sk-turnout-emulator", **options}
    client = client_of(OpenAIBackend.model_validate(given))
    return lambda: client.sync.embeddings.create(model="text-embedding-3-small", input="Hello")


def bedrock(emulator: Emulator, options: dict[str, Any]) -> Any:
    given = {"endpoint": emulator.bedrock.url, "region": "us-east-1", **options}
    client = client_of(BedrockBackend.model_validate(given)).sync
    asked: Any = {"modelId": "amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    return lambda: client.converse(**asked)


def mantle(emulator: Emulator, options: dict[str, Any]) -> Any:
    given = {"mantle_endpoint": emulator.mantle.url, "region": "us-east-1", **options}
    client = client_of(BedrockBackend.model_validate(given), "openai-responses")
    asked: Any = {"model": "openai.gpt-5.5", "input": "Hello", "store": False}
    return lambda: client.sync.responses.create(**asked)


def runtime_openai(emulator: Emulator, options: dict[str, Any]) -> Any:
    given = {"region": "us-east-1", **options, "endpoint": emulator.bedrock.url}
    client = client_of(BedrockBackend.model_validate(given), "openai-responses", home="runtime")
    asked: Any = {"model": "global.openai.gpt-5.6-sol", "input": "Hello", "store": False}
    return lambda: client.sync.responses.create(**asked)


def runtime_claude(emulator: Emulator, options: dict[str, Any]) -> Any:
    given = {"region": "us-east-1", **options, "endpoint": emulator.bedrock.url}
    client = client_of(BedrockBackend.model_validate(given), "anthropic-messages", home="runtime")
    asked: Any = {"model": "us.anthropic.claude-sonnet-4-6", "max_tokens": 50}
    return lambda: client.sync.messages.create(messages=[{"role": "user", "content": "Hello"}], **asked)


KEY = {"api_key": "turnout-emulator-azure-key"}
DATED = {"api_version": "2024-10-21"}
CREDENTIALS: dict[str, tuple[Callable[[Emulator, dict[str, Any]], Any], Callable[[Emulator], dict[str, Any]]]] = {
    "azure key": (azure, lambda _: KEY),
    "azure entra": (azure, entra),
    "dated key": (azure, lambda _: {**KEY, **DATED}),
    "dated entra": (azure, lambda e: {**entra(e), **DATED}),
    "claude key": (claude, lambda _: KEY),
    "claude entra": (claude, entra),
    "openai": (openai, lambda _: {}),
    "openai organization": (openai, lambda _: {"organization": "org-mine", "project": "proj-mine"}),
    "bedrock keys": (bedrock, keys),
    "bedrock role": (bedrock, role),
    "bedrock bearer": (bedrock, bearer),
    "runtime openai keys": (runtime_openai, keys),
    "runtime openai bearer": (runtime_openai, lambda _: {"bearer_token": AWS_BEARER}),
    "runtime claude keys": (runtime_claude, keys),
    "runtime claude bearer": (runtime_claude, lambda _: {"bearer_token": AWS_BEARER}),
    "mantle keys": (mantle, keys),
    "mantle role": (mantle, role),
    "mantle bearer": (mantle, lambda e: {**bearer(e), "mantle_endpoint": e.mantle.https_url}),
    "mantle short-term token": (mantle, lambda e: {**keys(e), "mantle_auth": "short-term-token"}),
}


@pytest.mark.parametrize("way", CREDENTIALS)
def test_with_each_credential(
    way: str, fresh_emulator: Emulator, strays: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, options = CREDENTIALS[way]
    given = options(fresh_emulator)
    without = recorded(fresh_emulator, make(fresh_emulator, given))
    for name, value in strays.items():
        monkeypatch.setenv(name, value)
    _rebuilt()
    assert recorded(fresh_emulator, make(fresh_emulator, given)) == without


@pytest.mark.parametrize(
    ("way", "names"),
    [
        *((way, "(AZURE_)?OPENAI_.*") for way in ("azure key", "dated key", "openai")),
        ("claude key", "ANTHROPIC_(API|AUTH|BASE|CUSTOM|FOUNDRY).*"),
        *(
            (way, "AWS_(PROFILE|(CONFIG|SHARED_CREDENTIALS)_FILE|BEARER_TOKEN_BEDROCK)")
            for way in ("bedrock keys", "bedrock bearer")
        ),
    ],
)
def test_one_at_a_time(
    way: str, names: str, fresh_emulator: Emulator, strays: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One might hide what another does."""
    make, options = CREDENTIALS[way]
    given = options(fresh_emulator)
    without = recorded(fresh_emulator, make(fresh_emulator, given))
    chosen = {name: value for name, value in strays.items() if re.fullmatch(names, name)}
    assert len(chosen) > 3
    for name, value in chosen.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            runtime.close()
            assert recorded(fresh_emulator, make(fresh_emulator, given)) == without, name


def test_a_copy_of_a_client_goes_by_its_arguments_too(
    fresh_emulator: Emulator, strays: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    openais = AzureBackend.model_validate({"endpoint": fresh_emulator.azure.url, **KEY, **DATED})
    for name, value in strays.items():
        monkeypatch.setenv(name, value)
    asked: Any = {"model": "claude-prod", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    extra: dict[str, Any] = {"default_headers": {"x-mine": "1"}}
    client_of(openais).sync.with_options(**extra).embeddings.create(model="embed-small", input="Hello")
    claudes = AzureBackend.model_validate({"endpoint": fresh_emulator.azure.url, **KEY})
    client_of(claudes, "anthropic-messages").sync.with_options(**extra).messages.create(**asked)
    for request in fresh_emulator.requests:
        assert (request.status, request.headers["api-key"], request.headers["x-mine"]) == (200, KEY["api_key"], "1")
        assert not [name for name in request.headers if "stray" in name or "stray" in request.headers[name]]


def test_a_profile_that_does_not_exist_is_named_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "stray")
    backend = BedrockBackend.model_validate({"region": "us-east-1", "auth": "default-chain"})
    with pytest.raises(SettingsError, match="'stray' \\(AWS_PROFILE\\) doesn't exist"):
        aws.session(backend, aws.choose(backend))


def test_a_broken_file_is_named_where_it_is_needed(
    strays: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", strays["AWS_CONFIG_FILE"])
    backend = BedrockBackend.model_validate({"region": "us-east-1", "auth": "default-chain"})
    with pytest.raises(SettingsError, match="broken"):
        aws.session(backend, aws.choose(backend))
    own = BedrockBackend.model_validate({"region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": "x"})
    assert aws.session(own, aws.choose(own)).get_credentials().access_key == "AKIA"
    assert "broken" in caplog.text


def test_the_region_of_a_profile_is_found_by_keys_that_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile there]\nregion = eu-west-3\nuse_fips_endpoint = true\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "there")
    own = BedrockBackend.model_validate({"access_key_id": "AKIA", "secret_access_key": "x"})
    assert aws.session(own, aws.choose(own)).get_config_variable("region") == "eu-west-3"
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    assert aws.session(own, aws.choose(own)).get_config_variable("region") is None


@pytest.mark.parametrize(
    ("variable", "host"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "bedrock-runtime-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "bedrock-runtime.us-east-1.api.aws"),
    ],
)
def test_a_choice_for_all_of_aws_holds_where_no_endpoint_is_named(
    variable: str,
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def instead(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        asked.append(request.url)
        body = b'{"output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":"end_turn"}'
        return AWSResponse(request.url, 200, {}, type("Raw", (), {"stream": lambda *_: iter([body])})())

    monkeypatch.setenv(variable, "true")
    given: dict[str, Any] = {"region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": "x"}
    for endpoint in (None, "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"):
        client = client_of(BedrockBackend.model_validate({**given, "endpoint": endpoint})).sync
        client.meta.events.unregister("before-send.bedrock-runtime", client._transport.before_send)
        client.meta.events.register("before-send.bedrock-runtime", instead)
        client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "Hello"}]}])
    assert [url.partition("//")[2].partition("/")[0] for url in asked] == [
        host,
        "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
    ]
    assert f"{variable} has no effect on calls to https://vpce-1" in caplog.text


def test_mantle_has_no_fips_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    given = {"region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": "x"}
    with pytest.raises(SettingsError, match="Mantle has no FIPS endpoint"):
        client_of(BedrockBackend.model_validate(given), "openai-responses")
    named = BedrockBackend.model_validate({**given, "mantle_endpoint": "https://mantle.example"})
    assert client_of(named, "openai-responses").sync.base_url.host == "mantle.example"


def test_a_key_in_the_settings_is_not_beaten_by_a_service_principal_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "stray")
    path = tmp_path / "turnout.toml"
    text = '[backends.azure]\nprovider = "azure"\nendpoint = "https://contoso.openai.azure.com"\n'
    path.write_text(text + 'api_key = "mine"\n', encoding="utf-8")
    keyed: Any = load_settings(path).backends["azure"]
    assert keyed.tenant_id is None
    path.write_text(text + 'api_key = "mine"\nauth = "service-principal"\n', encoding="utf-8")
    asked: Any = load_settings(path).backends["azure"]
    assert asked.tenant_id == "stray"
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "stray")
    path.write_text(text, encoding="utf-8")
    neither: Any = load_settings(path).backends["azure"]
    assert neither.tenant_id == "stray"
