"""Recorded answers of the real services, given by the emulator as they were."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.eventstream import EventStreamBuffer

from tests.support.recordings import RECORDINGS
from turnout.settings import Settings
from turnout_emulator import Raw
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout_emulator import Emulator


def exchanges(folder: str) -> list[Any]:
    return [
        pytest.param(exchange, id=f"{path.stem}-{number}")
        for path in sorted((RECORDINGS / folder).glob("*.json"))
        for number, exchange in enumerate(json.loads(path.read_text()))
    ]


def asked(exchange: Mapping[str, Any]) -> str:
    """The model or deployment that a recorded request asked for."""
    path = urlsplit(exchange["uri"]).path
    for before in ("/model/", "/deployments/"):
        if before in path:
            return unquote(path.split(before)[1].split("/")[0])
    return str(exchange["request"]["model"])


def settings(emulator: Emulator, exchange: Mapping[str, Any]) -> Settings:
    """Settings under which the recorded service's answer comes from the emulator."""
    azure = {"provider": "azure", "endpoint": emulator.azure.url, "api_key": AZURE_KEY}
    keys = {
        "access_key_id": AWS_ACCESS_KEY,
        "secret_access_key": AWS_SECRET_KEY,
        "region": "us-east-1",
        "max_retries": 0,
    }
    backends = {
        "azure": azure,
        "azure_dated": {**azure, "api_version": "2024-12-01-preview"},
        "bedrock": {"provider": "bedrock", "endpoint": emulator.bedrock.url, "mantle_endpoint": emulator.mantle.url}
        | keys,
    }
    where = "bedrock" if ".amazonaws." in exchange["uri"] or "bedrock-mantle" in exchange["uri"] else "azure"
    if "api-version" in exchange["uri"]:
        where = "azure_dated"
    target: dict[str, Any] = {"deployment": asked(exchange), "model": asked(exchange)}
    if where == "azure":  # a deployment has its owner's name: here one that the emulator has
        target["deployment"] = "gpt-5-prod"
    if "/responses" in exchange["uri"]:
        target["wire"] = "openai-responses"
    dimensions = exchange["request"].get("output_dimension") or exchange["request"].get("dimensions")
    if dimensions is not None:
        target["dimensions"] = dimensions
    return Settings.model_validate(
        {"backend": where, "backends": backends, "chat": {"default": {where: target}}, "source": "recordings"}
    )


def replay(emulator: Emulator, exchange: Mapping[str, Any]) -> None:
    body: Any = exchange.get("response_json")
    if "response_base64" in exchange:
        body = base64.b64decode(exchange["response_base64"])
    headers = {"content-type": exchange["content_type"], "x-amzn-requestid": "recorded"}
    emulator.clear()
    emulator.queue(Raw(exchange["status"], headers, body if isinstance(body, bytes) else json.dumps(body)))


def converse_parts(blocks: list[dict[str, Any]]) -> tuple[str, list[tuple[str, Any, str]], str]:
    """Text, tool calls and reasoning of a recorded Converse message."""
    text = "".join(block["text"] for block in blocks if "text" in block)
    calls = [
        (block["toolUse"]["name"], block["toolUse"]["input"], block["toolUse"]["toolUseId"])
        for block in blocks
        if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"  # run by the service itself
    ]
    reasoning = "".join(
        block["reasoningContent"].get("reasoningText", {}).get("text", "")
        for block in blocks
        if "reasoningContent" in block
    )
    return text, calls, reasoning


def frames(exchange: Mapping[str, Any]) -> list[tuple[str, Any]]:
    buffer = EventStreamBuffer()
    buffer.add_data(base64.b64decode(exchange["response_base64"]))
    return [(frame.headers[":event-type"], json.loads(frame.payload)) for frame in buffer]


def responses_parts(recorded: Mapping[str, Any]) -> tuple[str, list[tuple[str, Any, str]]]:
    text = "".join(
        part["text"]
        for item in recorded["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )
    calls = [
        (item["name"], json.loads(item["arguments"]), item["call_id"])
        for item in recorded["output"]
        if item["type"] == "function_call"
    ]
    return text, calls
