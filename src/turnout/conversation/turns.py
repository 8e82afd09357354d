"""A conversation between reading and writing: turns of parts that belong to no wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["image", "document", "audio", "video"]


@dataclass(slots=True)
class Text:
    """Words.

    Attributes:
        text: The words.
        block: The block they were in, for what only its own wire takes (cache marks, ids).
    """

    text: str
    block: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Attachment:
    """An image, document, sound or film, wherever its data is.

    Attributes:
        kind: What it is.
        url: Its address; never a `data:` address.
        data: Its bytes, or their base64.
        text: Its text, of a document given as text.
        file_id: The service's id of an uploaded file.
        mime: Its type as it was given.
        name: Its file name or title.
        block: The block it was in, for options like `detail` and `citations`.
        where: How an error names it.
    """

    kind: Kind
    url: str | None = None
    data: bytes | str | None = None
    text: str | None = None
    file_id: str | None = None
    mime: str | None = None
    name: str | None = None
    block: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(slots=True)
class Reasoning:
    """A service's reasoning, which only that service reads again."""

    block: Mapping[str, Any]


@dataclass(slots=True)
class CallMark:
    """Where in an answer a tool was called; the call itself is in `Turn.calls`."""

    call_id: str | None
    block: Mapping[str, Any]


@dataclass(slots=True)
class CachePoint:
    """A mark up to which the prompt is to be cached.

    Attributes:
        ttl: For how long (`5m`, `1h`); None for the service's default.
        own: Whether it was written as Converse has it.
    """

    ttl: str | None = None
    own: bool = False


@dataclass(slots=True)
class Own:
    """A block that some wires alone have.

    Attributes:
        block: The block.
        wires: The wires that have it; None for the service that made it.
        instead: What stands for it elsewhere.
    """

    block: Mapping[str, Any]
    wires: frozenset[str] | None = None
    instead: Text | None = None


Part = Text | Attachment | Reasoning | CallMark | CachePoint | Own


@dataclass(slots=True)
class Call:
    """A tool call.

    Attributes:
        call_id: Its id: as given at first, then as it is sent.
        name: The tool.
        arguments: What it is called with.
        given: The id as it was given.
        readable: Whether the service could read the arguments that the model wrote.
    """

    call_id: str | None
    name: str
    arguments: dict[str, Any]
    given: str | None = None
    readable: bool = True


@dataclass(slots=True)
class Turn:
    """One message.

    Attributes:
        index: Its place in the caller's list.
        role: Who speaks.
        parts: What is said.
        calls: The assistant's tool calls.
        call_id: Of a tool's result, the call that it answers.
        failed: Of a tool's result, whether the tool failed.
        name: The speaker's name, or the tool's.
        metadata: The assistant's `response_metadata`.
        developer: Of a system message, whether OpenAI's `developer` role is asked for.
        native: Whether this very service gave the answer, so that it reads its own blocks again.
    """

    index: int
    role: Role
    parts: list[Part]
    calls: list[Call] = field(default_factory=list)
    call_id: str | None = None
    failed: bool = False
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    developer: bool = False
    native: bool = False

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"message {self.index}"

    @property
    def text(self) -> str:
        """Its words alone, with what stands for the blocks that only some wires have."""
        texts = [part.instead if isinstance(part, Own) else part for part in self.parts]
        return "\n".join(part.text for part in texts if isinstance(part, Text))
