"""The events of a streamed response (https://platform.openai.com/docs/api-reference/responses-streaming)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from turnout_emulator.refusals import Refusal
from turnout_emulator.reply import Reply
from turnout_emulator.wires.framing import event
from turnout_emulator.wires.openai_responses import Request, answer, envelope, incomplete_reason


class Events:
    """One stream: its events are numbered, the one for an error too."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._number = 0
        self._reply: Reply | None = None

    def frames(self, reply: Reply) -> Iterator[bytes]:
        """The events of a whole answer."""
        self._reply = reply
        done = answer(self._request, reply)
        opening = envelope(self._request, reply, "in_progress")
        yield self._event("response.created", response=opening)
        yield self._event("response.in_progress", response=opening)
        for index, item in enumerate(done["output"]):
            yield from self._item(item, index, reply)
        last = "response.incomplete" if incomplete_reason(reply) else "response.completed"
        yield self._event(last, response=done)

    def error(self, refusal: Refusal) -> bytes:
        """An error in mid-stream, and the end of the response that it makes fail."""
        error = self._event("error", code=refusal.code, message=refusal.message, param=refusal.param)
        if self._reply is None:
            return error
        failed = envelope(self._request, self._reply, "failed")
        failed["error"] = {"code": refusal.code or "server_error", "message": refusal.message}
        return error + self._event("response.failed", response=failed)

    def _item(self, item: Mapping[str, Any], index: int, reply: Reply) -> Iterator[bytes]:
        at = {"output_index": index}
        match item["type"]:
            case "message":
                opening = {**item, "status": "in_progress", "content": []}
                inner = self._message(item, index, reply)
            case "function_call":
                opening = {**item, "status": "in_progress", "arguments": ""}
                inner = self._call(item, index, reply)
            case _:
                opening = {**item, "summary": []} | ({"content": []} if "content" in item else {})
                inner = self._reasoning(item, index, reply)
        yield self._event("response.output_item.added", item=opening, **at)
        yield from inner
        yield self._event("response.output_item.done", item=item, **at)

    def _message(self, item: Mapping[str, Any], index: int, reply: Reply) -> Iterator[bytes]:
        for number, part in enumerate(item["content"]):
            at = {"item_id": item["id"], "output_index": index, "content_index": number}
            yield from self._part("content_part", "output_text", part, reply, at, {"logprobs": []})

    def _call(self, item: Mapping[str, Any], index: int, reply: Reply) -> Iterator[bytes]:
        at = {"item_id": item["id"], "output_index": index}
        for piece in reply.pieces(item["arguments"]):
            yield self._event("response.function_call_arguments.delta", delta=piece, **at)
        yield self._event("response.function_call_arguments.done", arguments=item["arguments"], name=item["name"], **at)

    def _reasoning(self, item: Mapping[str, Any], index: int, reply: Reply) -> Iterator[bytes]:
        at = {"item_id": item["id"], "output_index": index}
        for number, part in enumerate(item["summary"]):
            where = {**at, "summary_index": number}
            yield from self._part("reasoning_summary_part", "reasoning_summary_text", part, reply, where, {})
        for number, part in enumerate(item.get("content") or ()):
            yield from self._part("content_part", "reasoning_text", part, reply, {**at, "content_index": number}, {})

    def _part(
        self,
        part_name: str,
        text_name: str,
        part: Mapping[str, Any],
        reply: Reply,
        at: Mapping[str, Any],
        extra: Mapping[str, Any],
    ) -> Iterator[bytes]:
        yield self._event(f"response.{part_name}.added", part={**part, "text": ""}, **at)
        for piece in reply.pieces(part["text"]):
            yield self._event(f"response.{text_name}.delta", delta=piece, **extra, **at)
        yield self._event(f"response.{text_name}.done", text=part["text"], **extra, **at)
        yield self._event(f"response.{part_name}.done", part=part, **at)

    def _event(self, kind: str, **payload: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._number, **payload}
        self._number += 1
        return event(data, kind)
