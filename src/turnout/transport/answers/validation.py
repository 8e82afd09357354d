"""The least that an answer of each wire must have to be one; without it, a class would take it for an empty answer.

What compatible servers and gateways send in another form than the API's, and is an answer, is put into the API's. Of
what is no answer each check raises `UnreadableAnswerError`.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import Iterator

Vector = list[float]

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_SAID = ("refusal", "function_call", "audio")


# --- Chat Completions


def chat_completion(data: Any) -> None:
    """Check a chat completion's JSON, and put it in the API's form."""
    if not isinstance(data, dict):
        raise UnreadableAnswerError(described(data))
    if data.get("error"):
        raise UnreadableAnswerError.reported(data["error"])
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnreadableAnswerError(f"it has no choices: {data}")
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise UnreadableAnswerError(f"a choice has no message: {choice}")
        if choice.get("error"):
            raise UnreadableAnswerError.reported(choice["error"])
        if message.get("role") is None:
            message["role"] = "assistant"
        content, finish = message.get("content"), choice.get("finish_reason")
        _typed(content, (str, list), "content")
        _typed(finish, (str,), "finish_reason")
        if message.get("tool_calls"):
            _whole_calls(message["tool_calls"])
        elif not content and finish is None and not any(message.get(name) for name in _SAID):
            raise UnreadableAnswerError(f"it has neither content nor a finish reason: {choice}")
    _counts(data.get("usage"))


def chat_chunk(data: Any, kept: dict[str, Any]) -> None:
    """Check a chunk's JSON, and put it in the API's form; `kept` is of one streamed answer."""
    if not isinstance(data, dict):
        raise UnreadableAnswerError(described(data))
    choices = data.get("choices")
    if not choices:
        if choices is None and not data.keys() & {"choices", "usage", "prompt_filter_results"}:
            raise UnreadableAnswerError(f"a chunk has no choices: {data}")
        choices = data["choices"] = []
    for choice in choices:
        delta, finish = choice.get("delta"), choice.get("finish_reason")
        if finish is not None:
            _typed(finish, (str,), "finish_reason")
        if delta is None:
            choice["delta"] = {}
        elif calls := delta.get("tool_calls"):
            _pieces_of_calls(calls, kept)
    if (usage := data.get("usage")) is not None:
        _counts(usage)


def _typed(value: Any, kinds: tuple[type, ...], name: str) -> None:
    if value is not None and not isinstance(value, kinds):
        raise UnreadableAnswerError(f"its {name} is a {type(value).__name__}: {value}")


def _counts(usage: Any) -> None:
    _typed(usage, (dict,), "usage")
    for name in _COUNTS if usage else ():
        if type(value := usage.get(name)) is not int and value is not None:
            try:
                usage[name] = int(value)
            except (TypeError, ValueError, OverflowError):
                raise UnreadableAnswerError(f"its usage counts {name} as {value!r}") from None


def _function(call: Any) -> dict[str, Any]:
    """What a tool call calls, its arguments as text."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise UnreadableAnswerError(f"a tool call calls nothing: {call}")
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        function["arguments"] = json.dumps(arguments, ensure_ascii=False)
    else:
        _typed(arguments, (str,), "tool call's arguments")
    _typed(function.get("name"), (str,), "tool call's name")
    return function


def _whole_calls(calls: Any) -> None:
    _typed(calls, (list,), "tool_calls")
    for call in calls:
        if isinstance(call, dict) and "function" not in call and call.get("type") not in {None, "function"}:
            continue  # of another kind, with a member of its own
        function = _function(call)
        if not function.get("name"):
            raise UnreadableAnswerError(f"a tool call has no name: {call}")
        if function.get("arguments") is None:
            function["arguments"] = "{}"


def _pieces_of_calls(calls: Any, kept: dict[str, Any]) -> None:
    """The pieces of calls in a chunk: each call gets an index of its own, and keeps id and name in its first piece."""
    _typed(calls, (list,), "tool_calls")
    begun: list[dict[str, Any]] = kept.setdefault("turnout_calls", [])
    places: dict[Any, int] = kept.setdefault("turnout_places", {})
    for call in calls:
        if not isinstance(call, dict):
            raise UnreadableAnswerError(f"a piece of a tool call is {call}")
        if call.get("function") is None:
            call["function"] = {}
        function = _function(call)
        place = _place(call, function, begun, places)
        first, call["index"] = begun[place], place
        for whole, name in ((call, "id"), (function, "name")):
            if first[name] is None:
                first[name] = whole.get(name) or None
            elif whole.get(name) == first[name]:
                whole[name] = None


