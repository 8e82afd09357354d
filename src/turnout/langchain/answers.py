"""What each wire's class answers → one shape.

Text is a string; blocks stay blocks; the finish reason is in one vocabulary; the metadata says who answered.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk

from turnout.conversation.filters import found_in_answer
from turnout.conversation.finish import FINISH
from turnout.errors import ContentFilterError, ServiceConnectionError
from turnout.langchain.answer_texts import CALL_BLOCKS, CallStream, call_as_text
from turnout.langchain.usage import portable_usage
from turnout.langchain.wires.openai_verdicts import said as verdicts
from turnout.transport.answers.unreadable import nothing_streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    from turnout.routing import Route


def _plain(content: Any) -> str | None:
    """Content as a string, if text and tool calls (which `tool_calls` says already) are all there is to it."""
    if not isinstance(content, list):
        return str(content)
    blocks = [block for block in content if not (isinstance(block, dict) and block.get("type") in CALL_BLOCKS)]
    texts = [_text(block) for block in blocks]
    return None if None in texts else "".join(text for text in texts if text is not None)


def _text(block: Any) -> str | None:
    if isinstance(block, str):
        return block
    known = {"type", "text", "index", "id", "annotations", "phase"}
    if block.get("type") == "text" and not block.keys() - known and not block.get("annotations"):
        return str(block.get("text", ""))
    return None


def _opaque(block: Any) -> bool:
    """Whether a block is Responses' reasoning with nothing in it to read: an id, perhaps with encrypted content."""
    return (
        isinstance(block, dict)
        and block.get("type") == "reasoning"
        and not block.get("summary")
        and not block.get("reasoning")
        and not block.get("content")
    )


def _set_aside(message: AIMessage) -> list[dict[str, Any]]:
    """Take opaque reasoning out of the content, so that an answer that is text stays a string."""
    if not isinstance(message.content, list):
        return []
    taken = [dict(block) for block in message.content if isinstance(block, dict) and _opaque(block)]
    if taken:
        message.content = [block for block in message.content if not _opaque(block)]
    return taken


def _beside(message: AIMessage, items: list[dict[str, Any]]) -> None:
    """Put opaque reasoning where langchain-openai had it before it had blocks; a history gives it back from there."""
    if items:
        message.additional_kwargs["reasoning"] = {k: v for k, v in items[0].items() if k not in {"type", "index"}}


def _storable(message: AIMessage) -> None:
    """Redacted reasoning as base64: bytes can't be saved as JSON."""
    if not isinstance(message.content, list):
        return
    for block in message.content:
        inner = block.get("reasoning_content") if isinstance(block, dict) else None
        if isinstance(inner, dict):
            for name, value in inner.items():
                if isinstance(value, bytes):
                    inner[name] = base64.b64encode(value).decode()


def _as_text(message: AIMessage, text: str) -> None:
    message.content = text
    # LangChain parses blocks by this name, and the parsers of some names expect blocks where there is now a string.
    if message.response_metadata.get("model_provider") != "openai" or "id" in message.response_metadata:
        message.response_metadata.pop("model_provider", None)


def raw_finish(metadata: Mapping[str, Any]) -> str | None:
    """The service's own finish reason."""
    details = metadata.get("incomplete_details")
    if isinstance(details, dict) and details.get("reason"):
        return str(details["reason"])
    for name in ("finish_reason", "stopReason", "stop_reason", "status"):
        value = metadata.get(name)
        if isinstance(value, str) and value not in {"in_progress", "queued"}:
            return value
    return None


def _request_id(metadata: Mapping[str, Any]) -> str | None:
    inner = metadata.get("ResponseMetadata")
    if isinstance(inner, dict):
        return inner.get("RequestId")
    found = metadata.get("request_id") or metadata.get("id")
    return str(found) if found else None


def has_content(chunk: ChatGenerationChunk) -> bool:
    """Whether a chunk has some of the answer in it."""
    message = chunk.message
    return bool(message.content or getattr(message, "tool_call_chunks", None) or message.additional_kwargs)


def used_tokens(answer: Any) -> float | None:
    """The tokens that an answer, or a chunk of one, says were used."""
    generations = getattr(answer, "generations", None) or [answer]
    usage = getattr(generations[0].message, "usage_metadata", None)
    return usage["total_tokens"] if usage else None


def _mark(message: BaseMessage, route: Route, attempts: Mapping[str, Any]) -> None:
    metadata = message.response_metadata
    metadata.update(attempts)
    metadata["backend"] = route.backend
    metadata["deployment"] = route.deployment
    metadata["wire"] = route.wire


