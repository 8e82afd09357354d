"""What each wire's class answers → one shape.

Text is a string; blocks stay blocks; the finish reason is in one vocabulary; the metadata says who answered.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import subtract_usage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from turnout.conversation.answers import AnswerStream, broken_off, check_filter, finish
from turnout.langchain.upstream import filter_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.messages import BaseMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.messages.tool import ToolCallChunk
    from langchain_core.outputs import ChatGeneration, ChatResult

    from turnout.conversation.request import Fitted
    from turnout.routing import Route

_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "input_json_delta", "function_call"})
"""Content blocks that are a tool's call or a piece of one, of every wire."""

_BY_LIFETIME = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_TEXT_MEMBERS = frozenset({"type", "text", "index", "id", "annotations", "phase"})


def has_content(chunk: ChatGenerationChunk) -> bool:
    """Whether a chunk has some of the answer in it."""
    message = chunk.message
    return bool(message.content or getattr(message, "tool_call_chunks", None) or message.additional_kwargs)


def used_tokens(answer: Any) -> float | None:
    """The tokens that an answer, or a chunk of one, says were used."""
    generations = getattr(answer, "generations", None) or [answer]
    usage = getattr(generations[0].message, "usage_metadata", None)
    return usage["total_tokens"] if usage else None


def cached(answer: Any) -> int:
    """The tokens that an answer, or a chunk of one, says were taken from the service's cache."""
    generations = getattr(answer, "generations", None) or [answer]
    usage = getattr(generations[0].message, "usage_metadata", None)
    return (usage.get("input_token_details") or {}).get("cache_read") or 0 if usage else 0


def length(chunk: ChatGenerationChunk) -> int:
    """Characters of the answer that a chunk adds."""
    content = chunk.message.content
    return len(content) if isinstance(content, str) else len(chunk.message.text)


