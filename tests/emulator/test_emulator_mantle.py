"""OpenAI models on Bedrock, with the openai SDK and aws-bedrock-token-generator."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from aws_bedrock_token_generator import provide_token

from turnout_emulator import Accounts, Answer, Emulator, Failure, ToolCall
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_BEARER, AWS_SECRET_KEY

FRONTIER, OPEN_WEIGHT = "openai.gpt-5.5", "openai.gpt-oss-120b"
HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    for name, value in emulator.environment("mantle").items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def signing() -> Iterator[openai.BedrockOpenAI]:
    with openai.BedrockOpenAI(max_retries=0) as client:
        yield client


def bearer(emulator: Emulator, key: str, path: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=emulator.mantle.url + path, api_key=key, max_retries=0)


def short_term(**arguments: Any) -> str:
    token: str = provide_token(region="us-east-1", **arguments)
    return token


def test_signed_requests(signing: openai.BedrockOpenAI, emulator: Emulator) -> None:
    response = signing.responses.create(
        model=FRONTIER, instructions="The bridge was built in 1883.", input="When was the bridge built?"
    )
    assert response.output_text == "The bridge was built in 1883."
    received = emulator.requests[-1]
    assert (received.service, received.wire, received.model) == ("mantle", "openai-responses", FRONTIER)
    assert (received.auth, received.identity) == ("sigv4", AWS_ACCESS_KEY)


async def test_signed_stream(emulator: Emulator) -> None:
    emulator.queue(Answer("one two"))
    async with openai.AsyncBedrockOpenAI(max_retries=0) as client:
        stream = await client.responses.create(model=FRONTIER, input="Hello", stream=True)
        assert [event.delta async for event in stream if event.type == "response.output_text.delta"] == ["one", " two"]


def test_a_wrong_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with openai.BedrockOpenAI(max_retries=0) as client, pytest.raises(openai.AuthenticationError, match="signature"):
        client.responses.create(model=FRONTIER, input="Hello")


def test_bearer_keys(emulator: Emulator) -> None:
    for key, identity in ((AWS_BEARER, "key1"), (short_term(), AWS_ACCESS_KEY)):
        with bearer(emulator, key) as client:
            assert client.responses.create(model=OPEN_WEIGHT, input="Hello").output_text
        assert (emulator.requests[-1].auth, emulator.requests[-1].identity) == ("bearer", identity)


def test_short_term_keys_of_a_role_and_on_bedrock_runtime(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    key = emulator.accounts.issue_aws_key(60, "arn:aws:iam::123456789012:role/turnout-emulator")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", str(key.session_token))
    with bearer(emulator, short_term()) as client:
        client.responses.create(model=OPEN_WEIGHT, input="Hello")
    assert emulator.requests[-1].identity == key.role_arn
    response = httpx.post(
        f"{emulator.bedrock.url}/model/amazon.nova-lite-v1:0/converse",
        headers={"authorization": f"Bearer {short_term()}"},
        json={"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
    )
    assert response.status_code == 200


def test_wrong_bearer_keys_are_refused(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = short_term()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    forged = short_term()
    for key in ("nothing", forged, genuine[:-40], "bedrock-api-key-!!"):
        with bearer(emulator, key) as client, pytest.raises(openai.AuthenticationError) as caught:
            client.responses.create(model=OPEN_WEIGHT, input="Hello")
        assert (caught.value.code, "Invalid bearer token" in str(caught.value)) == ("invalid_api_key", True)


def test_expired_short_term_keys_are_refused() -> None:
    now = [0.0]
    key = short_term(expiry=timedelta(seconds=60))
    accounts = Accounts(aws_keys={AWS_ACCESS_KEY: AWS_SECRET_KEY}, clock=lambda: time.time() + now[0])
    with Emulator(accounts=accounts) as emulator, bearer(emulator, key) as client:
        assert client.responses.create(model=OPEN_WEIGHT, input="Hello").output_text
        now[0] = 61.0
        with pytest.raises(openai.AuthenticationError):
            client.responses.create(model=OPEN_WEIGHT, input="Hello")


def test_the_calls_of_each_response_are_numbered_anew(signing: openai.BedrockOpenAI) -> None:
    tools: Any = [
        {
            "type": "function",
            "name": name,
            "description": f"Get the {what}.",
            "parameters": {"type": "object", "properties": {}},
        }
        for name, what in (("get_time", "time"), ("get_tide", "tide"))
    ]
    history: Any = [{"role": "user", "content": "Get the time and then get the tide."}]
    seen: list[tuple[str, str]] = []
    for _ in range(3):
        response = signing.responses.create(model=FRONTIER, input=history, tools=tools, parallel_tool_calls=False)
        for call in [item for item in response.output if item.type == "function_call"]:
            seen.append((call.name, call.call_id))
            history += [item.model_dump(exclude_none=True) for item in response.output]
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": f"{call.name}: 7"})
    assert seen == [("get_time", "call_0"), ("get_tide", "call_0")]
    assert response.output_text == "get_time: 7\nget_tide: 7"


def test_queued_ids_are_sent_as_they_are(signing: openai.BedrockOpenAI, emulator: Emulator) -> None:
    emulator.queue(*(Answer(tool_calls=[ToolCall(name, {}, "call_0")]) for name in ("first", "second")))
    for name in ("first", "second"):
        item: Any = signing.responses.create(model=FRONTIER, input="Hello").output[-1]
        assert (item.name, item.call_id) == (name, "call_0")


def test_open_weight_models_show_their_reasoning(emulator: Emulator) -> None:
    with bearer(emulator, AWS_BEARER) as client:
        response: Any = client.responses.create(
            model=OPEN_WEIGHT, input="Hello", temperature=0.2, reasoning={"effort": "low"}
        )
        assert response.output[0].content[0].type == "reasoning_text"
        assert response.temperature == 0.2
        kinds = [event.type for event in client.responses.create(model=OPEN_WEIGHT, input="Hello", stream=True)]
        assert "response.reasoning_text.delta" in kinds
        chunks = list(client.chat.completions.create(model=OPEN_WEIGHT, messages=HELLO, stream=True))
        assert all(chunk.usage is None for chunk in chunks)
        options: Any = {"include_usage": True}
        counted = list(
            client.chat.completions.create(model=OPEN_WEIGHT, messages=HELLO, stream=True, stream_options=options)
        )
        assert counted[-1].usage is not None


@pytest.mark.parametrize(
    ("path", "model", "status", "code"),
    [
        ("/v1/chat/completions", FRONTIER, 400, "validation_error"),
        ("/openai/v1/chat/completions", FRONTIER, 400, "validation_error"),
        ("/v1/responses", FRONTIER, 400, "validation_error"),
        ("/openai/v1/responses", OPEN_WEIGHT, 400, "validation_error"),
        ("/v1/responses", "openai.nothing", 404, "model_not_found"),
        ("/v1/chat/completions", OPEN_WEIGHT, 200, None),
    ],
)
def test_models_are_served_at_their_paths(
    emulator: Emulator, path: str, model: str, status: int, code: str | None
) -> None:
    response = httpx.post(
        emulator.mantle.url + path,
        headers={"authorization": f"Bearer {AWS_BEARER}"},
        json={"model": model, ("messages" if "chat" in path else "input"): HELLO},
    )
    assert response.status_code == status
    if code is not None:
        assert response.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("failure", "status"),
    [(Failure.permission(), 403), (Failure.rate_limited(1), 429), (Failure.overloaded(), 503)],
)
def test_failures(signing: openai.BedrockOpenAI, emulator: Emulator, failure: Failure, status: int) -> None:
    emulator.queue(failure, service="mantle")
    with pytest.raises(openai.APIStatusError) as caught:
        signing.responses.create(model=FRONTIER, input="Hello")
    assert caught.value.status_code == status


def test_over_tls(emulator: Emulator) -> None:
    trust = ssl.create_default_context(cafile=emulator.ca_file)
    with (
        httpx.Client(verify=trust) as http,
        openai.OpenAI(
            base_url=f"{emulator.mantle.https_url}/v1", api_key=AWS_BEARER, http_client=http, max_retries=0
        ) as client,
    ):
        assert OPEN_WEIGHT in [model.id for model in client.models.list()]