def _place(call: dict[str, Any], function: dict[str, Any], begun: list[dict[str, Any]], places: dict[Any, int]) -> int:
    """Which of the calls a piece belongs to. Some servers give no index, or the same one to all."""
    index, named = call.get("index"), call.get("id")
    if index is not None:
        place = places.get(index)
        if place is not None and not (named and begun[place]["id"] not in {None, named}):
            return place
    elif named:
        place = next((place for place, first in enumerate(begun) if first["id"] == named), None)
        if place is not None:
            return place
    elif begun and function.get("name") in {None, "", begun[-1]["name"]}:
        return len(begun) - 1
    begun.append({"id": None, "name": None})
    places[index] = len(begun) - 1
    return len(begun) - 1


# --- Messages


def message(made: Any) -> Any:
    """Check what Anthropic's SDK made of a message, and give it back."""
    content, reason = getattr(made, "content", None), getattr(made, "stop_reason", None)
    if (error := getattr(made, "error", None)) is not None:
        raise UnreadableAnswerError.reported(error)
    if not isinstance(content, list) or not isinstance(reason, str):
        lacks = "content" if not isinstance(content, list) else "stop_reason"
        raise UnreadableAnswerError(f"it has no {lacks}: {_shown(made)}")
    for block in content:
        if not isinstance(getattr(block, "type", None), str) or not isinstance(getattr(block, "text", "") or "", str):
            raise UnreadableAnswerError(f"a block of it is {_shown(block)}")
    return made


_TEXTS = frozenset({"text", "text_delta"})
_PROMPT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_MEMBERS = {"message_start": "message", "content_block_start": "content_block", "content_block_delta": "delta"}


class MessageEvents:
    """Checks the events of one stream; what an event lacks is None.

    The counts of a prompt that only the first event has are in the last ones too, which are cumulative and are where
    LangChain's class looks: https://docs.anthropic.com/en/docs/build-with-claude/streaming
    """

    def __init__(self) -> None:
        self._usage: Any = None

    def __call__(self, event: Any) -> tuple[Any]:
        """What the stream's reader gets for an event."""
        kind = event.type
        member = _MEMBERS.get(kind)
        inner = event if member is None else getattr(event, member)
        part = None if inner is None else inner.type
        # Of a kind that it doesn't know the SDK makes another one, whose members are all None.
        if type(part) is not str or (part in _TEXTS and type(inner.text) is not str):
            raise UnreadableAnswerError(f"an event of it is {_shown(event)}")
        if kind == "message_start":
            self._usage = inner.usage
        elif kind == "message_delta" and self._usage is not None and event.usage is not None:
            for name in _PROMPT_COUNTS:
                if getattr(event.usage, name, None) is None:
                    setattr(event.usage, name, getattr(self._usage, name, None))
        return (event,)


# --- Converse


def converse(answer: Any) -> Any:
    """Check an answer of Converse, as botocore parses it, and give it back."""
    output = answer.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not isinstance(answer.get("stopReason"), str):
        lacks = "content" if not isinstance(content, list) else "stopReason"
        raise UnreadableAnswerError(f"it has no {lacks}: {_parsed(answer)}")
    for block in content:
        if not isinstance(block, dict) or not block or not isinstance(block.get("text", ""), str):
            raise UnreadableAnswerError(f"a block of it is {block}")
    return answer


class ConverseEvents:
    """The events of a streamed answer; a stream without any is none."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.close = stream.close

    def __iter__(self) -> Iterator[Any]:
        event = None
        for event in self._stream:
            delta = event.get("contentBlockDelta")
            if delta is not None and type(delta["delta"].get("text", "")) is not str:
                raise UnreadableAnswerError(f"an event of it is {event}")
            yield event
        if event is None:
            raise UnreadableAnswerError("its stream has no event")


def _parsed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _shown(made: Any) -> str:
    dump = getattr(made, "model_dump", None)
    return str(dump(warnings=False)) if dump is not None else described(made)


# --- vectors


def vectors(found: Any, number: int, *, decoded: bool = False) -> list[Vector]:
    """Check the vectors for a request's texts, and give them back; what was `decoded` is lists of floats already."""
    if not isinstance(found, list):
        raise UnreadableAnswerError(f"in the place of vectors {described(found)}")
    if len(found) != number:
        raise UnreadableAnswerError(f"it has {len(found)} vectors for {number} texts")
    for vector in found:
        if not decoded and not (isinstance(vector, list) and set(map(type, vector)) <= {float, int}):
            raise UnreadableAnswerError(f"a vector is no list of numbers: {str(vector)[:200]}")
        # A sum has what any of them has that isn't finite; one of finite ones may be too large, which no vector's is.
        if not isfinite(sum(vector)):
            raise UnreadableAnswerError("a vector has numbers that are not finite")
    lengths = {len(vector) for vector in found}
    if len(lengths) > 1 or 0 in lengths:
        raise UnreadableAnswerError(f"its vectors are of {sorted(lengths)} numbers")
    vectors: list[Vector] = found
    return vectors
