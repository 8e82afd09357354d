"""What each wire answers → one shape: tool arguments are dicts, and the answer says who gave it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, TextBlock, ThinkingBlock, ToolCallBlock

from turnout.conversation.answers import AnswerStream, cached_tokens, finish, tool_arguments
from turnout.conversation.request import Fitted
from turnout.errors import StructuredOutputError
from turnout.llama_index.messages import sign
from turnout.routing import Route
from turnout.transport.answers.unreadable import shortened


def has_content(piece: ChatResponse) -> bool:
    """Whether a piece of a streamed answer has some of it in it."""
    if piece.delta:
        return True
    return any(not isinstance(block, TextBlock) or block.text for block in piece.message.blocks)


def used_tokens(response: ChatResponse) -> float | None:
    """The tokens that an answer, or a piece of one, says were used."""
    return response.additional_kwargs.get("total_tokens")


def cached(response: ChatResponse) -> int:
    """The tokens that an answer, or a piece of one, says were taken from the service's cache."""
    raw = response.raw
    return cached_tokens(raw.get("usage") if isinstance(raw, Mapping) else getattr(raw, "usage", None))


def length(piece: ChatResponse) -> int:
    """Characters of the answer that a piece adds."""
    return len(piece.delta or "")


class AnswerShape:
    """Brings one answer, whole or in chunks, into the one shape; with `first_call_only`, without further tool calls."""

    def __init__(
        self, route: Route, fitted: Fitted, attempts: Callable[[], Mapping[str, Any]], *, first_call_only: bool
    ) -> None:
        self._route = route
        self._fitted = fitted
        self._attempts = attempts
        self._first_call_only = first_call_only
        self._text = None if fitted.asked.answer_tool is None else _AnswerText(fitted.asked.answer_tool)
        self._called = False

    def whole(self, response: ChatResponse) -> ChatResponse:
        """A whole answer, changed in place."""
        self.chunk(response)
        self.end()
        return response

    def chunk(self, response: ChatResponse) -> ChatResponse:
        """A chunk of a streamed answer, changed in place."""
        message, metadata = response.message, response.additional_kwargs
        reason = metadata.get("raw_finish_reason")
        if self._text is not None:
            self._text.take(response, last=reason is not None or response.delta is None)
        answered = self._text is not None and self._text.stream.answered
        blocks: list[Any] = []
        calls: list[ToolCallBlock] = []
        for block in message.blocks:
            if isinstance(block, ThinkingBlock):
                sign(block, self._route)
            elif isinstance(block, ToolCallBlock):
                if calls and self._first_call_only:
                    continue
                block.tool_kwargs = tool_arguments(block.tool_kwargs)[0]
                calls.append(block)
            blocks.append(block)
        message.blocks = blocks
        message.additional_kwargs = {"tool_calls": [_in_openai_format(call) for call in calls]} if calls else {}
        if reason is not None:
            metadata |= finish(reason, calls=bool(calls), answered=answered)
        self._called = bool(calls) or answered
        metadata |= {"backend": self._route.backend, "deployment": self._route.deployment, **self._attempts()}
        return response

    def as_chunk(self, response: ChatResponse) -> ChatResponse:
        """A whole answer as the only chunk of a stream, changed in place."""
        response.delta = response.message.content or ""
        thoughts = [block.content for block in response.message.blocks if isinstance(block, ThinkingBlock)]
        if thought := "".join(text for text in thoughts if text):
            response.additional_kwargs["thinking_delta"] = thought
        return response

    def end(self) -> None:
        """Refuse the answer, or what its last piece made of it, if it calls no tool and the model was told to."""
        self._fitted.check_called(self._route, called=self._called)


class _AnswerText:
    """Makes text of the tool's call that is the answer."""

    def __init__(self, tool: str) -> None:
        self.stream = AnswerStream(tool)
        self._written: dict[int, str] = {}  # the arguments of each call so far
        self._text = ""

    def take(self, response: ChatResponse, *, last: bool) -> None:
        """An answer, or a piece of one, which has all so far, changed in place; `last` if nothing follows."""
        message = response.message
        calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
        added = []
        for index, call in enumerate(calls):
            written = _as_json(call.tool_kwargs, last=last)
            before = self._written.get(index)
            added.append((index, call.tool_name if before is None else None, written.removeprefix(before or "")))
            self._written[index] = written
        words = response.delta if response.delta is not None else message.content or ""
        delta = self.stream.take(words, added) + (self.stream.rest() if last else "")
        self._text += delta
        shown = [call for index, call in enumerate(calls) if index not in self.stream.hidden]
        blocks = [b for b in message.blocks if not isinstance(b, TextBlock | ToolCallBlock)]
        message.blocks = [*blocks, *([TextBlock(text=self._text)] if self._text else []), *shown]
        if response.delta is not None:
            response.delta = delta


def _as_json(arguments: Any, *, last: bool) -> str:
    """A call's arguments as they are written; what begins to be written may be an empty dict."""
    if not arguments:
        return "{}" if last else ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _in_openai_format(call: ToolCallBlock) -> dict[str, Any]:
    arguments = json.dumps(call.tool_kwargs, ensure_ascii=False)
    return {"id": call.tool_call_id, "type": "function", "function": {"name": call.tool_name, "arguments": arguments}}


def unfit(why: str, metadata: Mapping[str, Any]) -> StructuredOutputError:
    """The error for an answer that isn't the object or the tool call that was asked for.

    LlamaIndex's own classes raise a ValueError here, pydantic's among others. Nothing of LlamaIndex needs it to be one,
    and the synthesizers catch those and say "Empty Response": a failure that looks like an answer.
    """
    backend, deployment = metadata.get("backend"), metadata.get("deployment")
    who = "the model" if deployment is None else f"{deployment!r} on backend {backend!r}"
    cut = " (it was cut off at the limit of tokens)" if metadata.get("finish_reason") == "length" else ""
    msg = shortened(f"{who} gave another answer than was asked for{cut}: {why}")
    return StructuredOutputError(msg, backend=backend, deployment=deployment)
