"""Recorded answers of the real services, replayed through our classes: what is parsed is right, field by field."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.eventstream import EventStreamBuffer
from langchain_core.messages import AIMessage
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from turnout.clients.embedder import Embedder
from turnout.emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY
from turnout.errors import ContentFilterError, InvalidRequestError
from turnout.finish import FINISH
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout.routes import resolve
from turnout.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.emulator import Emulator

RECORDINGS = Path(os.environ.get("TURNOUT_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings of the real services in {RECORDINGS}")


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
    return Settings.model_validate(
        {"backend": where, "backends": backends, "chat": {"default": {where: target}}, "source": "recordings"}
    )


def replay(emulator: Emulator, exchange: Mapping[str, Any]) -> None:
    from turnout.emulator import Raw

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


def said(message: AIMessage) -> tuple[str, list[tuple[str, Any, str]], str]:
    reasoning = "".join(b.get("reasoning", "") for b in message.content_blocks if b["type"] == "reasoning")
    return str(message.text), [(c["name"], c["args"], str(c["id"])) for c in message.tool_calls], reasoning


def tagged(text: str) -> bool:
    """Whether a Nova answer thinks aloud in tags, which LangChain's class takes for reasoning."""
    return "<thinking>" in text


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse"))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_converse_in_langchain(emulator: Emulator, exchange: Any) -> None:
    if isinstance(exchange.get("response_json", {}).get("additionalModelResponseFields"), str):
        pytest.xfail("langchain-aws takes additionalModelResponseFields for an object; asked for, it may be any JSON")
    model = ChatTurnout(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    if exchange["status"] != 200:
        with pytest.raises(InvalidRequestError) as caught:
            model.invoke("x")
        assert str(exchange["response_json"]["message"]) in str(caught.value)
        return
    recorded = exchange["response_json"]
    if FINISH[recorded["stopReason"]] == "content_filter":
        with pytest.raises(ContentFilterError):
            model.invoke("x")
        return
    answer = model.invoke("x")
    text, calls, reasoning = converse_parts(recorded["output"]["message"]["content"])
    if not tagged(text):
        assert said(answer) == (text, calls, reasoning)
        blocks = "redactedContent" in str(recorded) or "server_tool_use" in str(recorded)
        assert isinstance(answer.content, str) == (not reasoning and not blocks)
    usage = answer.usage_metadata
    assert usage is not None
    cached = recorded["usage"].get("cacheReadInputTokens", 0) + recorded["usage"].get("cacheWriteInputTokens", 0)
    assert usage["input_tokens"] == recorded["usage"]["inputTokens"] + cached
    assert usage["output_tokens"] == recorded["usage"]["outputTokens"]
    assert answer.response_metadata["raw_finish_reason"] == recorded["stopReason"]
    assert answer.response_metadata["finish_reason"] == ("tool_calls" if calls else FINISH[recorded["stopReason"]])
    assert answer.response_metadata["request_id"] == "recorded"


def frames(exchange: Mapping[str, Any]) -> list[tuple[str, Any]]:
    buffer = EventStreamBuffer()
    buffer.add_data(base64.b64decode(exchange["response_base64"]))
    return [(frame.headers[":event-type"], json.loads(frame.payload)) for frame in buffer]


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse-stream"))
def test_converse_stream_in_langchain(emulator: Emulator, exchange: Any) -> None:
    model = ChatTurnout(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    chunks = list(model.stream("x"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    events = frames(exchange)
    deltas = [payload["delta"] for kind, payload in events if kind == "contentBlockDelta"]
    assert whole.text == "".join(delta.get("text", "") for delta in deltas)
    usage = next(payload["usage"] for kind, payload in events if kind == "metadata")
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == usage["outputTokens"]
    stop = next(payload["stopReason"] for kind, payload in events if kind == "messageStop")
    assert whole.response_metadata["raw_finish_reason"] == stop
    names = [
        payload["start"]["toolUse"]["name"]
        for kind, payload in events
        if kind == "contentBlockStart" and "toolUse" in payload.get("start", {})
    ]
    assert [call["name"] for call in whole.tool_calls] == names


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


OPENAI = [*exchanges("bedrock-mantle"), *exchanges("azure-openai")]


@pytest.mark.parametrize("exchange", OPENAI)
def test_openais_wires_in_langchain(emulator: Emulator, exchange: Any) -> None:
    model = ChatTurnout(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    answer = model.invoke("x")
    recorded = exchange["response_json"]
    assert answer.usage_metadata is not None
    if "output" in recorded:
        text, calls = responses_parts(recorded)
        assert (answer.text, [(c["name"], c["args"], c["id"]) for c in answer.tool_calls]) == (text, calls)
        assert answer.usage_metadata["output_tokens"] == recorded["usage"]["output_tokens"]
        assert answer.response_metadata["finish_reason"] == ("tool_calls" if calls else "stop")
    else:
        assert answer.content == recorded["choices"][0]["message"]["content"]
        assert answer.usage_metadata["input_tokens"] == recorded["usage"]["prompt_tokens"]
        assert answer.usage_metadata["output_tokens"] == recorded["usage"]["completion_tokens"]
        assert answer.response_metadata["model_name"] == recorded["model"]
        assert answer.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("exchange", exchanges("bedrock-converse"))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_converse_in_llama_index(emulator: Emulator, exchange: Any) -> None:
    recorded = exchange["response_json"]
    if exchange["status"] != 200:
        pytest.skip("an error: the tables are the same for both frameworks")
    llm = TurnoutLLM(settings=settings(emulator, exchange))
    replay(emulator, exchange)
    if FINISH[recorded["stopReason"]] == "content_filter":
        with pytest.raises(ContentFilterError):
            llm.chat([ChatMessage("x")])
        return
    answer = llm.chat([ChatMessage("x")])
    text, calls, _ = converse_parts(recorded["output"]["message"]["content"])
    assert (answer.message.content or "").replace("\n", "") == text.replace("\n", "")
    found = [b for b in answer.message.blocks if isinstance(b, ToolCallBlock)]
    assert [(b.tool_name, b.tool_kwargs, b.tool_call_id) for b in found] == calls
    assert answer.additional_kwargs["completion_tokens"] == recorded["usage"]["outputTokens"]


@pytest.mark.parametrize("exchange", exchanges("bedrock-invoke"))
def test_embeddings(emulator: Emulator, exchange: Any) -> None:
    made = settings(emulator, exchange)
    made = made.model_copy(update={"embedding": {"default": made.chat["default"]}})
    request, recorded = exchange["request"], exchange["response_json"]
    texts = request.get("texts") or ["x"]
    route = resolve(kind="embedding", settings=made)
    replay(emulator, exchange)
    vectors = Embedder(route, made).embed(["x"] * len(texts))
    found = recorded.get("embeddings") or recorded["embedding"]
    if isinstance(found, dict):
        found = found["float"]
    if isinstance(found[0], dict):
        found = [item["embedding"] for item in found]
    expected = [found] if isinstance(found[0], float) else found
    assert vectors == expected
    assert {len(vector) for vector in vectors} == {len(expected[0])}
