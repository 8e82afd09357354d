from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError
from botocore.validate import ParamValidator

from turnout.emulator import (
    Accounts,
    Answer,
    Cut,
    Emulator,
    Failure,
    Reasoning,
    RedactedReasoning,
    Text,
    ToolCall,
    Usage,
)
from turnout.emulator.accounts import AWS_BEARER
from turnout.emulator.answers import Block
from turnout.emulator.wires.converse_checks import service_model

SONNET = "us.anthropic.claude-sonnet-4-6"
NOVA = "amazon.nova-micro-v1:0"
HELLO: Any = [{"role": "user", "content": [{"text": "Hello"}]}]
WEATHER: Any = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "Get the weather at a location.",
                "inputSchema": {
                    "json": {
                        "type": "object",
                        "properties": {"location": {"type": "string"}},
                        "required": ["location"],
                    }
                },
            }
        }
    ]
}


def error(caught: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


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


def test_signatures(bedrock_with: Callable[..., Any], emulator: Emulator) -> None:
    for overrides, code in (
        ({"aws_access_key_id": "AKIAUNKNOWN000000000"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "not-the-secret"}, "InvalidSignatureException"),
        ({"aws_session_token": "made-up"}, "UnrecognizedClientException"),
    ):
        with pytest.raises(ClientError) as caught:
            bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)
        assert error(caught) == (403, code)
    assert [received.status for received in emulator.requests] == [403, 403, 403]
    assert all(received.identity is None for received in emulator.requests)


def test_a_changed_body_breaks_the_signature(bedrock: Any) -> None:
    def tamper(request: Any, **_: Any) -> None:
        request.body = request.body.replace(b"Hello", b"Jello")

    bedrock.meta.events.register("before-send.bedrock-runtime", tamper)
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId=NOVA, messages=HELLO)
    assert error(caught) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(("offset", "accepted"), [(-400, False), (-200, True), (200, True), (400, False)])
def test_clock_skew(offset: float, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import boto3

    with Emulator(accounts=Accounts(clock=lambda: time.time() + offset)) as emulator:
        key = emulator.accounts.default_aws_key()
        client = boto3.Session().client(
            "bedrock-runtime",
            endpoint_url=emulator.bedrock.url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        )
        if accepted:
            assert client.converse(modelId=NOVA, messages=HELLO)["stopReason"] == "end_turn"
        else:
            with pytest.raises(ClientError, match=r"Signature (expired|not yet current)") as caught:
                client.converse(modelId=NOVA, messages=HELLO)
            assert error(caught) == (403, "InvalidSignatureException")
        client.close()


def test_wrong_service_in_the_scope(emulator: Emulator) -> None:
    key = emulator.accounts.default_aws_key()
    body = json.dumps({"messages": HELLO})
    request = AWSRequest("POST", f"{emulator.bedrock.url}/model/{quote(NOVA, safe='')}/converse", data=body)
    SigV4Auth(Credentials(key.access_key, key.secret_key), "execute-api", "us-east-1").add_auth(request)
    response = httpx.post(request.url, headers=dict(request.headers), content=body)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "correct service: 'bedrock'" in response.json()["message"]


def test_a_signed_hash_of_another_body(emulator: Emulator) -> None:
    key = emulator.accounts.default_aws_key()
    body = json.dumps({"messages": HELLO}).encode()
    for hashed, status in ((body, 200), (b"another body", 403)):
        request = AWSRequest("POST", f"{emulator.bedrock.url}/model/{quote(NOVA, safe='')}/converse", data=body)
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(hashed).hexdigest()
        SigV4Auth(Credentials(key.access_key, key.secret_key), "bedrock", "us-east-1").add_auth(request)
        assert httpx.post(request.url, headers=dict(request.headers), content=body).status_code == status


def test_bearer_key_over_tls(
    emulator: Emulator, bedrock_with: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = {
        "endpoint_url": emulator.bedrock.https_url,
        "verify": emulator.ca_file,
        "aws_access_key_id": None,
        "aws_secret_access_key": None,
    }
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", AWS_BEARER)
    assert bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)["stopReason"] == "end_turn"
    assert (emulator.requests[-1].auth, emulator.requests[-1].identity) == ("bearer", "key1")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "wrong")
    with pytest.raises(ClientError, match="API Key is valid") as caught:
        bedrock_with(**overrides).converse(modelId=NOVA, messages=HELLO)
    assert error(caught) == (403, "AccessDeniedException")


def tool_use(identity: str) -> Any:
    return {"role": "assistant", "content": [{"toolUse": {"toolUseId": identity, "name": "get_weather", "input": {}}}]}


