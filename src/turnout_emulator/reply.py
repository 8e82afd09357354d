"""An answer made ready to be rendered by a wire: ids, usage, reason for the end, and how a stream splits it."""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from turnout_emulator.answers import Answer, Block, Finish, Reasoning, RedactedReasoning, Text, ToolCall, Usage
from turnout_emulator.brain.words import count_tokens
from turnout_emulator.prompt import Prompt

_WORDS = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class Reply:
    """What a wire renders; every tool call has an id."""

    blocks: list[Block]
    finish: Finish
    usage: Usage
    model: str  # what the service names as the model
    filtered: dict[str, str]  # content-filter categories that fired, with their severity
    chunk_size: int | None = None  # characters a chunk; a word when None
    stop_sequence: str | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))
    latency: int = 1  # milliseconds taken so far

    def text(self) -> str | None:
        """All text blocks together; None when there are none."""
        texts = [block.text for block in self.blocks if isinstance(block, Text)]
        return "".join(texts) if texts else None

    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return [block for block in self.blocks if isinstance(block, ToolCall)]

    def pieces(self, text: str) -> Iterator[str]:
        """A text in the pieces that a stream sends it in."""
        if size := self.chunk_size:
            return (text[start : start + size] for start in range(0, len(text), size))
        return (match[0] for match in _WORDS.finditer(text))


def prepare(answer: Answer, prompt: Prompt, model: str, call_prefix: str, call_length: int) -> Reply:
    """Complete an answer with what it leaves out; a `call_length` of 0 numbers the calls of each answer from 0."""
    blocks: list[Block] = []
    for block in answer.content():
        if isinstance(block, ToolCall) and not block.id:
            number = sum(isinstance(one, ToolCall) for one in blocks)
            suffix = "".join(secrets.choice(_ALPHABET) for _ in range(call_length)) or str(number)
            block = replace(block, id=call_prefix + suffix)  # noqa: PLW2901
        blocks.append(block)
    finish = answer.finish
    if finish is None:
        calls = any(isinstance(block, ToolCall) for block in blocks)
        finish = "content_filter" if answer.filtered else "tool_calls" if calls else "stop"
    return Reply(
        blocks=blocks,
        finish=finish,
        usage=answer.usage or _count(blocks, prompt),
        model=model,
        filtered=dict(answer.filtered),
        chunk_size=answer.chunk_size,
        stop_sequence=(answer.stop_sequence or next(iter(prompt.stop), None)) if finish == "stop_sequence" else None,
    )


def _count(blocks: list[Block], prompt: Prompt) -> Usage:
    output = reasoning = 0
    for block in blocks:
        match block:
            case Text(text):
                output += count_tokens(text)
            case Reasoning(text):
                reasoning += count_tokens(text)
            case RedactedReasoning(data):
                reasoning += len(data) // 4
            case ToolCall():
                output += count_tokens(block.name) + count_tokens(block.arguments_json())
    return Usage(max(1, prompt.input_tokens), output + reasoning, reasoning_tokens=reasoning)


def count_prompt(prompt: Prompt, *, start: int, media: int) -> int:
    """The tokens of a request: `start` for any, 3 a message, `media` for each image or document beside its text."""
    total = start
    for turn in prompt.turns:
        total += 3 + count_tokens(turn.text) + sum(count_tokens(text) for text in turn.attached)
        total += sum(count_tokens(call.name) + count_tokens(call.arguments_json()) for call in turn.calls)
        total += sum(count_tokens(result.text) for result in turn.results) + media * len(turn.media)
    for tool in prompt.tools:
        total += count_tokens(tool.name) + count_tokens(tool.description) + count_tokens(json.dumps(tool.schema))
    return total + (count_tokens(json.dumps(prompt.schema)) if prompt.schema else 0)
