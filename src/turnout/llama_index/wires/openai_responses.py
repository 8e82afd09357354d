"""The Responses API: Azure v1, OpenAI, and OpenAI's models on Bedrock (Mantle).

LlamaIndex's class and converter leave out encrypted reasoning, move calls behind all text and fetch files, so the
SDK's client is asked directly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, TextBlock, ThinkingBlock, ToolCallBlock

from turnout.conversation.turns import Attachment, Call, Part, Reasoning, Text, Turn, WireBlock
from turnout.llama_index.wires.base import Reader, Wire, response_of
from turnout.providers.clients import client_for
from turnout.routing import Route
from turnout.settings import Backend

_ENDS = frozenset({"response.completed", "response.incomplete"})
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})


def build(route: Route, backend: Backend) -> Wire:
    """The SDK's shared client."""
    client = client_for(route, backend)
    return Wire(route, _Reader, _request, client.sync.responses.create, client.aio.responses.create)


def _request(turns: Iterable[Turn], arguments: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    return {"input": [item for turn in turns for item in _items(turn)], "stream": stream, **arguments}


def _items(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "assistant":
        return [_answer_item(part) for part in turn.parts]
    content = [_content(part) for part in turn.parts]
    plain: Any = content
    if len(content) == 1 and content[0]["type"] == "input_text":
        plain = content[0]["text"]
    if turn.role == "tool":
        return [{"type": "function_call_output", "call_id": turn.call_id, "output": plain or ""}]
    return [{"type": "message", "role": "developer" if turn.developer else turn.role, "content": plain}]


def _answer_item(part: Part) -> dict[str, Any]:
    match part:
        case Call():
            arguments = part.written or json.dumps(part.arguments, ensure_ascii=False)
            return {"type": "function_call", "call_id": part.call_id, "name": part.name, "arguments": arguments}
        case Reasoning(item=item) | WireBlock(block=item):
            return dict(item or {})
        case Text(text=text):
            content = {"type": "output_text", "text": text, "annotations": []}
            return {"type": "message", "role": "assistant", "content": [content]}
    raise AssertionError(part)  # nothing else is left of an answer in the history


def _content(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=text):
            return {"type": "input_text", "text": text}
        case Attachment(kind="image"):
            return {"type": "input_image", "image_url": part.address, **part.options}
        case Attachment(url=str()):
            return {"type": "input_file", "file_url": part.url}
        case Attachment():
            return {"type": "input_file", "filename": part.name, "file_data": part.address}
    raise AssertionError(part)  # nothing else is prepared for this wire


class _Reader(Reader):
    def _read(self, answer: Any) -> ChatResponse:
        blocks = [block for item in answer.output for block in _blocks(item)]
        details, found = answer.incomplete_details, dict(answer)
        usage = None if answer.usage is None else answer.usage.model_dump()
        reason = str(details.reason if details else answer.status or "completed")
        return self._finished(response_of(blocks, found), reason, answer.model, answer.id, found, usage)

    def _take(self, event: Any) -> ChatResponse | None:
        kind, delta = event.type, ""
        if kind in _ENDS:
            response = self._read(event.response)
            response.delta = delta
            if not event.response.output:  # some servers say it in the events before alone
                response.message.blocks = self._so_far(event).message.blocks
            return response
        if kind in _TEXTS:
            delta = event.delta
            block = self._blocks.setdefault((event.output_index, event.content_index), TextBlock(text=""))
            block.text += delta
        elif kind == "response.output_item.added" and event.item.type == "function_call":
            call = ToolCallBlock(tool_call_id=event.item.call_id, tool_name=event.item.name, tool_kwargs="")
            self._blocks[event.output_index, 0] = call
        elif kind == "response.function_call_arguments.delta":
            self._blocks[event.output_index, 0].tool_kwargs += event.delta
        elif kind == "response.output_item.done" and event.item.type == "reasoning":
            (self._blocks[event.output_index, 0],) = _blocks(event.item)
        else:
            return None
        return self._so_far(event, delta)


def _blocks(item: Any) -> list[Any]:
    """The blocks of an item of the output."""
    if item.type == "message":
        return [TextBlock(text=part.refusal if part.type == "refusal" else part.text) for part in item.content]
    if item.type == "function_call":
        return [ToolCallBlock(tool_call_id=item.call_id, tool_name=item.name, tool_kwargs=item.arguments)]
    if item.type == "reasoning":
        words = "\n".join(part.text for part in (*(item.content or ()), *(item.summary or ())))
        info = item.model_dump(exclude={"content", "summary"})
        return [ThinkingBlock(content=words or None, additional_information=info)]
    return []
