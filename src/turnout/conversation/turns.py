"""A conversation between reading and writing: turns of parts that belong to no framework."""

from __future__ import annotations

from base64 import b64encode
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
        extra: Other members of its block, which only some wire takes (an item's id, annotations, a cache breakpoint).
    """

    text: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Attachment:
    """An image, document, sound or film, wherever its data is.

    Once `turnout.conversation.attachments` has resolved it, it has bytes (or text) with their type, an address that
    the service reads, or a file id; and the name that the wire takes.

    Attributes:
        kind: What it is.
        url: Its address; never a `data:` address.
        data: Its bytes, or their base64; once resolved, bytes.
        text: Its text, of a document that is text.
        file_id: The service's id of an uploaded file.
        mime: Its type.
        name: Its file name or title.
        format: What Converse calls its type; set when it is resolved for Converse.
        options: Those of `detail`, `citations` and `context` that its block had.
        where: How an error names it.
    """

    kind: Kind
    url: str | None = None
    data: bytes | str | None = None
    text: str | None = None
    file_id: str | None = None
    mime: str | None = None
    name: str | None = None
    format: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    @property
    def base64(self) -> str:
        """Its bytes, once it is resolved, as base64."""
        assert isinstance(self.data, bytes)
        return b64encode(self.data).decode("ascii")

    @property
    def address(self) -> str:
        """Its address, or a `data:` address of its bytes."""
        return self.url or f"data:{self.mime};base64,{self.base64}"


@dataclass(slots=True)
class Reasoning:
    """A service's reasoning, which only that service reads again.

    Attributes:
        text: The words, if they are shown.
        signature: Claude's signature of them.
        redacted: Claude's redacted reasoning: a string on Messages, and the base64 of the bytes on Converse.
        item: Responses' item, as the service gave it.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    item: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Call:
    """A tool call, where in the answer it was made.

    Attributes:
        call_id: Its id: the caller's at first, then the one that is sent.
        name: The tool.
        arguments: What it is called with.
        readable: Whether the arguments that the model wrote could be read.
        item_id: The id of Responses' item.
        written: The arguments as the model wrote them.
    """

    call_id: str | None
    name: str
    arguments: dict[str, Any]
    readable: bool = True
    item_id: str | None = None
    written: str | None = None


@dataclass(slots=True)
class CachePoint:
    """A mark up to which the prompt is to be cached.

    Attributes:
        ttl: For how long (`5m`, `1h`); None for the service's default.
        converse: Whether it was written as Converse has it.
    """

    ttl: str | None = None
    converse: bool = False


@dataclass(slots=True)
class WireBlock:
    """A block that only some wires have.

    Attributes:
        block: The block.
        wires: The wires that have it; None for what a service did on its own, which only that service reads again.
        instead: What stands for it elsewhere.
    """

    block: Mapping[str, Any]
    wires: frozenset[str] | None = None
    instead: Text | None = None


Part = Text | Attachment | Reasoning | Call | CachePoint | WireBlock


@dataclass(frozen=True, slots=True)
class Source:
    """Who gave an answer, as far as the answer says.

    Attributes:
        backend: Name of the backend.
        wire: The protocol.
        deployment: What was asked.
        model: The model behind it.
    """

    backend: str | None = None
    wire: str | None = None
    deployment: str | None = None
    model: str | None = None


@dataclass(slots=True)
class Turn:
    """One message.

    Attributes:
        index: Its place in the caller's list.
        role: Who speaks.
        parts: What is said.
        call_id: Of a tool's result, the call that it answers.
        failed: Of a tool's result, whether the tool failed.
        name: The speaker's name, or the tool's.
        source: Who gave an assistant's answer.
        developer: Of a system message, whether OpenAI's `developer` role is asked for.
        native: Whether the parts are as this very service gave them, with reasoning or its own blocks among them.
    """

    index: int
    role: Role
    parts: list[Part]
    call_id: str | None = None
    failed: bool = False
    name: str | None = None
    source: Source | None = None
    developer: bool = False
    native: bool = False

    @property
    def where(self) -> str:
        """How an error names it."""
        return f"message {self.index}"

    @property
    def calls(self) -> list[Call]:
        """The assistant's tool calls."""
        return [part for part in self.parts if isinstance(part, Call)]

    @property
    def text(self) -> str:
        """Its words alone, with what stands for the blocks that only some wires have."""
        texts = [part.instead if isinstance(part, WireBlock) else part for part in self.parts]
        return "\n".join(part.text for part in texts if isinstance(part, Text))
