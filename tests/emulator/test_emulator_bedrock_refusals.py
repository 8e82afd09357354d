"""What Converse refuses, and how it fails when it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError

from tests.emulator.bedrock_support import HELLO, NOVA, SONNET, WEATHER, error
from turnout_emulator import (
    Cut,
    Emulator,
    Failure,
)


def tool_use(identity: str) -> Any:
    return {"role": "assistant", "content": [{"toolUse": {"toolUseId": identity, "name": "get_weather", "input": {}}}]}


def tool_result(identity: str) -> Any:
    return {"role": "user", "content": [{"toolResult": {"toolUseId": identity, "content": [{"text": "x"}]}}]}


THINKS = {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}


def output(schema: Any) -> Any:
    form = {"jsonSchema": {"name": "thing", "schema": json.dumps(schema)}}
    return {"textFormat": {"type": "json_schema", "structure": form}}


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
        ({"messages": HELLO, "inferenceConfig": {"temperature": 0.5}, **THINKS}, "may only be set to 1"),
        ({"messages": HELLO, "inferenceConfig": {"topP": 0.5}, **THINKS}, "greater than or equal to 0.95"),
        ({"messages": HELLO, "outputConfig": output({"type": "object", "properties": {}})}, "explicitly set to false"),
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


@pytest.mark.parametrize("model", ["us.meta.llama3-3-70b-instruct-v1:0", "mistral.mistral-large-2407-v1:0"])
def test_tools_that_a_stream_does_not_have(bedrock: Any, model: str) -> None:
    assert bedrock.converse(modelId=model, messages=HELLO, toolConfig=WEATHER)["output"]
    with pytest.raises(ClientError) as caught:
        bedrock.converse_stream(modelId=model, messages=HELLO, toolConfig=WEATHER)
    assert error(caught)[0] == 400
    assert "tool use in streaming mode" in str(caught.value)
    with closing(bedrock.converse_stream(modelId=model, messages=HELLO)["stream"]) as stream:
        assert any("messageStop" in event for event in stream)
