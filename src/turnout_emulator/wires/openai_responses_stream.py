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
        at = {"item_id": item["id"], "output_index": index}
        empty: dict[str, Any] = {name: [] for name in ("summary", "content") if name in item}
        if item["type"] != "reasoning":
            empty["status"] = "in_progress"
        if item["type"] == "function_call":
            empty["arguments"] = ""
        yield self._event("response.output_item.added", item={**item, **empty}, output_index=index)
        if item["type"] == "function_call":
            arguments, call = item["arguments"], "response.function_call_arguments"
            for piece in reply.pieces(arguments):
                yield self._event(f"{call}.delta", delta=piece, **at)
            yield self._event(f"{call}.done", arguments=arguments, name=item["name"], **at)
        for number, part in enumerate(item.get("summary") or ()):
            names = ("reasoning_summary_part", "reasoning_summary_text")
            yield from self._part(part, reply, names, {**at, "summary_index": number})
        for number, part in enumerate(item.get("content") or ()):
            logprobs: dict[str, Any] = {"logprobs": []} if part["type"] == "output_text" else {}
            names = ("content_part", part["type"])
            yield from self._part(part, reply, names, {**at, "content_index": number}, **logprobs)
        yield self._event("response.output_item.done", item=item, output_index=index)

    def _part(
        self, part: Mapping[str, Any], reply: Reply, names: tuple[str, str], at: Mapping[str, Any], **extra: Any
    ) -> Iterator[bytes]:
        holder, text = names
        yield self._event(f"response.{holder}.added", part={**part, "text": ""}, **at)
        for piece in reply.pieces(part["text"]):
            yield self._event(f"response.{text}.delta", delta=piece, **extra, **at)
        yield self._event(f"response.{text}.done", text=part["text"], **extra, **at)
        yield self._event(f"response.{holder}.done", part=part, **at)

    def _event(self, kind: str, **payload: Any) -> bytes:
        data = {"type": kind, "sequence_number": self._number, **payload}
        self._number += 1
        return event(data, kind)
