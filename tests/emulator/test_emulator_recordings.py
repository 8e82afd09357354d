"""The emulator's answers beside those of the real services: same members, same types, same frames."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer

from tests.support.recordings import RECORDINGS, needs_recordings
from turnout_emulator import Answer, Emulator, Reasoning, RedactedReasoning, Text, ToolCall
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY
from turnout_emulator.answers import Block

pytestmark = needs_recordings

# Members that the service adds for some models and dates only, or that describe what the emulator has no part of.
OPTIONAL = {
    "serverToolUsage",
    "type",
    "cacheReadInputTokenCount",
    "cacheReadInputTokens",
    "cacheWriteInputTokenCount",
    "cacheWriteInputTokens",
    "additionalModelResponseFields",
    "signature",
    "appliedGuardrailDetails",
    "invocationMetrics",
}


def exchanges(folder: str) -> list[Any]:
    return [
        pytest.param(exchange, id=f"{path.stem}-{number}")
        for path in sorted((RECORDINGS / folder).glob("*.json"))
        for number, exchange in enumerate(json.loads(path.read_text()))
        if "_raw" not in exchange["request"]
    ]


def shape(value: Any) -> Any:
    """Members and types; of a list its first item's; integers and floats are both numbers."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name not in OPTIONAL}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def ask(emulator: Emulator, exchange: Any) -> httpx.Response:
    path = urlsplit(exchange["uri"]).path
    return httpx.post(
        emulator.bedrock.url + path, json=exchange["request"], headers={"authorization": f"Bearer {AWS_BEARER}"}
    )


def recorded_answer(message: Any, stop_reason: str) -> Answer:
    blocks: list[Block] = []
    for block in message["content"]:
        match block:
            case {"text": text}:
                blocks.append(Text(text))
            case {"toolUse": {"name": name, "input": given, "toolUseId": identity}}:
                blocks.append(ToolCall(name, given, identity))
            case {"reasoningContent": {"reasoningText": {"text": text, **rest}}}:
                blocks.append(Reasoning(text, str(rest["signature"]) if "signature" in rest else None))
            case {"reasoningContent": {"redactedContent": data}}:
                blocks.append(RedactedReasoning(base64.b64decode(data)))
    return Answer(blocks=blocks, finish="length" if stop_reason == "max_tokens" else None)


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse"))
def test_converse(emulator: Emulator, exchange: Any) -> None:
    recorded = exchange["response_json"]
    if exchange["status"] == 200:
        if any("toolResult" in block for block in recorded["output"]["message"]["content"]):
            pytest.skip("the model ran a system tool of the service, which the emulator has none of")
        emulator.queue(recorded_answer(recorded["output"]["message"], recorded["stopReason"]))
    response = ask(emulator, exchange)
    assert response.status_code == exchange["status"], response.text
    if exchange["status"] != 200:
        assert response.json() == recorded
        assert response.headers["x-amzn-errortype"] == "ValidationException"
        return
    answer = response.json()
    assert answer["output"]["message"]["content"] == without_types(recorded["output"]["message"]["content"], answer)
    for part in ("output", "usage", "metrics", "stopReason", "performanceConfig", "serviceTier"):
        assert shape(answer.get(part)) == shape(recorded.get(part)), part
    assert set(answer) == set(recorded) - OPTIONAL
    if "stop_sequence" not in recorded["stopReason"]:
        assert answer["stopReason"] == recorded["stopReason"]


def without_types(content: Any, answer: Any) -> Any:
    """The recorded blocks, with the tool use's `type` only where the emulator's answer has one."""
    shown = []
    for block, other in zip(content, answer["output"]["message"]["content"], strict=True):
        use = block.get("toolUse")
        if use is None:
            shown.append(block)
        else:
            kind = {"type": other["toolUse"]["type"]} if "type" in other["toolUse"] else {}
            shown.append({"toolUse": {**{key: value for key, value in use.items() if key != "type"}, **kind}})
    return shown


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse"))
def test_converse_of_the_emulators_own_making(emulator: Emulator, exchange: Any) -> None:
    response = ask(emulator, exchange)
    assert response.status_code == exchange["status"], response.text
    if response.status_code == 200:
        usage = response.json()["usage"]
        assert usage["inputTokens"] > 0
        assert usage["totalTokens"] >= usage["inputTokens"] + usage["outputTokens"]


def frames(data: bytes) -> list[tuple[dict[str, str], Any]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(dict(frame.headers), json.loads(frame.payload)) for frame in buffer]


def assembled(events: list[tuple[dict[str, str], Any]]) -> Answer:
    """The answer that a recorded stream carries."""
    parts: dict[int, dict[str, Any]] = {}
    for headers, payload in events:
        if headers[":event-type"] == "contentBlockStart":
            parts.setdefault(payload["contentBlockIndex"], {})["use"] = payload["start"]["toolUse"]
        if headers[":event-type"] != "contentBlockDelta":
            continue
        part = parts.setdefault(payload["contentBlockIndex"], {})
        delta = payload["delta"]
        reasoning = delta.get("reasoningContent", {})
        for name, piece in (
            ("text", delta.get("text")),
            ("input", delta.get("toolUse", {}).get("input")),
            ("reasoning", reasoning.get("text")),
            ("redacted", reasoning.get("redactedContent")),
        ):
            if piece is not None:
                part[name] = part.get(name, "") + piece
    blocks: list[Block] = []
    for _, part in sorted(parts.items()):
        match part:
            case {"use": use, "input": given}:
                blocks.append(ToolCall(use["name"], given, use["toolUseId"]))
            case {"reasoning": text}:
                blocks.append(Reasoning(text))
            case {"redacted": data}:
                blocks.append(RedactedReasoning(base64.b64decode(data)))
            case {"text": text}:
                blocks.append(Text(text))
    return Answer(blocks=blocks)


