"""Mantle and Foundry, with every credential that they take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import client_of
from tests.providers.test_clients import bearer, entra, keys, role
from turnout.providers.foundry import base_url
from turnout.settings import AzureBackend, BedrockBackend, OpenAIBackend
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY, OPENAI_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout_emulator import Emulator

ASKED: dict[str, Any] = {"model": "openai.gpt-5.5", "input": "Hello", "store": False}


def bedrock(emulator: Emulator, **options: Any) -> BedrockBackend:
    return BedrockBackend.model_validate({"region": "us-east-1", "mantle_endpoint": emulator.mantle.url, **options})


MANTLE: list[tuple[Callable[[Emulator], dict[str, Any]], str]] = [
    (lambda _: {"bearer_token": AWS_BEARER}, "bearer"),
    (keys, "sigv4"),
    (role, "sigv4"),
    (lambda e: {**keys(e), "mantle_auth": "short-term-token"}, "bearer"),
    (lambda e: {**role(e), "mantle_auth": "short-term-token"}, "bearer"),
    (lambda e: {**bearer(e), "endpoint": None, "mantle_endpoint": e.mantle.https_url}, "bearer"),
]


@pytest.mark.parametrize(("options", "auth"), MANTLE)
def test_mantle(fresh_emulator: Emulator, options: Callable[[Emulator], dict[str, Any]], auth: str) -> None:
    client = client_of(bedrock(fresh_emulator, **options(fresh_emulator)), "openai-responses")
    assert client.sync.responses.create(**ASKED).output_text
    for _ in range(2):

        async def ask() -> str:
            answer = await client.aio.responses.create(**ASKED)
            return str(answer.output_text)

        assert asyncio.run(ask())
    asked = [r for r in fresh_emulator.requests if r.service == "mantle"]
    assert len(asked) == 3
    assert {(r.auth, r.path) for r in asked} == {(auth, "/openai/v1/responses")}


def test_gpt_oss_is_served_under_another_path(fresh_emulator: Emulator) -> None:
    client = client_of(bedrock(fresh_emulator, **keys(fresh_emulator)), "openai-chat", "openai.gpt-oss-120b")
    client.sync.responses.create(**{**ASKED, "model": "openai.gpt-oss-120b"})
    assert fresh_emulator.requests[-1].path == "/v1/responses"


def test_a_stray_bearer_token_does_not_beat_the_settings_keys(
    fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "stray")
    client = client_of(bedrock(fresh_emulator, max_retries=1, **keys(fresh_emulator)), "openai-responses")
    client.sync.responses.create(**ASKED)
    assert fresh_emulator.requests[-1].auth == "sigv4"


@pytest.mark.parametrize("options", [lambda _: {"api_key": AZURE_KEY}, entra], ids=["api-key", "entra"])
def test_claude_on_azure(fresh_emulator: Emulator, options: Callable[[Emulator], dict[str, Any]]) -> None:
    backend = AzureBackend.model_validate({"endpoint": fresh_emulator.azure.url, **options(fresh_emulator)})
    client = client_of(backend, "anthropic-messages")
    asked: Any = {"model": "claude-prod", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    assert client.sync.messages.create(**asked).content
    for _ in range(2):

        async def ask() -> Any:
            return await client.aio.messages.create(**asked)

        assert asyncio.run(ask()).content
    served = [r for r in fresh_emulator.requests if r.wire == "anthropic-messages"]
    assert {(r.path, r.auth) for r in served} == {
        ("/anthropic/v1/messages", "api-key" if backend.api_key is not None else "entra")
    }


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://contoso.openai.azure.com", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.services.ai.azure.com", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.services.ai.azure.com/anthropic", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.openai.azure.com/openai/v1", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.cognitiveservices.azure.com/", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.services.ai.azure.com/api/projects/p", "https://contoso.services.ai.azure.com/anthropic"),
        ("https://contoso.openai.azure.us", "https://contoso.services.ai.azure.us/anthropic"),
        ("https://gateway.example/ai", "https://gateway.example/ai/anthropic"),
    ],
)
def test_where_a_resource_serves_claude(endpoint: str, address: str) -> None:
    assert base_url(AzureBackend.model_validate({"endpoint": endpoint})) == address


def test_the_path_of_claude_is_none_of_openais_models() -> None:
    backend = AzureBackend.model_validate({"endpoint": "https://contoso.openai.azure.com/anthropic", "api_key": "k"})
    assert client_of(backend, "openai-chat").sync.base_url == "https://contoso.openai.azure.com/openai/v1/"


def test_an_empty_organization_or_project_sends_no_header(fresh_emulator: Emulator) -> None:
    options = {"base_url": f"{fresh_emulator.openai.url}/v1", "api_key": OPENAI_KEY}
    backend = OpenAIBackend.model_validate({**options, "organization": "", "project": ""})
    client_of(backend).sync.models.list()
    sent = {name.lower() for name in fresh_emulator.requests[-1].headers}
    assert not {"openai-organization", "openai-project"} & sent
