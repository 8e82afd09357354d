"""Bedrock's Converse.

Every public method of LlamaIndex's class emits events of its own, so that a call through it would count twice. Its
converter writes texts and files; what it has no place for (redacted reasoning, marks for an hour) is written here, and
answers are read here.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Iterable, Mapping
from contextlib import aclosing, closing
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.llms.bedrock_converse.utils import messages_to_converse_messages

from turnout.conversation.caching import cache_point
from turnout.conversation.parts import redacted_bytes
from turnout.conversation.turns import Attachment, CachePoint, Call, Part, Reasoning, Turn
from turnout.llama_index.messages import alternating, write_block
from turnout.llama_index.wires.base import Reader, Wire, response_of
from turnout.providers.clients import client_for
from turnout.routing import Route
from turnout.settings import BedrockBackend
from turnout.transport import greenlets


def build(route: Route, backend: BedrockBackend) -> Wire:
    """Boto's shared client."""
    runtime = client_for(route, backend).sync

    def create(*, stream: bool, **request: Any) -> Any:
        return closing(_events(runtime, request)) if stream else runtime.converse(**request)

    async def acreate(*, stream: bool, **request: Any) -> Any:
        if stream:
            return aclosing(greenlets.iterate(lambda: _events(runtime, request)))
        return await greenlets.run(runtime.converse, **request)

    return Wire(route, _Reader, _request, create, acreate)


def _events(runtime: Any, request: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """The events of a stream, the last one with what the response itself says."""
    response = runtime.converse_stream(**request)
    head = {"ResponseMetadata": response.get("ResponseMetadata", {})}
    with closing(response["stream"]) as events:
        for event in events:
            yield {**event, **head} if "metadata" in event else event


def _request(turns: Iterable[Turn], arguments: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    conversation = alternating(turns, lambda turn: [_block(part) for part in turn.parts], _result)
    return {**conversation, **arguments, "stream": stream}


def _result(turn: Turn, content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A tool's result; what is marked for caching is the whole of it."""
    inner = [block for block in content if "cachePoint" not in block]
    result = {"toolUseId": turn.call_id, "content": inner, "status": "error" if turn.failed else "success"}
    return [{"toolResult": result}, *(block for block in content if "cachePoint" in block)]


def _block(part: Part) -> dict[str, Any]:
    match part:
        case CachePoint():
            return cache_point(part)
        case Call():
            return {"toolUse": {"toolUseId": part.call_id, "name": part.name, "input": part.arguments}}
        case Reasoning(redacted=str(data)):
            return {"reasoningContent": {"redactedContent": redacted_bytes(data)}}
        case Reasoning():
            signed = {"signature": part.signature} if part.signature else {}
            return {"reasoningContent": {"reasoningText": {"text": part.text, **signed}}}
        case Attachment(url=str(url)):  # in S3
            name = {"name": part.name} if part.kind == "document" else {}
            return {part.kind: {"format": part.format, **name, "source": {"s3Location": {"uri": url}}}}
    messages, _ = messages_to_converse_messages([ChatMessage(blocks=[write_block(part)])])
    block: dict[str, Any] = messages[0]["content"][0]
    return block


class _Reader(Reader):
    def _read(self, answer: dict[str, Any]) -> ChatResponse:
        content = answer["output"].get("message", {}).get("content", [])
        found = [block for one in content if (block := _read_block(one)) is not None]
        return self._ended(response_of(found, answer), answer["stopReason"], answer)

    def _take(self, event: dict[str, Any]) -> ChatResponse | None:
        if "messageStop" in event:
            self._finish = event["messageStop"].get("stopReason")
        elif "metadata" in event and self._finish is not None:
            return self._ended(self._so_far({**event, "stopReason": self._finish}), self._finish, event["metadata"])
        elif "contentBlockStart" in event:
            call = event["contentBlockStart"].get("start", {}).get("toolUse")
            if call is not None and (block := _read_block({"toolUse": {**call, "input": ""}})) is not None:
                self._blocks[event["contentBlockStart"].get("contentBlockIndex", 0)] = block
                return self._so_far(event)
        elif "contentBlockDelta" in event:
            place, delta = event["contentBlockDelta"].get("contentBlockIndex", 0), event["contentBlockDelta"]["delta"]
            self._add(place, delta)
            return self._so_far(event, delta.get("text", ""), delta.get("reasoningContent", {}).get("text", ""))
        return None

    def _add(self, place: int, delta: Mapping[str, Any]) -> None:
        if "text" in delta:
            self._blocks.setdefault(place, TextBlock(text="")).text += delta["text"]
        elif "toolUse" in delta and place in self._blocks:
            self._blocks[place].tool_kwargs += delta["toolUse"].get("input", "")
        elif "reasoningContent" in delta:
            thought = delta["reasoningContent"]
            if "redactedContent" in thought:
                self._blocks[place] = _read_block(delta)
                return
            block = self._blocks.setdefault(place, ThinkingBlock(content=""))
            block.content += thought.get("text", "")
            if signature := thought.get("signature"):
                before = block.additional_information.get("signature", "")
                block.additional_information = {"signature": before + signature}

    def _ended(self, response: ChatResponse, reason: str, last: Mapping[str, Any]) -> ChatResponse:
        """An answer with its finish reason, and the usage, which the answer or a stream's last event has."""
        model = last.get("trace", {}).get("promptRouter", {}).get("invokedModelId") or self._route.deployment
        request_id = (response.raw or {}).get("ResponseMetadata", {}).get("RequestId")
        return self._finished(response, reason, model, request_id, last, last.get("usage"))


def _read_block(content: Mapping[str, Any]) -> Any:
    """A block of an answer; None for what the service did on its own, which nobody here may do again."""
    if "text" in content:
        return TextBlock(text=content["text"]) if content["text"] else None
    if "toolUse" in content and content["toolUse"].get("type") != "server_tool_use":
        call = content["toolUse"]
        return ToolCallBlock(tool_call_id=call["toolUseId"], tool_name=call["name"], tool_kwargs=call.get("input", {}))
    if "reasoningContent" in content:
        thought = content["reasoningContent"]
        if (data := thought.get("redactedContent")) is not None:
            return ThinkingBlock(additional_information={"redacted": base64.b64encode(data).decode()})
        shown = thought.get("reasoningText", {})
        signed = {"signature": shown["signature"]} if shown.get("signature") else {}
        return ThinkingBlock(content=shown.get("text", ""), additional_information=signed)
    return None