class AnswerShape:
    """Brings one answer, whole or in chunks, into the one shape."""

    def __init__(self, route: Route, fitted: Fitted, attempts: Callable[[], Mapping[str, Any]]) -> None:
        self._route = route
        self._fitted = fitted
        self._attempts = attempts
        self._usage: UsageMetadata | None = None  # what the chunks so far say was used
        self._answer = None if fitted.asked.answer_tool is None else AnswerStream(fitted.asked.answer_tool)
        self._blocks = False
        self._place = -1  # the index of the last block
        self._begun_plainly = False
        self._first = True
        self._calls = False
        self._finish: str | None = None
        self._metadata: dict[str, Any] = {}
        self._opaque: dict[Any, dict[str, Any]] = {}

    def whole(self, result: ChatResult) -> ChatResult:
        """A whole answer, changed in place."""
        called, tool = False, self._fitted.asked.answer_tool
        for generation in result.generations:
            message = generation.message
            if isinstance(message, AIMessage):
                called = called or bool(message.tool_calls)
                answered = tool is not None and _call_as_text(message, tool)
                _make_storable(message)
                _count_all_cached(message)
                before, items = message.content, _take_opaque(message)
                plain = _plain(message.content)
                if plain is not None and len(items) <= 1:
                    _put_beside(message, items)
                    _set_text(message, plain)
                else:
                    message.content = before
                raw = _set_finish(generation, result.llm_output, calls=bool(message.tool_calls), answered=answered)
                if raw is not None:
                    metadata = {**(generation.generation_info or {}), **message.response_metadata}
                    _check_filter(self._route, raw, metadata)
            self._mark(message)
        self._fitted.check_called(self._route, called=called)
        return result

    def as_chunk(self, result: ChatResult) -> ChatGenerationChunk:
        """A whole answer as the only chunk of a stream."""
        (generation,) = result.generations
        said = generation.message.model_dump(exclude={"type", "tool_calls", "invalid_tool_calls"})
        message = AIMessageChunk(**said, tool_call_chunks=_call_chunks(cast("AIMessage", generation.message)))
        return ChatGenerationChunk(message=message, generation_info=generation.generation_info)

    def chunk(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """A chunk of a streamed answer, changed in place."""
        message = chunk.message
        if isinstance(message, AIMessageChunk):
            if self._answer is not None:
                _take_answer(self._answer, message)
            _make_storable(message)
            _count_all_cached(message)
            usage = message.usage_metadata
            if usage is not None:  # some servers say in every chunk what was used so far, and LangChain adds it all up
                if self._usage is not None:
                    message.usage_metadata = subtract_usage(usage, self._usage)
                self._usage = usage
            for item in _take_opaque(message):
                index = item.get("index")
                kept = self._opaque.setdefault(item.get("id") or index, {"index": index})
                kept.update({**item, "index": kept["index"]})
            plain = _plain(message.content)
            # What follows reasoning or other blocks stays in blocks, or their order would be lost.
            self._blocks = self._blocks or plain is None
            if self._blocks:
                self._set_blocks(message)
            elif plain is not None:
                _set_text(message, plain)
                self._begun_plainly = self._begun_plainly or bool(plain)
            self._metadata |= {**(chunk.generation_info or {}), **message.response_metadata}
            self._calls = self._calls or bool(message.tool_call_chunks)
            if self._finish is None:
                answered = self._answer is not None and self._answer.answered
                self._finish = _set_finish(chunk, calls=self._calls, answered=answered)
                if self._finish is not None:
                    self._finished(message)
            if self._begun_plainly if self._blocks else self._route.wire == "openai-responses":
                message.response_metadata.pop("model_provider", None)  # its parser passes over strings among blocks
        if self._first:
            self._mark(message)
            self._first = False
        return chunk

    def _set_blocks(self, message: AIMessageChunk) -> None:
        """Make a block of words that come as a string, or `content_blocks` of the whole would lack them."""
        if isinstance(message.content, str):
            block = {"type": "text", "text": message.content, "index": self._place + 1}
            message.content = [block] if message.content else []
            return
        for found in message.content:
            if isinstance(found, dict) and isinstance(found.get("index"), int):
                self._place = found["index"]

    def _mark(self, message: BaseMessage) -> None:
        route = self._route
        metadata = {"backend": route.backend, "deployment": route.deployment, "wire": route.wire}
        message.response_metadata |= {**self._attempts(), **metadata}

    def _finished(self, message: AIMessageChunk) -> None:
        """Add to the last chunk what waited for it."""
        if self._answer is not None and (words := self._answer.rest()):
            _say(message, _parted(message.content)[1], words, None)
        items = list(self._opaque.values())
        if self._blocks or len(items) > 1:  # in blocks there is a place for each
            message.content = [*(message.content if isinstance(message.content, list) else []), *items]
        else:
            _put_beside(message, items)

    def end(self) -> None:
        """Refuse what was streamed if it is not a whole answer, or not what was asked for."""
        if self._first or self._finish is None:
            raise broken_off(self._route, begun=not self._first)
        _check_filter(self._route, self._finish, self._metadata)
        called = self._calls or (self._answer is not None and self._answer.answered)
        self._fitted.check_called(self._route, called=called)


# --- content


def _call_chunks(message: AIMessage) -> list[ToolCallChunk]:
    """An answer's calls as a stream has them."""
    made: list[ToolCallChunk] = []
    for call in message.tool_calls:
        arguments = json.dumps(call["args"], ensure_ascii=False)
        made.append(tool_call_chunk(name=call["name"], args=arguments, id=call["id"], index=len(made)))
    for broken in message.invalid_tool_calls:
        made.append(tool_call_chunk(name=broken["name"], args=broken["args"], id=broken["id"], index=len(made)))
    return made


def _plain(content: Any) -> str | None:
    """Content as a string, if text and tool calls (which `tool_calls` says already) are all there is to it."""
    if not isinstance(content, list):
        return str(content)
    texts = [_text(block) for block in content if not _is_call(block)]
    return None if None in texts else "".join(text for text in texts if text is not None)


def _text(block: Any) -> str | None:
    if isinstance(block, str):
        return block
    if block.get("type") == "text" and not block.keys() - _TEXT_MEMBERS and not block.get("annotations"):
        return str(block.get("text", ""))
    return None


def _set_text(message: AIMessage, text: str) -> None:
    message.content = text
    # LangChain parses blocks by this name, and the parsers of some names expect blocks where there is now a string.
    if message.response_metadata.get("model_provider") != "openai" or "id" in message.response_metadata:
        message.response_metadata.pop("model_provider", None)


def _is_opaque(block: Any) -> bool:
    """Whether a block is Responses' reasoning with nothing in it to read: an id, perhaps with encrypted content."""
    return (
        isinstance(block, dict)
        and block.get("type") == "reasoning"
        and not any(block.get(name) for name in ("summary", "reasoning", "content"))
    )


def _take_opaque(message: AIMessage) -> list[dict[str, Any]]:
    """Take opaque reasoning out of the content, so that an answer that is text stays a string."""
    if not isinstance(message.content, list):
        return []
    taken = [dict(block) for block in message.content if isinstance(block, dict) and _is_opaque(block)]
    if taken:
        message.content = [block for block in message.content if not _is_opaque(block)]
    return taken


def _put_beside(message: AIMessage, items: list[dict[str, Any]]) -> None:
    """Put opaque reasoning where langchain-openai had it before it had blocks; a history gives it back from there."""
    if items:
        message.additional_kwargs["reasoning"] = {k: v for k, v in items[0].items() if k not in {"type", "index"}}


def _make_storable(message: AIMessage) -> None:
    """Redacted reasoning as base64: bytes can't be saved as JSON."""
    if not isinstance(message.content, list):
        return
    for block in message.content:
        inner = block.get("reasoning_content") if isinstance(block, dict) else None
        if isinstance(inner, dict):
            for name, value in inner.items():
                if isinstance(value, bytes):
                    inner[name] = base64.b64encode(value).decode()


# --- token counts, finish reason and metadata


def _count_all_cached(message: AIMessage) -> None:
    """Have `cache_creation` count all that was written to the cache.

    Claude's integrations count it there, or apart by how long it is kept, with nothing there. What was counted apart
    goes to the message's metadata, as `cache_creation`.
    """
    if message.usage_metadata is None:
        return
    details = cast("dict[str, Any]", message.usage_metadata.get("input_token_details") or {})
    apart = {name: details.pop(name) for name in _BY_LIFETIME if name in details}
    if written := sum(count or 0 for count in apart.values()):
        details["cache_creation"] = (details.get("cache_creation") or 0) + written
        message.response_metadata["cache_creation"] = apart


def _raw_finish(metadata: Mapping[str, Any]) -> str | None:
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


def _set_finish(
    generation: ChatGeneration, output: Mapping[str, Any] | None = None, *, calls: bool, answered: bool = False
) -> str | None:
    """Bring the finish reason of an answer or chunk into one vocabulary; the service's own is kept, and returned."""
    metadata = generation.message.response_metadata
    found = {**(output or {}), **(generation.generation_info or {}), **metadata}
    raw = _raw_finish(found)
    if raw is None:
        return None
    metadata |= finish(raw, calls=calls, answered=answered)
    if (request_id := _request_id(found)) is not None:
        metadata["request_id"] = request_id
    return raw


def _check_filter(route: Route, raw: str, metadata: Mapping[str, Any]) -> None:
    check_filter(route, raw, {**metadata, **filter_findings(metadata)})


# --- an answer that came as a tool's call


def _call_as_text(message: AIMessage, tool: str) -> bool:
    """Make text of the call that is the answer, in place, and say whether the message is now the answer.

    Other calls come before the answer: with one of them in the message, the answer's own was made too early, and is
    dropped.
    """
    calls = [(call["name"], json.dumps(call["args"], ensure_ascii=False)) for call in message.tool_calls]
    broken = [(call["name"], call["args"] or "") for call in message.invalid_tool_calls]
    found = [text for name, text in (*calls, *broken) if name == tool]
    if not found:
        return False
    message.tool_calls = [call for call in message.tool_calls if call["name"] != tool]
    message.invalid_tool_calls = [call for call in message.invalid_tool_calls if call["name"] != tool]
    message.additional_kwargs.pop("tool_calls", None)
    early = bool(message.tool_calls or message.invalid_tool_calls)
    if isinstance(message.content, str):
        message.content = message.content if early else found[0]
        return not early
    kept = [b for b in message.content if not (_is_call(b, tool) or (_is_text(b) and not early))]
    message.content = kept if early else [*kept, {"type": "text", "text": found[0]}]
    return not early


def _take_answer(answer: AnswerStream, chunk: AIMessageChunk) -> None:
    """The same for a chunk of a streamed answer; changed in place."""
    words, blocks = _parted(chunk.content)
    calls = chunk.tool_call_chunks
    pieces = [(call.get("index"), call.get("name"), call.get("args") or "") for call in calls]
    text, hidden = answer.take(words, pieces), answer.hidden
    chunk.tool_call_chunks = [call for call in calls if call.get("index") not in hidden]
    if len(chunk.tool_call_chunks) < len(calls):
        chunk.tool_calls, chunk.invalid_tool_calls = [], []
        blocks = [block for block in blocks if not (_is_call(block) and block.get("index") in hidden)]
    _say(chunk, blocks, text, answer.index)


def _parted(content: Any) -> tuple[str, list[Any]]:
    """A content's text, and its other blocks."""
    if isinstance(content, str):
        return content, []
    texts = [block if isinstance(block, str) else block.get("text", "") for block in content if _is_text(block)]
    return "".join(texts), [block for block in content if not _is_text(block)]


def _is_call(block: Any, tool: str | None = None) -> bool:
    return isinstance(block, dict) and block.get("type") in _CALL_BLOCKS and (tool is None or block.get("name") == tool)


def _is_text(block: Any) -> bool:
    return isinstance(block, str) or block.get("type") == "text"


def _say(chunk: AIMessageChunk, blocks: list[Any], text: str, index: Any) -> None:
    if isinstance(chunk.content, str):
        chunk.content = text
    else:
        chunk.content = [*blocks, {"type": "text", "text": text, "index": index or 0}] if text else blocks
