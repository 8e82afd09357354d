"""Claude on Azure Foundry, with the anthropic SDK."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from turnout_emulator import Answer, Cut, Emulator, Failure, Reasoning, RedactedReasoning, Text, ToolCall, Usage
from turnout_emulator.accounts import AZURE_KEY

HELLO: Any = [{"role": "user", "content": "Hello"}]
BRIDGE = "The Anchor Bridge was built in 1883. Trains cross it twice a day."
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the weather at a location.",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8) + b"\x00\x00\x00\x40\x00\x00\x00\x20").decode()


@pytest.fixture
def claude(emulator: Emulator) -> Iterator[anthropic.AnthropicFoundry]:
    with anthropic.AnthropicFoundry(
        base_url=f"{emulator.azure.url}/anthropic/", api_key=AZURE_KEY, max_retries=0
    ) as client:
        yield client


def create(client: anthropic.AnthropicFoundry, messages: Any = HELLO, **more: Any) -> Any:
    return client.messages.create(**{"model": "claude-prod", "max_tokens": 2000, "messages": messages, **more})


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def given_back(message: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}


def test_answers_from_the_system_prompt(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    blocks = [{"type": "text", "text": BRIDGE, "cache_control": {"type": "ephemeral"}}]
    for system in (BRIDGE, blocks):
        message = create(claude, [{"role": "user", "content": "When was the bridge built?"}], system=system)
        assert said(message) == "The Anchor Bridge was built in 1883."
    assert (message.model, message.stop_reason, message.usage.output_tokens) == ("claude-sonnet-4-6", "end_turn", 8)
    received = emulator.requests[-1]
    assert (received.service, received.wire, received.model) == ("azure", "anthropic-messages", "claude-prod")
    assert (received.auth, received.identity) == ("api-key", "key1")


def test_thinking_is_signed(claude: anthropic.AnthropicFoundry) -> None:
    first = create(claude, thinking={"type": "enabled", "budget_tokens": 1024})
    assert [block.type for block in first.content] == ["thinking", "text"]
    history: Any = [*HELLO, given_back(first), {"role": "user", "content": "Go on"}]
    assert said(create(claude, history))
    alone: Any = [*HELLO, {"role": "assistant", "content": history[1]["content"][:1]}, history[2]]
    with pytest.raises(anthropic.BadRequestError, match="The final block in an assistant message cannot be `thinking`"):
        create(claude, alone)
    history[1]["content"][0]["signature"] = "c2lnbmVkIGVsc2V3aGVyZQ=="
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        create(claude, history)


def test_queued_signatures_are_taken_back(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    emulator.queue(Answer(blocks=[Reasoning("I see", "sig-1"), RedactedReasoning(b"secret"), Text("Done")]))
    first = create(claude)
    assert first.content[0].signature == "sig-1"
    history: Any = [*HELLO, given_back(first), {"role": "user", "content": "Go on"}]
    assert said(create(claude, history))
    history[1]["content"][1]["data"] = "b3RoZXI="
    with pytest.raises(anthropic.BadRequestError, match="redacted_thinking"):
        create(claude, history)


def test_bedrock_and_azure_share_claudes_signatures(
    claude: anthropic.AnthropicFoundry, bedrock: Any, emulator: Emulator
) -> None:
    signed = create(claude, thinking={"type": "adaptive"}).content[0]
    foreign = emulator._hub.signatures.sign("openai", signed.thinking)

    def ask(signature: str) -> Any:
        thought = {"reasoningContent": {"reasoningText": {"text": signed.thinking, "signature": signature}}}
        turns = [
            {"role": "user", "content": [{"text": "Hello"}]},
            {"role": "assistant", "content": [thought, {"text": "Hi"}]},
            {"role": "user", "content": [{"text": "Go on"}]},
        ]
        return bedrock.converse(modelId="us.anthropic.claude-sonnet-4-6", messages=turns)

    assert ask(signed.signature)["stopReason"] == "end_turn"
    with pytest.raises(bedrock.exceptions.ValidationException, match="Invalid `signature`"):
        ask(foreign)


def test_events_of_a_stream(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    emulator.queue(
        Answer(
            blocks=[Reasoning("I see"), Text("Look out"), ToolCall("get_weather", {"location": "Rome"}, "toolu_1")],
            usage=Usage(30, 20, cached_tokens=10),
        )
    )
    events: Any = list(create(claude, tools=[WEATHER], stream=True))
    kinds = [event.delta.type if event.type == "content_block_delta" else event.type for event in events]
    block = ("content_block_start", "content_block_stop")
    assert kinds == [
        *("message_start", block[0], "thinking_delta", "thinking_delta", "signature_delta", block[1]),
        *(block[0], "text_delta", "text_delta", block[1]),
        *(block[0], "input_json_delta", "input_json_delta", block[1]),
        *("message_delta", "message_stop"),
    ]
    last = events[-2]
    assert (last.delta.stop_reason, last.usage.output_tokens) == ("tool_use", 20)
    assert (last.usage.input_tokens, last.usage.cache_read_input_tokens) == (20, 10)


def test_a_ping_comes_with_the_stream(emulator: Emulator) -> None:
    response = httpx.post(
        f"{emulator.azure.url}/anthropic/v1/messages",
        headers={"x-api-key": AZURE_KEY, "anthropic-version": "2023-06-01"},
        json={"model": "claude-prod", "max_tokens": 100, "messages": HELLO, "stream": True},
    )
    assert 'event: ping\ndata: {"type":"ping"}' in response.text
    assert response.headers["request-id"].startswith("req_")


def test_tool_rounds(claude: anthropic.AnthropicFoundry) -> None:
    asked: Any = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = create(claude, asked, tools=[WEATHER])
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"location": "Paris"}, {"location": "London"}]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"Rain in {call.input['location']}"}
        for call in calls
    ]
    history = [*asked, given_back(first), {"role": "user", "content": results}]
    assert said(create(claude, history, tools=[WEATHER])) == "Rain in Paris\nRain in London"
    results[1] |= {"content": "No such town", "is_error": True}
    assert "error" in said(create(claude, history, tools=[WEATHER]))
    one = create(claude, asked, tools=[WEATHER], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert [block.type for block in one.content] == ["tool_use"]
    for choice, kind in (({"type": "any"}, "tool_use"), ({"type": "none"}, "text")):
        assert create(claude, asked, tools=[WEATHER], tool_choice=choice).content[0].type == kind


def test_stop_sequences_and_limits(claude: anthropic.AnthropicFoundry) -> None:
    ask: Any = [{"role": "user", "content": "Reply with exactly 'one two STOP three'"}]
    stopped = create(claude, ask, stop_sequences=["END", "STOP"])
    assert (stopped.stop_reason, stopped.stop_sequence, said(stopped)) == ("stop_sequence", "STOP", "one two ")
    cut = create(claude, ask, max_tokens=2)
    assert (cut.stop_reason, said(cut)) == ("max_tokens", "one two")


def test_images_and_documents(claude: anthropic.AnthropicFoundry) -> None:
    def ask(question: str, block: Any) -> str:
        return said(create(claude, [{"role": "user", "content": [block, {"type": "text", "text": question}]}]))

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    assert "png, 64 x 32 pixels" in ask("What is this?", image)
    assert "https://example.com/a.png" in ask(
        "What is this?", {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    )
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": BRIDGE}}
    assert ask("When was the bridge built?", document) == "The Anchor Bridge was built in 1883."


def test_structured_output(claude: anthropic.AnthropicFoundry) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    message = create(
        claude,
        [{"role": "user", "content": "Ada Lovelace is 36 years old."}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert said(message) == '{"name": "Ada Lovelace", "age": 36}'


def use(identity: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": "get_weather", "input": {"location": "Rome"}}


def result(identity: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identity, "content": "Rain"}


def limited() -> Any:
    inner = {"name": {"type": "string", "minLength": 2, "maxLength": 9}}
    schema = {"type": "object", "properties": inner, "required": ["name"], "additionalProperties": False}
    return {"type": "json_schema", "schema": schema}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 200_000}, "maximum allowed number of output tokens"),
        ({"seed": 1}, "seed: Extra inputs are not permitted"),
        ({"temperature": 1.5}, "less than or equal to 1"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"temperature": 0.5, "thinking": {"type": "adaptive"}}, "may only be set to 1"),
        ({"top_p": 0.5, "thinking": {"type": "adaptive"}}, "greater than or equal to 0.95"),
        (
            {"output_config": {"format": limited()}},
            "For 'string' type, properties maxLength, minLength are not supported",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "adaptive"}, "tools": [WEATHER], "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, 'first message must use the "user" role'),
        ({"messages": [{"role": "system", "content": "Hi"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "Input tag 'image_url'"),
        (
            {"model": "claude-fast", "messages": [*HELLO, {"role": "assistant", "content": "Hi "}]},
            "trailing whitespace",
        ),
        ({"messages": [*HELLO, {"role": "assistant", "content": [use("a")]}]}, "without `tool_result` blocks"),
        ({"messages": [{"role": "user", "content": [result("a")]}]}, "unexpected `tool_use_id`"),
        (
            {"messages": [*HELLO, {"role": "assistant", "content": [use("a b")]}]},
            "tool_use.id: String should match pattern",
        ),
        (
            {
                "messages": [
                    *HELLO,
                    {"role": "assistant", "content": [use("a")]},
                    {"role": "user", "content": [result("a")]},
                    {"role": "assistant", "content": [use("a")]},
                    {"role": "user", "content": [result("a")]},
                ]
            },
            "must be unique",
        ),
        ({"tools": [{"name": "f"}]}, "input_schema: Field required"),
        ({"tools": [{**WEATHER, "name": "Page[Item]"}]}, "name: String should match pattern"),
        ({"tools": [WEATHER, WEATHER]}, "Tool names must be unique"),
        ({"tools": [WEATHER], "tool_choice": {"type": "required"}}, "Input tag 'required'"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "f"}}, "not found in provided tools"),
        ({"tool_choice": {"type": "auto"}}, "while providing tools"),
        (
            {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5},
            "maximum of 4 blocks",
        ),
    ],
)
def test_invalid_requests_are_refused(emulator: Emulator, arguments: Any, problem: str) -> None:
    body = {"model": "claude-prod", "max_tokens": 2000, "messages": HELLO, **arguments}
    response = httpx.post(
        f"{emulator.azure.url}/anthropic/v1/messages",
        headers={"api-key": AZURE_KEY, "anthropic-version": "2023-06-01"},
        json={name: value for name, value in body.items() if value is not None},
    )
    assert response.status_code == 400
    answer = response.json()
    assert (answer["type"], answer["error"]["type"]) == ("error", "invalid_request_error")
    assert problem in answer["error"]["message"]
    assert answer["request_id"] == response.headers["request-id"]


def test_some_models_take_no_prefill() -> None:
    history: Any = [*HELLO, {"role": "assistant", "content": "I"}]
    with (
        Emulator(deployments={"old": "claude-opus-4-5", "new": "claude-opus-4-6"}) as emulator,
        anthropic.AnthropicFoundry(
            base_url=f"{emulator.azure.url}/anthropic/", api_key=AZURE_KEY, max_retries=0
        ) as client,
    ):
        assert create(client, history, model="old").content
        with pytest.raises(anthropic.BadRequestError, match="prefill"):
            create(client, history, model="new")


def test_version_is_required_and_claude_speaks_messages_only(emulator: Emulator) -> None:
    body = {"model": "claude-prod", "max_tokens": 9, "messages": HELLO}
    headers = {"x-api-key": AZURE_KEY}
    response = httpx.post(f"{emulator.azure.url}/anthropic/v1/messages", headers=headers, json=body)
    assert (response.status_code, "anthropic-version" in response.text) == (400, True)
    response = httpx.post(f"{emulator.azure.url}/openai/v1/chat/completions", headers={"api-key": AZURE_KEY}, json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "api_not_supported")


@pytest.mark.parametrize(
    ("scope", "lifetime"),
    [("https://ai.azure.com/.default", -1.0), ("https://management.azure.com/.default", 60.0)],
)
def test_wrong_tokens(emulator: Emulator, scope: str, lifetime: float) -> None:
    with (
        anthropic.AnthropicFoundry(
            base_url=f"{emulator.azure.url}/anthropic/",
            azure_ad_token_provider=lambda: emulator.entra.issue(scope, lifetime=lifetime),
            max_retries=0,
        ) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        create(client)


def test_wrong_key_and_deployment(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    with (
        anthropic.AnthropicFoundry(
            base_url=f"{emulator.azure.url}/anthropic/", api_key="wrong", max_retries=0
        ) as client,
        pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"),
    ):
        create(client)
    with pytest.raises(anthropic.NotFoundError, match="model: gpt-4o"):
        create(claude, model="gpt-4o")


async def test_async_client_with_an_entra_token(emulator: Emulator) -> None:
    emulator.queue(Answer("one two three"))

    async def token() -> str:
        return emulator.entra.issue("https://ai.azure.com/.default")

    async with (
        anthropic.AsyncAnthropicFoundry(
            base_url=f"{emulator.azure.url}/anthropic/", azure_ad_token_provider=token, max_retries=0
        ) as client,
        client.messages.stream(model="claude-fast", max_tokens=100, messages=HELLO) as stream,
    ):
        assert [piece async for piece in stream.text_stream] == ["one", " two", " three"]
    assert emulator.requests[-1].auth == "entra"


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (Failure.permission(), 403, "permission_error"),
        (Failure.rate_limited(retry_after=2), 429, "rate_limit_error"),
        (Failure.content_filter(), 400, "invalid_request_error"),
        (Failure.server_error(), 500, "api_error"),
        (Failure.overloaded(), 529, "overloaded_error"),
        (Failure.timeout(), 504, "timeout_error"),
        (Failure(status=418, code="teapot", message="short and stout"), 418, "teapot"),
    ],
)
def test_each_kind_of_failure(
    claude: anthropic.AnthropicFoundry, emulator: Emulator, failure: Failure, status: int, kind: str
) -> None:
    emulator.queue(failure)
    with pytest.raises(anthropic.APIStatusError) as caught:
        create(claude)
    body: Any = caught.value.body
    assert (caught.value.status_code, body["error"]["type"]) == (status, kind)
    if failure.retry_after:
        assert caught.value.response.headers["retry-after"] == "2"


def test_too_long_and_refused(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 200000 maximum"):
        create(claude, [{"role": "user", "content": "word " * 201_000}])
    with pytest.raises(anthropic.RequestTooLargeError):
        create(claude, [{"role": "user", "content": "x" * 34_000_000}])
    emulator.queue(Answer("No", finish="content_filter"))
    assert create(claude).stop_reason == "refusal"


def test_an_error_in_the_stream(claude: anthropic.AnthropicFoundry, emulator: Emulator) -> None:
    emulator.queue(Cut(after_chunks=3, failure=Failure.overloaded()))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(create(claude, stream=True))


def test_counting_tokens(claude: anthropic.AnthropicFoundry) -> None:
    counted = claude.messages.count_tokens(model="claude-prod", messages=HELLO)
    assert counted.input_tokens == create(claude).usage.input_tokens