def _finish(
    generation: ChatGeneration, said: Mapping[str, Any] | None = None, *, calls: bool, answered: bool = False
) -> str | None:
    """Bring the finish reason into one vocabulary; the service's own is kept, and given back.

    Args:
        generation: The answer, or the chunk of one.
        said: What the service said beside it.
        calls: Whether it calls a tool.
        answered: Whether a call was made the text of the answer.
    """
    metadata = generation.message.response_metadata
    said = {**(said or {}), **(generation.generation_info or {}), **metadata}
    raw = raw_finish(said)
    if raw is None:
        return None
    finish = FINISH.get(raw, raw)
    if finish == "tool_calls" and answered:
        finish = "stop"
    metadata["finish_reason"] = "tool_calls" if finish == "stop" and calls else finish
    metadata["raw_finish_reason"] = raw
    if (request_id := _request_id(said)) is not None:
        metadata["request_id"] = request_id
    return raw


def filtered(route: Route, raw: str, metadata: Mapping[str, Any] | None = None) -> ContentFilterError:
    """The error for an answer that a content filter or guardrail stopped."""
    msg = (
        f"a content filter stopped the answer of {route.deployment!r} on backend {route.backend!r} [{raw}]; "
        "ask otherwise, or change the deployment's filter or guardrail"
    )
    made = ContentFilterError(msg, backend=route.backend, deployment=route.deployment, code=raw)
    said = metadata or {}
    made.stage, made.categories = found_in_answer(raw, {**said, **verdicts(said)})
    return made


def portable_result(
    result: ChatResult, route: Route, attempts: Mapping[str, Any], answer_tool: str | None = None
) -> ChatResult:
    """An answer in the one shape, changed in place.

    Args:
        result: What the wire's class answered.
        route: Where it came from.
        attempts: What the attempts were.
        answer_tool: The tool whose call is the answer, if it was asked for so.

    Raises:
        ContentFilterError: A filter or guardrail stopped the answer.
    """
    for generation in result.generations:
        message = generation.message
        if isinstance(message, AIMessage):
            answered = answer_tool is not None and call_as_text(message, answer_tool)
            _storable(message)
            portable_usage(message)
            before, items = message.content, _set_aside(message)
            plain = _plain(message.content)
            if plain is not None and len(items) <= 1:
                _beside(message, items)
                _as_text(message, plain)
            else:
                message.content = before
            raw = _finish(generation, result.llm_output, calls=bool(message.tool_calls), answered=answered)
            if FINISH.get(raw or "") == "content_filter":
                raise filtered(route, str(raw), {**(generation.generation_info or {}), **message.response_metadata})
        _mark(message, route, attempts)
    return result


class Stream:
    """Brings the chunks of one streamed answer into the one shape."""

    def __init__(self, route: Route, attempts: Callable[[], Mapping[str, Any]], answer_tool: str | None = None) -> None:
        self._route = route
        self._answer = None if answer_tool is None else CallStream(answer_tool)
        self._attempts = attempts
        self._blocks = False
        self._first = True
        self._calls = False
        self._finish: str | None = None
        self._metadata: dict[str, Any] = {}
        self._aside: dict[Any, dict[str, Any]] = {}

    @property
    def called(self) -> bool:
        """Whether a tool was called, be it that its call is the answer."""
        return self._calls or (self._answer is not None and self._answer.answered)

    def portable(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """A chunk in the one shape, changed in place."""
        message = chunk.message
        if isinstance(message, AIMessageChunk):
            if self._answer is not None:
                self._answer.take(message)
            _storable(message)
            portable_usage(message)
            for item in _set_aside(message):
                self._aside.setdefault(item.get("index"), {}).update(item)
            plain = _plain(message.content)
            # What follows reasoning or other blocks stays in blocks, or their order would be lost.
            self._blocks = self._blocks or plain is None
            if plain is not None and not self._blocks:
                _as_text(message, plain)
            self._metadata |= {**(chunk.generation_info or {}), **message.response_metadata}
            self._calls = self._calls or bool(message.tool_call_chunks)
            if self._finish is None:
                answered = self._answer is not None and self._answer.answered
                self._finish = _finish(chunk, calls=self._calls, answered=answered)
                if self._finish is not None and self._answer is not None:
                    self._answer.release(message)
                if self._finish is not None:
                    self._give_back(message)
        if self._first:
            _mark(message, self._route, self._attempts())
            self._first = False
        return chunk

    def _give_back(self, message: AIMessageChunk) -> None:
        items = list(self._aside.values())
        if self._blocks or len(items) > 1:  # in blocks there is a place for each
            message.content = [*(message.content if isinstance(message.content, list) else []), *items]
        else:
            _beside(message, items)

    def end(self) -> None:
        """Say so if what was streamed is not a whole answer.

        Raises:
            ContentFilterError: A filter or guardrail stopped the answer.
            ServiceConnectionError: The stream ended without a finish reason.
            UnreadableAnswerError: It had nothing in it.
        """
        route = self._route
        if self._first:
            raise nothing_streamed(route)
        if self._finish is None:
            msg = (
                f"the stream of {route.deployment!r} on backend {route.backend!r} ended without a finish reason, so "
                "the answer is not whole; try again"
            )
            raise ServiceConnectionError(msg, backend=route.backend, deployment=route.deployment)
        if FINISH.get(self._finish) == "content_filter":
            raise filtered(route, self._finish, self._metadata)
