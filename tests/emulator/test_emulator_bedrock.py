"""Converse: what it answers, streamed or not, from which models."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from tests.emulator.bedrock_support import HELLO, NOVA, SONNET, WEATHER, error
from turnout_emulator import (
    Answer,
    Emulator,
    Reasoning,
    RedactedReasoning,
    Text,
    ToolCall,
    Usage,
)
from turnout_emulator.answers import Block
from turnout_emulator.wires.converse_checks import service_model


def test_converse_answers_from_the_context(bedrock: Any, emulator: Emulator) -> None:
    response = bedrock.converse(
        modelId=SONNET,
        system=[{"text": "The Anchor Bridge was built in 1883. Trains cross it twice a day."}],
        messages=[{"role": "user", "content": [{"text": "When was the bridge built?"}]}],
    )
    assert response["output"]["message"]["content"] == [{"text": "The Anchor Bridge was built in 1883."}]
    assert response["stopReason"] == "end_turn"
    assert response["ResponseMetadata"]["RequestId"]
    received = emulator.requests[-1]
    assert (received.service, received.model, received.wire) == ("bedrock", SONNET, "bedrock-converse")
    assert (received.auth, received.status) == ("sigv4", 200)


def test_every_kind_of_block_fits_the_service_model(bedrock: Any, emulator: Emulator) -> None:
    blocks: list[Block] = [
        Reasoning("because", "c2lnbmF0dXJl"),
        RedactedReasoning(b"hidden"),
        Text("it is"),
        ToolCall("get_weather", {"location": "Paris"}),
    ]
    emulator.queue(Answer(blocks=blocks, usage=Usage(100, 5, cached_tokens=60, cache_write_tokens=10)))
    response = bedrock.converse(modelId=SONNET, messages=HELLO, toolConfig=WEATHER)
    del response["ResponseMetadata"]
    shape = service_model().operation_model("Converse").output_shape
    errors = ParamValidator().validate(response, shape)
    assert not errors.has_errors(), errors.generate_report()
    content = response["output"]["message"]["content"]
    assert content[0]["reasoningContent"]["reasoningText"] == {"text": "because", "signature": "c2lnbmF0dXJl"}
    assert content[1]["reasoningContent"]["redactedContent"] == b"hidden"
    assert content[3]["toolUse"]["toolUseId"].startswith("tooluse_")
    assert response["stopReason"] == "tool_use"
    assert (response["usage"]["inputTokens"], response["usage"]["cacheReadInputTokens"]) == (30, 60)
    assert response["usage"]["totalTokens"] == 105


def test_stream_events_in_order(bedrock: Any, emulator: Emulator) -> None:
    blocks: list[Block] = [Reasoning("why"), Text("one two"), ToolCall("get_weather", {"location": "Paris"})]
    emulator.queue(Answer(blocks=blocks))
    events = list(bedrock.converse_stream(modelId=SONNET, messages=HELLO, toolConfig=WEATHER)["stream"])
    shape = service_model().operation_model("ConverseStream").output_shape.members["stream"]
    for event in events:
        errors = ParamValidator().validate(event, shape)
        assert not errors.has_errors(), errors.generate_report()
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    assert names.count("contentBlockStart") == 1
    assert names.count("contentBlockStop") == 3
    pieces = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert "".join(piece.get("text", "") for piece in pieces) == "one two"
    assert json.loads("".join(piece["toolUse"]["input"] for piece in pieces if "toolUse" in piece)) == {
        "location": "Paris"
    }
    assert any("signature" in piece.get("reasoningContent", {}) for piece in pieces)


def test_tool_is_called_and_its_result_reported(bedrock: Any) -> None:
    messages: Any = [{"role": "user", "content": [{"text": "What is the weather in San Francisco, CA?"}]}]
    called = bedrock.converse(modelId=NOVA, messages=messages, toolConfig=WEATHER)["output"]["message"]
    use = called["content"][0]["toolUse"]
    assert use["input"] == {"location": "San Francisco, CA"}
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": "Foggy."}]}}
    messages += [called, {"role": "user", "content": [result]}]
    answer = bedrock.converse(modelId=NOVA, messages=messages, toolConfig=WEATHER)
    assert answer["output"]["message"]["content"] == [{"text": "Foggy."}]


@pytest.mark.parametrize(
    "model",
    [
        NOVA,
        "us.amazon.nova-lite-v1:0",
        "eu.amazon.nova-lite-v1:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.meta.llama3-3-70b-instruct-v1:0",
        "mistral.mistral-large-2402-v1:0",
        "openai.gpt-oss-120b-1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6",
    ],
)
def test_models_and_profiles(bedrock: Any, emulator: Emulator, model: str) -> None:
    assert bedrock.converse(modelId=model, messages=HELLO)["stopReason"] == "end_turn"
    assert emulator.requests[-1].model == model


def test_application_profile() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    with Emulator(bedrock_profiles={arn: "anthropic.claude-sonnet-4-6"}) as emulator:
        key = emulator.accounts.default_aws_key()
        import boto3

        client = boto3.Session().client(
            "bedrock-runtime",
            endpoint_url=emulator.bedrock.url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
        )
        assert client.converse(modelId=arn, messages=HELLO)["stopReason"] == "end_turn"
        with pytest.raises(ClientError, match="identifier is invalid"):
            client.converse(modelId=arn + "4", messages=HELLO)
        client.close()


def test_bare_ids_of_newer_models_are_refused(bedrock: Any) -> None:
    with pytest.raises(ClientError, match=r"on-demand throughput isn.t supported") as caught:
        bedrock.converse(modelId="anthropic.claude-sonnet-4-6", messages=HELLO)
    assert error(caught) == (400, "ValidationException")
    with pytest.raises(ClientError, match="model identifier is invalid"):
        bedrock.converse(modelId="us.anthropic.claude-99", messages=HELLO)


def test_stop_sequences_and_token_limit(bedrock: Any, emulator: Emulator) -> None:
    ask: Any = [{"role": "user", "content": [{"text": "Say 'one two three four'"}]}]
    stop = {"stopSequences": ["three"]}
    claude = bedrock.converse(modelId=SONNET, messages=ask, inferenceConfig=stop)
    assert (claude["output"]["message"]["content"][0]["text"], claude["stopReason"]) == ("one two ", "stop_sequence")
    nova = bedrock.converse(modelId=NOVA, messages=ask, inferenceConfig=stop)
    assert (nova["output"]["message"]["content"][0]["text"], nova["stopReason"]) == ("one two three", "end_turn")
    short = bedrock.converse(modelId=NOVA, messages=ask, inferenceConfig={"maxTokens": 2})
    assert (short["output"]["message"]["content"][0]["text"], short["stopReason"]) == ("one two", "max_tokens")


def test_reasoning_is_shown_when_asked_for(bedrock: Any) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    content = bedrock.converse(modelId=SONNET, messages=HELLO, additionalModelRequestFields=thinking)["output"][
        "message"
    ]["content"]
    assert "signature" in content[0]["reasoningContent"]["reasoningText"]
    assert "text" in content[1]


def test_documents_are_read_and_images_described(bedrock: Any) -> None:
    png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000040000000200802000000")
    document = {"document": {"name": "notes", "format": "txt", "source": {"bytes": b"The gate code is 4711."}}}
    image = {"image": {"format": "png", "source": {"bytes": png}}}
    for block, question, word in (
        (document, "What is the gate code?", "4711"),
        (image, "What do you see?", "png, 64 x 32 pixels"),
    ):
        messages: Any = [{"role": "user", "content": [{"text": question}, block]}]
        text = bedrock.converse(modelId=SONNET, messages=messages)["output"]["message"]["content"][0]["text"]
        assert word in text
    with pytest.raises(ClientError, match="doesn't support the image content block"):
        bedrock.converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "?"}, image]}])


def test_guardrail(bedrock: Any, emulator: Emulator) -> None:
    emulator.queue(Answer("Blocked.", finish="guardrail", filtered={"violence": "high"}))
    guardrail = {"guardrailIdentifier": "g1", "guardrailVersion": "DRAFT", "trace": "enabled"}
    response = bedrock.converse(modelId=NOVA, messages=HELLO, guardrailConfig=guardrail)
    assert response["stopReason"] == "guardrail_intervened"
    filters = response["trace"]["guardrail"]["inputAssessment"]["g1"]["contentPolicy"]["filters"]
    assert filters[0]["type"] == "VIOLENCE"
