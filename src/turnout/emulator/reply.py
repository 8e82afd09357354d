"""An answer made ready to be rendered by a wire: ids, usage, reason for the end, and how a stream splits it."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from turnout.emulator.answers import Answer, Block, Finish, Reasoning, RedactedReasoning, Text, ToolCall, Usage
from turnout.emulator.brain.words import count_tokens
from turnout.emulator.prompt import Prompt

_WORDS = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class Reply:
    """What a wire renders.

    Attributes:
        blocks: The content; every tool call has an id.
        finish: Why it ended.
        usage: Token counts.
        model: What the service names as the model.
        filtered: Content-filter categories that fired, with their severity.
        chunk_size: Characters a chunk; a word when None.
        id: A random id, without the service's prefix.
        created: Unix time in whole seconds.
        latency: Milliseconds taken so far.
    """

    blocks: list[Block]
    finish: Finish
    usage: Usage
    model: str
    filtered: dict[str, str]
    chunk_size: int | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))
    latency: int = 1

    def text(self) -> str | None:
        """All text blocks together; None when there are none."""
        texts = [block.text for block in self.blocks if isinstance(block, Text)]
        return "".join(texts) if texts else None

    def calls(self) -> list[ToolCall]:
        """The tool calls."""
        return [block for block in self.blocks if isinstance(block, ToolCall)]

    def pieces(self, text: str) -> Iterator[str]:
        """A text in the pieces that a stream sends it in."""
        if not text:
            return iter(())
        if self.chunk_size:
            size = self.chunk_size
            return (text[start : start + size] for start in range(0, len(text), size))
        return (match[0] for match in _WORDS.finditer(text))


def random_id(prefix: str, length: int = 24) -> str:
    """An id as the services make them."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def prepare(answer: Answer, prompt: Prompt, *, model: str, call_prefix: str, call_length: int) -> Reply:
    """Complete an answer with what it leaves out."""
    blocks = [
        replace(block, id=block.id or random_id(call_prefix, call_length)) if isinstance(block, ToolCall) else block
        for block in answer.content()
    ]
    finish = answer.finish
    if finish is None:
        finish = "tool_calls" if any(isinstance(block, ToolCall) for block in blocks) else "stop"
    if answer.filtered and answer.finish is None:
        finish = "content_filter"
    return Reply(
        blocks=blocks,
        finish=finish,
        usage=answer.usage or _count(blocks, prompt),
        model=model,
        filtered=dict(answer.filtered),
        chunk_size=answer.chunk_size,
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
