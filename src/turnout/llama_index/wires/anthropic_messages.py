"""Anthropic's Messages API: Claude on Azure, and on Bedrock where the settings say so.

LlamaIndex's class and converter lose that a tool failed and what Claude redacts, send every document as PDF, and need
the first major version of the SDK, so the SDK's client is asked directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CitationBlock, TextBlock, ThinkingBlock, ToolCallBlock

from turnout.conversation.parts import messages_blocks
from turnout.conversation.turns import Turn
from turnout.llama_index.messages import alternating
from turnout.llama_index.wires.base import Reader, Wire, response_of
from turnout.providers.clients import client_for
from turnout.routing import Route
from turnout.settings import Backend

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
"""What the service takes from the models that it takes it from, and the SDK has no arguments for (seen with 1.17)."""

_LOCATION = ("start_block_index", "end_block_index", "search_result_index")


def build(route: Route, backend: Backend) -> Wire:
    """The SDK's shared client."""
    client = client_for(route, backend)
    return Wire(route, _Reader, _request, client.sync.messages.create, client.aio.messages.create)


def _request(turns: Iterable[Turn], arguments: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    sampling = {name: value for name, value in arguments.items() if name in _SAMPLING}
    rest = {name: value for name, value in arguments.items() if name not in _SAMPLING}
    body = {**sampling, **rest.get("extra_body", {})}
    request = {**alternating(turns, lambda turn: messages_blocks(turn.parts), _result), **rest, "extra_body": body}
    return request | ({"stream": True} if stream else {})


def _result(turn: Turn, content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    failed = {"is_error": True} if turn.failed else {}
    return [{"type": "tool_result", "tool_use_id": turn.call_id, "content": content, **failed}]


class _Reader(Reader):
    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self._message: Any = None  # the first event of a stream

    def _read(self, answer: Any) -> ChatResponse:
        blocks = [block for content in answer.content for block in _blocks(content)]
        return self._ended(response_of(blocks, dict(answer)), answer, answer)

    def _take(self, event: Any) -> ChatResponse | None:
        match event.type:
            case "message_start":
                self._message = event.message
            case "message_delta" if event.delta.stop_reason is not None:
                return self._ended(self._so_far(dict(event)), event.delta, event)
            case "content_block_start" if started := _blocks(event.content_block):
                self._blocks[event.index, 0] = started[0]
                if isinstance(started[0], ToolCallBlock):
                    started[0].tool_kwargs = ""
                return self._so_far(dict(event))
            case "content_block_delta" if (event.index, 0) in self._blocks:
                self._add(event.index, event.delta)
                delta, thought = getattr(event.delta, "text", ""), getattr(event.delta, "thinking", "")
                return self._so_far(dict(event), delta, thought)
        return None

    def _add(self, index: int, delta: Any) -> None:
        block = self._blocks[index, 0]
        match delta.type:
            case "text_delta":
                block.text += delta.text
            case "thinking_delta":
                block.content += delta.thinking
            case "signature_delta":
                block.additional_information["signature"] += delta.signature
            case "input_json_delta":
                block.tool_kwargs += delta.partial_json
            case "citations_delta":
                for number, citation in enumerate(_citations([delta.citation]), len(self._blocks)):
                    self._blocks[index, number] = citation

    def _ended(self, response: ChatResponse, last: Any, counted: Any) -> ChatResponse:
        """An answer with its usage, which `counted` has, and its finish reason, which `last` has."""
        message, details = self._message or counted, getattr(last, "stop_details", None)
        usage = None if counted.usage is None else counted.usage.model_dump()
        findings = {"stop_details": details.model_dump()} if details else {}
        return self._finished(response, last.stop_reason, message.model, message.id, findings, usage)


def _blocks(content: Any) -> list[Any]:
    """A block of an answer, and what it cites."""
    match content.type:
        case "text":
            return [TextBlock(text=content.text), *_citations(content.citations or ())]
        case "thinking":
            return [ThinkingBlock(content=content.thinking, additional_information={"signature": content.signature})]
        case "redacted_thinking":
            return [ThinkingBlock(additional_information={"redacted": content.data})]
        case "tool_use":
            return [ToolCallBlock(tool_call_id=content.id, tool_name=content.name, tool_kwargs=content.input)]
        case _:
            return []


def _citations(citations: Iterable[Any]) -> list[CitationBlock]:
    return [
        CitationBlock(
            cited_content=TextBlock(text=citation.cited_text),
            source=citation.source,
            title=citation.title or "",
            additional_location_info={name: getattr(citation, name) for name in _LOCATION},
        )
        for citation in citations
        if citation.type == "search_result_location"
    ]
