"""OpenAI's and Anthropic's APIs at Bedrock Runtime and at Mantle: what each endpoint refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from turnout_emulator.accounts import AWS_BEARER

if TYPE_CHECKING:
    from turnout_emulator import Emulator

HELLO: Any = [{"role": "user", "content": "Hello"}]
RESPONSES, CHAT, MESSAGES = "/openai/v1/responses", "/openai/v1/chat/completions", "/anthropic/v1/messages"
PROFILE = "Retry your request with the ID or ARN of an inference profile"


@pytest.mark.parametrize(
    ("service", "path", "model", "status", "words"),
    [
        ("bedrock", RESPONSES, "global.openai.gpt-5.6-sol", 200, ""),
        ("bedrock", RESPONSES, "arn:aws:bedrock:us-east-1:1:inference-profile/us.openai.gpt-5.6-sol", 200, ""),
        ("bedrock", CHAT, "us.openai.gpt-5.6-luna", 200, ""),
        ("bedrock", CHAT, "openai.gpt-oss-120b-1:0", 200, ""),
        ("bedrock", RESPONSES, "openai.gpt-5.6-sol", 400, PROFILE),
        ("bedrock", RESPONSES, "eu.openai.gpt-5.6-sol", 400, "The provided model identifier is invalid."),
        ("bedrock", RESPONSES, "openai.gpt-oss-120b-1:0", 404, "doesn't exist or doesn't support this API"),
        ("bedrock", CHAT, "us.anthropic.claude-sonnet-4-6", 404, "doesn't exist or doesn't support this API"),
        ("bedrock", RESPONSES, "global.openai.gpt-5.5", 404, "doesn't exist or doesn't support this API"),
        ("bedrock", MESSAGES, "us.anthropic.claude-sonnet-4-6", 200, ""),
        ("bedrock", MESSAGES, "global.anthropic.claude-haiku-4-5-20251001-v1:0", 200, ""),
        ("bedrock", MESSAGES, "anthropic.claude-sonnet-4-6", 400, PROFILE),
        ("bedrock", MESSAGES, "us.amazon.nova-lite-v1:0", 404, "does not exist"),
        ("mantle", RESPONSES, "global.openai.gpt-5.6-sol", 404, "The model 'global.openai.gpt-5.6-sol' does not exist"),
        ("mantle", MESSAGES, "anthropic.claude-sonnet-4-6", 200, ""),
        ("mantle", MESSAGES, "us.anthropic.claude-sonnet-4-6", 404, "does not exist"),
        ("mantle", RESPONSES, "anthropic.claude-sonnet-4-6", 400, "does not support the '/openai/v1/responses' API"),
        ("mantle", CHAT, "openai.gpt-5.5", 400, "does not support the '/openai/v1/chat/completions' API"),
        ("mantle", "/v1/responses", "openai.gpt-5.5", 400, "isn't supported on this route"),
        ("mantle", RESPONSES, "openai.gpt-oss-120b", 400, "isn't supported on this route"),
    ],
)
def test_which_ids_an_endpoint_takes(
    emulator: Emulator, service: str, path: str, model: str, status: int, words: str
) -> None:
    body: dict[str, Any] = {"model": model, ("input" if path.endswith("/responses") else "messages"): HELLO}
    if path == MESSAGES:
        body["max_tokens"] = 50
    headers = {"authorization": f"Bearer {AWS_BEARER}", "anthropic-version": "2023-06-01"}
    response = httpx.post(getattr(emulator, service).url + path, headers=headers, json=body)
    assert response.status_code == status, response.text
    assert words in (response.json()["error"]["message"] if words else "")


def test_the_runtime_takes_no_signature_for_mantle(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**emulator.environment("mantle"), "AWS_BEARER_TOKEN_BEDROCK": ""}.items():
        monkeypatch.setenv(name, value)
    client = openai.BedrockOpenAI(base_url=f"{emulator.bedrock.url}/openai/v1", max_retries=0)
    with client, pytest.raises(openai.PermissionDeniedError, match="scoped to correct service: 'bedrock'") as caught:
        client.responses.create(model="global.openai.gpt-5.6-sol", input="Hello")
    assert caught.value.response.headers["x-amzn-errortype"] == "InvalidSignatureException"


@pytest.mark.parametrize("service", ["bedrock", "mantle"])
@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
def test_messages_take_an_api_key_in_either_header(emulator: Emulator, service: str, header: str) -> None:
    model = "us.anthropic.claude-sonnet-4-6" if service == "bedrock" else "anthropic.claude-sonnet-4-6"
    for key, status in ((AWS_BEARER, 200), ("wrong", 403)):
        response = httpx.post(
            getattr(emulator, service).url + MESSAGES,
            headers={header: key if header == "x-api-key" else f"Bearer {key}", "anthropic-version": "2023-06-01"},
            json={"model": model, "max_tokens": 50, "messages": HELLO},
        )
        assert response.status_code == status


WEB = "https://example.com/a.png"


@pytest.mark.parametrize("service", ["bedrock", "mantle"])
@pytest.mark.parametrize(
    ("path", "part", "words"),
    [
        (RESPONSES, {"type": "input_image", "image_url": WEB}, "must be `data:` or `s3://`"),
        (CHAT, {"type": "image_url", "image_url": {"url": WEB}}, "must be `data:` or `s3://`"),
        (RESPONSES, {"type": "input_file", "file_url": WEB}, "Unsupported file type: 'unknown'"),
        (MESSAGES, {"type": "image", "source": {"type": "url", "url": WEB}}, "URL content sources are not yet"),
    ],
)
def test_nothing_is_fetched_from_the_web(
    emulator: Emulator, service: str, path: str, part: dict[str, Any], words: str
) -> None:
    gpt, claude = "openai.gpt-5.5", "anthropic.claude-sonnet-4-6"
    if service == "bedrock":
        gpt, claude = "us.openai.gpt-5.6-sol", f"us.{claude}"
    turns = [{"role": "user", "content": [part]}]
    body: dict[str, Any] = {"model": gpt, "input": turns}
    if path == CHAT and service == "mantle":  # which has the open-weight models alone there, at a path of their own
        gpt, path = "openai.gpt-oss-20b", path.removeprefix("/openai")
    if path.endswith("/completions"):
        body = {"model": gpt, "messages": turns}
    if path == MESSAGES:
        body = {"model": claude, "messages": turns, "max_tokens": 50}
    headers = {"authorization": f"Bearer {AWS_BEARER}", "anthropic-version": "2023-06-01"}
    response = httpx.post(getattr(emulator, service).url + path, headers=headers, json=body)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