def outline(events: list[tuple[dict[str, str], Any]]) -> list[Any]:
    """Frames by kind and members; runs of alike deltas as one, since their number is the model's."""
    shown: list[Any] = []
    for headers, payload in events:
        line = (sorted(headers), headers[":event-type"], json.dumps(shape(payload), sort_keys=True))
        if not shown or shown[-1] != line:
            shown.append(line)
    return shown


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse-stream"))
def test_converse_stream(emulator: Emulator, exchange: Any) -> None:
    recorded = frames(base64.b64decode(exchange["response_base64"]))
    emulator.queue(assembled(recorded))
    response = ask(emulator, exchange)
    assert response.status_code == 200
    assert response.headers["content-type"] == exchange["content_type"]
    answered = frames(response.content)
    assert outline(answered) == outline(recorded)
    assert [list(headers) for headers, _ in answered[:1]] == [list(headers) for headers, _ in recorded[:1]]


@pytest.mark.parametrize("exchange", exchanges("bedrock-invoke"))
def test_invoke(emulator: Emulator, exchange: Any) -> None:
    response = ask(emulator, exchange)
    assert response.status_code == exchange["status"]
    answer, recorded = response.json(), exchange["response_json"]
    assert shape(answer) == shape(recorded)
    assert lengths(answer) == lengths(recorded)
    if "texts" in recorded:
        assert answer["texts"] == recorded["texts"]


def lengths(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: lengths(inner) for name, inner in value.items() if isinstance(inner, dict | list)}
    if isinstance(value, list):
        return [len(value), lengths(value[0])]
    return None


def responses(folder: str) -> list[Any]:
    return [one for one in exchanges(folder) if one.values[0]["uri"].endswith("/responses")]


def recorded_output(output: list[Any]) -> Answer:
    """The answer that a recorded response carries."""
    blocks: list[Block] = []
    for item in output:
        match item:
            case {"type": "reasoning", "content": [{"text": str(text)}]}:
                blocks.append(Reasoning(text))
            case {"type": "reasoning", "encrypted_content": str(sealed)}:
                blocks.append(Reasoning("", sealed))
            case {"type": "message", "content": parts}:
                blocks += [Text(part["text"]) for part in parts]
            case {"type": "function_call", "name": str(name), "arguments": str(given), "call_id": str(identity)}:
                blocks.append(ToolCall(name, given, identity))
    return Answer(blocks=blocks)


def without_ids(output: list[Any]) -> list[Any]:
    return [{name: value for name, value in item.items() if name != "id"} for item in output]


# How the service describes its reasoning where the request asked for a context.
UNSAID = {"context", "mode"}


def member_shapes(response: Any) -> dict[str, Any]:
    reasoning = {name: value for name, value in response.get("reasoning", {}).items() if name not in UNSAID}
    return {name: shape(value) for name, value in {**response, "reasoning": reasoning}.items()}


@pytest.mark.parametrize("exchange", [*responses("azure-openai"), *responses("bedrock-mantle")])
def test_responses(emulator: Emulator, exchange: Any) -> None:
    recorded, path = exchange["response_json"], urlsplit(exchange["uri"]).path
    emulator.queue(recorded_output(recorded["output"]))
    azure = "azure" in exchange["uri"]
    response = httpx.post(
        (emulator.azure.url if azure else emulator.mantle.url) + path,
        headers={"api-key": AZURE_KEY} if azure else {"authorization": f"Bearer {AWS_BEARER}"},
        json={**exchange["request"], "model": "gpt-5-prod"} if azure else exchange["request"],
    )
    assert response.status_code == exchange["status"], response.text
    answer = response.json()
    assert without_ids(answer["output"]) == without_ids(recorded["output"])
    assert set(answer) == set(recorded)
    answered, expected = member_shapes(answer), member_shapes(recorded)
    for name in recorded:
        assert answered[name] == expected[name], name
    if not azure:
        assert answer["model"] == recorded["model"]


@pytest.mark.parametrize("exchange", [one for one in exchanges("azure-openai") if "chat" in one.values[0]["uri"]])
def test_azure_chat(emulator: Emulator, exchange: Any) -> None:
    parts = urlsplit(exchange["uri"])
    recorded = exchange["response_json"]
    emulator.queue(Answer(recorded["choices"][0]["message"]["content"]))
    response = httpx.post(
        f"{emulator.azure.url}{unquote(parts.path)}?{parts.query}",
        headers={"api-key": AZURE_KEY},
        json=exchange["request"],
    )
    assert response.status_code == exchange["status"]
    assert shape(response.json()) == shape(recorded)
    assert response.json()["choices"][0]["message"] == recorded["choices"][0]["message"]
    assert response.json()["model"] == recorded["model"]
