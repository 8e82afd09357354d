"""Recorded answers of the real services, replayed through our classes: what is parsed is right, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage

from tests.contract.replay import converse_parts, exchanges, frames, replay, responses_parts, settings
from tests.support.recordings import needs_recordings
from turnout.conversation.answers import FINISH
from turnout.embedding.embedder import Embedder
from turnout.errors import ContentFilterError, InvalidRequestError
from turnout.langchain import ChatTurnout
from turnout.routing import resolve

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = needs_recordings


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


@pytest.mark.parametrize("exchange", exchanges("bedrock-invoke"))
def test_embeddings(emulator: Emulator, exchange: Any) -> None:
    made = settings(emulator, exchange)
    made = made.model_copy(update={"embedding": {"default": made.chat["default"]}})
    request, recorded = exchange["request"], exchange["response_json"]
    texts = request.get("texts") or ["x"]
    route = resolve(kind="embedding", settings=made)
    replay(emulator, exchange)
    vectors = Embedder(route, made).embed([f"text {number}" for number in range(len(texts))])
    found = recorded.get("embeddings") or recorded["embedding"]
    if isinstance(found, dict):
        found = found["float"]
    if isinstance(found[0], dict):
        found = [item["embedding"] for item in found]
    expected = [found] if isinstance(found[0], float) else found
    assert vectors == expected
    assert {len(vector) for vector in vectors} == {len(expected[0])}