def tool_result(identity: str) -> Any:
    return {"role": "user", "content": [{"toolResult": {"toolUseId": identity, "content": [{"text": "x"}]}}]}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "start with a user message"),
        ({"messages": HELLO + HELLO}, "alternate between user and assistant"),
        ({"messages": [{"role": "user", "content": [{"text": ""}]}]}, "is blank"),
        ({"messages": [{"role": "user", "content": [{"text": "  \n"}]}]}, "is blank"),
        ({"messages": [{"role": "user", "content": []}]}, "is empty"),
        ({"messages": HELLO, "system": [{"text": " "}]}, "SystemContentBlock"),
        ({"messages": HELLO, "inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
        ({"messages": [{"role": "robot", "content": [{"text": "x"}]}]}, "enum value set"),
        ({"messages": [*HELLO, tool_use("t1"), tool_result("t1")]}, "toolConfig field must be defined"),
        ({"messages": [*HELLO, tool_use("t1"), tool_result("t2")], "toolConfig": WEATHER}, "exceeds the number"),
        ({"messages": [*HELLO, tool_use("t1"), *HELLO], "toolConfig": WEATHER}, "Expected toolResult blocks"),
        ({"messages": [*HELLO, tool_use("a:b"), tool_result("a:b")], "toolConfig": WEATHER}, "regular expression"),
        ({"messages": [*HELLO, tool_use("x" * 65), tool_result("x" * 65)], "toolConfig": WEATHER}, "equal to 64"),
        (
            {"messages": HELLO, "toolConfig": {**WEATHER, "toolChoice": {"tool": {"name": "nope"}}}},
            "isn't defined in toolConfig.tools",
        ),
        (
            {
                "messages": HELLO,
                "toolConfig": {**WEATHER, "toolChoice": {"any": {}}},
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            },
            "Thinking may not be enabled",
        ),
    ],
)
def test_invalid_requests_are_refused(bedrock_with: Callable[..., Any], request_: Any, message: str) -> None:
    client = bedrock_with(config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match=message) as caught:
        client.converse(modelId=SONNET, **request_)
    assert error(caught) == (400, "ValidationException")


def test_unknown_members_are_refused(bedrock_with: Callable[..., Any]) -> None:
    client = bedrock_with(config=Config(retries={"total_max_attempts": 1}))

    def add(params: Any, **_: Any) -> None:
        body = json.loads(params["body"])
        params["body"] = json.dumps({**body, "seed": 1}).encode()

    client.meta.events.register("before-call.bedrock-runtime.Converse", add)
    with pytest.raises(ClientError, match="Unknown parameter in input"):
        client.converse(modelId=NOVA, messages=HELLO)


@pytest.mark.parametrize(
    ("model", "choice", "accepted"),
    [
        (SONNET, {"any": {}}, True),
        (SONNET, {"tool": {"name": "get_weather"}}, True),
        (NOVA, {"tool": {"name": "get_weather"}}, True),
        ("mistral.mistral-large-2402-v1:0", {"any": {}}, True),
        ("mistral.mistral-large-2402-v1:0", {"tool": {"name": "get_weather"}}, False),
        ("us.meta.llama3-3-70b-instruct-v1:0", {"auto": {}}, True),
        ("us.meta.llama3-3-70b-instruct-v1:0", {"any": {}}, False),
        ("openai.gpt-oss-120b-1:0", {"auto": {}}, False),
    ],
)
def test_tool_choice_by_family(bedrock: Any, model: str, choice: Any, accepted: bool) -> None:
    config = {**WEATHER, "toolChoice": choice}
    if accepted:
        response = bedrock.converse(modelId=model, messages=HELLO, toolConfig=config)
        assert response["stopReason"] == ("end_turn" if "auto" in choice else "tool_use")
    else:
        with pytest.raises(ClientError, match=r"doesn't support the toolConfig\.toolChoice"):
            bedrock.converse(modelId=model, messages=HELLO, toolConfig=config)


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


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Failure.rate_limited(1.5), 429, "ThrottlingException"),
        (Failure.permission(), 403, "AccessDeniedException"),
        (Failure.not_found(), 404, "ResourceNotFoundException"),
        (Failure.context_overflow(), 400, "ValidationException"),
        (Failure.overloaded(), 503, "ServiceUnavailableException"),
        (Failure.timeout(), 408, "ModelTimeoutException"),
        (Failure.server_error(), 500, "InternalServerException"),
    ],
)
def test_each_kind_of_failure(bedrock: Any, emulator: Emulator, failure: Failure, status: int, code: str) -> None:
    emulator.queue(failure)
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId=NOVA, messages=HELLO)
    assert error(caught) == (status, code)
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-errortype"] == code
    assert headers.get("x-amz-retry-after") == ("1500" if code == "ThrottlingException" else None)


