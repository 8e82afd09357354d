"""What can be queued: exact answers, failures, raw responses and cut connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from turnout_emulator.scripts import Step, Whole

Finish = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter", "guardrail"]
FailureKind = Literal[
    "authentication",
    "permission",
    "not_found",
    "rate_limited",
    "invalid_request",
    "context_overflow",
    "content_filter",
    "server_error",
    "overloaded",
    "timeout",
]


@dataclass(frozen=True, slots=True)
class Text:
    """A block of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A block of reasoning, with the signature that the service puts on it."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class RedactedReasoning:
    """Reasoning that the service shows only in encrypted form."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool; without an `id` the emulator makes one in the service's own form.

    `arguments` as a string are sent as they are, for testing what a client makes of broken JSON.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    def arguments_json(self) -> str:
        """The arguments as JSON text."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments), ensure_ascii=False, separators=(",", ":"))

    def arguments_dict(self) -> dict[str, Any]:
        """The arguments as an object; broken JSON gives an empty one."""
        if not isinstance(self.arguments, str):
            return dict(self.arguments)
        try:
            value = json.loads(self.arguments or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


Block = Text | Reasoning | RedactedReasoning | ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the service reports them; `input_tokens` includes the cached ones."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def uncached_tokens(self) -> int:
        """Input tokens that were neither read from the cache nor written to it."""
        return max(0, self.input_tokens - self.cached_tokens - self.cache_write_tokens)


@dataclass(frozen=True, slots=True)
class Answer:
    """The next answer of the model, rendered in whatever protocol the client speaks.

    Attributes:
        text: The text of the answer.
        tool_calls: Tools called after the text.
        blocks: The whole content in order; when given, `text` and `tool_calls` are not read.
        usage: Token counts; counted from the request and the answer when left out.
        finish: Why the answer ended; follows from the content when left out.
        filtered: Content-filter categories that fired, with their severity, e.g. `{"violence": "high"}`.
        delay: Seconds before the first byte; the emulator's own delay when left out.
        chunk_delay: Seconds between the chunks of a stream.
        chunk_size: Characters in each chunk of a stream; a word at a time when left out.
        stop_sequence: The stop sequence that ended it; the request's first when left out.
    """

    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
    blocks: Sequence[Block] | None = None
    usage: Usage | None = None
    finish: Finish | None = None
    filtered: Mapping[str, str] = field(default_factory=dict)
    delay: float | None = None
    chunk_delay: float | None = None
    chunk_size: int | None = None
    stop_sequence: str | None = None

    def content(self) -> list[Block]:
        """The answer as a list of blocks."""
        if self.blocks is not None:
            return list(self.blocks)
        text: list[Block] = [Text(self.text)] if self.text or not self.tool_calls else []
        return [*text, *self.tool_calls]


@dataclass(frozen=True, slots=True)
class Failure:
    """The next error, with the status, code and body that each service gives to its kind.

    Attributes:
        kind: What goes wrong; decides status, code and message for each service.
        status: HTTP status, to override the service's own.
        code: Error code (Azure, OpenAI) or exception name (Bedrock), to override the service's own.
        message: Text of the error, to override the service's own.
        headers: Further response headers.
        retry_after: Seconds to tell the client to wait.
        filtered: Content-filter categories that fired, with their severity.
        delay: Seconds before the error is sent.
    """

    kind: FailureKind = "server_error"
    status: int | None = None
    code: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    filtered: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0

    @classmethod
    def authentication(cls, message: str | None = None) -> Self:
        """The credential is refused."""
        return cls("authentication", message=message)

    @classmethod
    def permission(cls, message: str | None = None) -> Self:
        """The credential is known but may not do this."""
        return cls("permission", message=message)

    @classmethod
    def not_found(cls, message: str | None = None) -> Self:
        """The deployment or model does not exist."""
        return cls("not_found", message=message)

    @classmethod
    def rate_limited(cls, retry_after: float | None = None, message: str | None = None) -> Self:
        """Too many requests; `retry_after` in seconds."""
        return cls("rate_limited", retry_after=retry_after, message=message)

    @classmethod
    def invalid_request(cls, message: str | None = None) -> Self:
        """The request is malformed."""
        return cls("invalid_request", message=message)

    @classmethod
    def context_overflow(cls, message: str | None = None) -> Self:
        """The prompt is longer than the model's context."""
        return cls("context_overflow", message=message)

    @classmethod
    def content_filter(cls, filtered: Mapping[str, str] | None = None) -> Self:
        """The prompt is refused by the content filter, e.g. `{"violence": "high"}`."""
        return cls("content_filter", filtered=filtered or {"violence": "high"})

    @classmethod
    def server_error(cls, message: str | None = None) -> Self:
        """The service fails."""
        return cls("server_error", message=message)

    @classmethod
    def overloaded(cls, retry_after: float | None = None) -> Self:
        """The service has no capacity; `retry_after` in seconds."""
        return cls("overloaded", retry_after=retry_after)

    @classmethod
    def timeout(cls) -> Self:
        """The service gives up on the model."""
        return cls("timeout")

    @classmethod
    def hang(cls, seconds: float = 3600.0) -> Self:
        """Nothing is sent for `seconds`, or until the client gives up."""
        return cls("timeout", delay=seconds)


@dataclass(frozen=True, slots=True)
class Raw:
    """A response sent exactly as it is."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str | Mapping[str, Any] = b""


@dataclass(frozen=True, slots=True)
class Cut:
    """A stream that breaks off after a number of chunks.

    Attributes:
        after_chunks: Frames sent before the break; 0 breaks before the response begins.
        answer: What was being answered; the emulator's own answer when left out.
        failure: An error to report inside the stream, as the service does, before it ends.
        clean: End the response properly, without the frames that should follow, instead of dropping the connection.
    """

    after_chunks: int = 0
    answer: Answer | None = None
    failure: Failure | None = None
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """What is written to the socket instead of an answer.

    The connection is kept afterwards, unless a step ends it.

    Attributes:
        steps: Gives the steps, from the answer that the service would have sent.
        answer: That answer, of a chat model; left out, what the emulator says.
    """

    steps: Callable[[Whole], Iterable[Step]]
    answer: Answer | None = None


Queueable = Answer | Failure | Raw | Cut | Script
