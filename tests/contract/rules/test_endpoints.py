"""Where each service is, and what it takes there to know who asks, in both frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.rules.asking import settings
from tests.providers.test_clients import entra
from tests.support.frameworks import FRAMEWORKS, Chat, Embedding
from turnout.errors import RateLimitError, SettingsError
from turnout.settings import Settings
from turnout_emulator import Failure
from turnout_emulator.accounts import AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.rules.asking import Asking
    from turnout_emulator import Emulator


def with_backend(target: str, emulator: Emulator, **changes: Any) -> Settings:
    """Settings of a target whose backend is another."""
    made = settings(emulator, target)
    (name,) = made.backends
    changed = made.backends[name].model_copy(update=changes)
    return made.model_copy(update={"backends": {name: changed}})


@pytest.mark.parametrize("path", ["", "/openai/v1", "/anthropic", "/openai"])
def test_a_resources_paths_lead_to_each_api(asking: Asking, path: str) -> None:
    endpoint = f"{asking.emulator.azure.url}{path}"
    for model, api in (("claude-sonnet-4-6", "/anthropic/v1/messages"), ("gpt-4.1", "/openai/v1/chat/completions")):
        asking.ask(with_backend(f"azure {model}", asking.emulator, endpoint=endpoint))
        received = asking.emulator.requests[-1]
        assert (received.path, received.status) == (api, 200)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("pasted", ["/openai/v1/chat/completions?api-version=preview", "/models", "/anthropic/v1/messages"])  # fmt: skip
def test_the_url_of_a_request_is_no_endpoint(framework: str, pasted: str, tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    endpoint = f'endpoint = "https://contoso.openai.azure.com{pasted}"'
    path.write_text(f'[backends.azure]\n{endpoint}\napi_key = "k"\n[chat.default]\nazure = "d"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="this is the URL of a request; the endpoint is the part before"):
        Chat(framework, settings=path).ask("whole")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_empty_organization_or_project_is_sent(framework: str, services: Emulator) -> None:
    """OpenAI answers that there is no organization of that name."""
    backend = {"base_url": f"{services.openai.url}/v1", "api_key": OPENAI_KEY, "organization": "", "project": ""}
    made = Settings.model_validate(
        {"backends": {"openai": {"provider": "openai", **backend}}, "chat": {"default": {"openai": "gpt-4.1"}}}
        | {"source": "turnout.toml"}
    )
    assert Chat(framework, settings=made).ask("async").text
    assert not {"openai-organization", "openai-project"} & services.requests[-1].headers.keys()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("version", "scope"), [("", "https://ai.azure.com"), (" 2024-10-21", "https://cognitiveservices.azure.com")])  # fmt: skip
def test_a_token_is_of_the_apis_scope(framework: str, version: str, scope: str, services: Emulator) -> None:
    services.clear()
    principal = {"api_key": None, "connect_timeout": 20 + len(framework), **entra(services)}
    made = with_backend(f"azure gpt-4.1{version}", services, **principal)
    assert Chat(framework, settings=made).ask("whole").text
    fetched = [received for received in services.requests if received.path.endswith("/oauth2/v2.0/token")]
    assert [received.body["scope"] for received in fetched] == [f"{scope}/.default"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_users_managed_identity_is_asked_for_by_its_client_id(
    framework: str, services: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.clear()
    for name, value in services.environment("managed-identity").items():
        monkeypatch.setenv(name, value)
    made = with_backend("azure gpt-4.1", services, api_key=None, client_id=f"mine-{framework}")
    assert Chat(framework, settings=made).ask("whole").text
    asked = [received.identity for received in services.requests if received.path == "/msi/token"]
    assert asked == [f"mine-{framework}"]


@pytest.mark.parametrize("target", ["bedrock amazon.nova-lite-v1:0", "bedrock global.openai.gpt-5.6-sol"])
def test_a_days_quota_is_throttling_that_no_retry_passes(asking: Asking, target: str) -> None:
    asking.emulator.clear()
    asking.emulator.queue(Failure.rate_limited(message="Too many tokens per day, please wait before trying again."))
    with pytest.raises(RateLimitError, match="The day's quota is used up, so no retry passes") as caught:
        asking.ask(settings(asking.emulator, target))
    assert not caught.value.retryable
    assert len(asking.emulator.requests) == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_cohere_on_azure_is_asked_by_coheres_own_api(framework: str, services: Emulator) -> None:
    services.clear()
    deployed = {"deployment": "cohere-english", "model": "Cohere-embed-v3-english"}
    backend = {"provider": "azure", "endpoint": services.azure.url, "api_key": AZURE_KEY}
    made = Settings.model_validate(
        {"backends": {"azure": backend}, "embedding": {"default": {"azure": deployed}}, "source": "turnout.toml"}
    )
    embedding = Embedding(framework, settings=made)
    assert embedding.query("a passage") != embedding.texts(["a passage"])[0]
    sent = [(received.path, received.body["input_type"]) for received in services.requests]
    path = "/providers/cohere/v2/embed"
    assert sent == [(path, "search_query"), (path, "search_document")]
