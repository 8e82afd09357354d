"""Bedrock's Converse.

Every public method of LlamaIndex's class emits events of its own, so that a call through it would count twice. Its
converter writes texts and files; what it has no place for (redacted reasoning, marks for an hour) is written here, and
answers are read here.
"""

from __future__ import annotations

import base64
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.llms.bedrock_converse.utils import messages_to_converse_messages

from turnout.conversation.caching import cache_point
from turnout.conversation.parts import redacted_bytes
from turnout.conversation.turns import Attachment, CachePoint, Call, Reasoning
from turnout.llama_index.messages.writing import alternating, blocks
from turnout.llama_index.wires.base import Reader, Wire, add_usage, response_of
from turnout.providers.clients import client_for
from turnout.transport import greenlets

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from llama_index.core.base.llms.types import ChatResponse

    from turnout.conversation.turns import Part, Turn
    from turnout.routing import Route
    from turnout.settings import BedrockBackend


def build(route: Route, backend: BedrockBackend) -> Wire:
    """Boto's shared client."""
    return _BedrockConverse(route, client_for(route, backend).sync)


class _BedrockConverse(Wire):
    def __init__(self, route: Route, runtime: Any) -> None:
        super().__init__(route, _Reader)
        self._runtime = runtime

    def _send(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        request = {**_conversation(turns), **arguments}
        return closing(self._events(request)) if stream else self._runtime.converse(**request)

    async def _asend(self, turns: Sequence[Turn], arguments: dict[str, Any], *, stream: bool = False) -> Any:
        request = {**_conversation(turns), **arguments}
        if stream:
            return aclosing(greenlets.iterate(lambda: self._events(request)))
        return await greenlets.run(self._runtime.converse, **request)

    def _events(self, request: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
        """The events of a stream, the last one with what the response itself says."""
        response = self._runtime.converse_stream(**request)
        head = {"ResponseMetadata": response.get("ResponseMetadata", {})}
        with closing(response["stream"]) as events:
            for event in events:
                yield {**event, **head} if "metadata" in event else event


# --- the conversation


def _conversation(turns: Sequence[Turn]) -> dict[str, Any]:
    return alternating(turns, lambda turn: [_block(part) for part in turn.parts], _result)


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
    messages, _ = messages_to_converse_messages([ChatMessage(blocks=blocks([part]))])
    block: dict[str, Any] = messages[0]["content"][0]
    return block


# --- the answer


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
            if call is not None and not _is_of_service(call):
                made = ToolCallBlock(tool_call_id=call["toolUseId"], tool_name=call["name"], tool_kwargs="")
                self._blocks[event["contentBlockStart"].get("contentBlockIndex", 0)] = made
                return self._so_far(event)
        elif "contentBlockDelta" in event:
            place, delta = event["contentBlockDelta"].get("contentBlockIndex", 0), event["contentBlockDelta"]["delta"]
            self._add(place, delta)
            response = self._so_far(event, delta.get("text", ""))
            if thought := delta.get("reasoningContent", {}).get("text"):
                response.additional_kwargs["thinking_delta"] = thought  # where agents look for it
            return response
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
        raw = response.raw or {}
        if usage := last.get("usage"):
            add_usage(response, usage)
        model = last.get("trace", {}).get("promptRouter", {}).get("invokedModelId") or self._route.deployment
        return self._finished(response, reason, model, raw.get("ResponseMetadata", {}).get("RequestId"), last)


def _read_block(content: Mapping[str, Any]) -> Any:
    """A block of an answer; None for what the service did on its own."""
    if "text" in content:
        return TextBlock(text=content["text"]) if content["text"] else None
    if "toolUse" in content and not _is_of_service(content["toolUse"]):
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


def _is_of_service(call: Mapping[str, Any]) -> bool:
    """Whether the service runs a tool itself, so that nobody here may run it again."""
    return call.get("type") == "server_tool_use"