def test_a_prompt_beyond_the_context_is_refused(bedrock: Any) -> None:
    with pytest.raises(ClientError, match="Input is too long"):
        bedrock.converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "word " * 130_000}]}])


def test_cut_and_failing_streams(bedrock: Any, bedrock_with: Callable[..., Any], emulator: Emulator) -> None:
    emulator.queue(Cut(after_chunks=2, failure=Failure.rate_limited()), Cut(after_chunks=2, clean=True))
    failing = bedrock.converse_stream(modelId=NOVA, messages=HELLO)["stream"]
    with closing(failing), pytest.raises(EventStreamError, match="throttlingException"):
        list(failing)
    with closing(bedrock.converse_stream(modelId=NOVA, messages=HELLO)["stream"]) as stream:
        names = [next(iter(event)) for event in stream]
    assert names == ["messageStart", "contentBlockDelta"]
    emulator.queue(Failure.hang(30))
    hasty = bedrock_with(config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        hasty.converse(modelId=NOVA, messages=HELLO)


EMBEDDING: Any = [
    ("amazon.titan-embed-text-v1", {"inputText": "hello world"}, lambda answer: answer["embedding"], 1536),
    (
        "amazon.titan-embed-text-v2:0",
        {"inputText": "hello world", "dimensions": 256, "normalize": True},
        lambda answer: answer["embeddingsByType"]["float"],
        256,
    ),
    (
        "cohere.embed-english-v3",
        {"texts": ["hello world"], "input_type": "search_query"},
        lambda answer: answer["embeddings"][0],
        1024,
    ),
    (
        "cohere.embed-v4:0",
        {"texts": ["hello world"], "input_type": "search_document", "output_dimension": 512},
        lambda answer: answer["embeddings"]["float"][0],
        512,
    ),
    (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "embeddingDimension": 1024,
                "text": {"value": "hello world", "truncationMode": "NONE"},
            },
        },
        lambda answer: answer["embeddings"][0]["embedding"],
        1024,
    ),
]


@pytest.mark.parametrize(("model", "body", "vector", "dimensions"), EMBEDDING, ids=[case[0] for case in EMBEDDING])
def test_embedding_families(bedrock: Any, model: str, body: Any, vector: Any, dimensions: int) -> None:
    response = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    found = vector(json.loads(response["body"].read()))
    assert len(found) == dimensions
    length = math.sqrt(sum(value * value for value in found))
    assert length == pytest.approx(18.7 if model.endswith("-v1") else 1.0, abs=0.01)
    assert int(response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"]) == 2


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        ("amazon.titan-embed-text-v1", {"inputText": "x", "dimensions": 256}, "extraneous key"),
        ("amazon.titan-embed-text-v1", {"inputText": ""}, "expected minLength: 1"),
        ("amazon.titan-embed-text-v2:0", {"inputText": "x", "dimensions": 300}, "not a valid enum value"),
        ("cohere.embed-english-v3", {"texts": ["x"]}, r"required key \[input_type\]"),
        ("cohere.embed-english-v3", {"texts": ["x"] * 97, "input_type": "search_query"}, "maximum item count: 96"),
        ("cohere.embed-english-v3", {"texts": ["x" * 2049], "input_type": "search_query"}, "maxLength: 2048"),
        ("cohere.embed-english-v3", {"texts": ["x y " * 500], "input_type": "search_query"}, "too many tokens"),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "SEARCH"}},
            "embeddingPurpose",
        ),
        ("amazon.nova-micro-v1:0", {"inputText": "x"}, "call amazon.nova-micro-v1:0 through Converse"),
    ],
)
def test_invalid_embedding_requests(bedrock: Any, model: str, body: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        bedrock.invoke_model(modelId=model, body=json.dumps(body))
    assert error(caught) == (400, "ValidationException")


def test_titan_and_ada_share_a_length_but_no_direction(bedrock: Any, azure: Any) -> None:
    body = json.dumps({"inputText": "a bridge over the river"})
    answer = bedrock.invoke_model(modelId="amazon.titan-embed-text-v1", body=body)
    titan = json.loads(answer["body"].read())["embedding"]
    ada = azure.embeddings.create(model="ada", input="a bridge over the river").data[0].embedding
    assert len(titan) == len(ada)
    assert abs(sum(left * right for left, right in zip(titan, ada, strict=True))) / 18.7 < 0.2
