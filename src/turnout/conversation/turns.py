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
    """Words; `extra` has the members of a block that only some wire takes: an item's id, annotations, a breakpoint."""

    text: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Attachment:
    """An image, document, sound or film, wherever its data is.

    Once `turnout.conversation.attachments` has resolved it, it has bytes (or text) with their type, an address that
    the service reads, or a file id; and the name that the wire takes.
    """

    kind: Kind
    url: str | None = None  # never a `data:` address
    data: bytes | str | None = None  # bytes, or their base64; once resolved, bytes
    text: str | None = None  # of a document that is text
    file_id: str | None = None  # the service's id of an uploaded file
    mime: str | None = None
    name: str | None = None  # file name or title
    format: str = ""  # what Converse calls its type; set when it is resolved for Converse
    options: Mapping[str, Any] = field(default_factory=dict)  # those of `detail`, `citations`, `context` of its block
    where: str = ""  # how an error names it

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
    """A service's reasoning, which only that service reads again."""

    text: str = ""  # if it is shown
    signature: str | None = None  # Claude's
    redacted: str | None = None  # Claude's: a string on Messages, and the base64 of the bytes on Converse
    item: Mapping[str, Any] | None = None  # Responses', as the service gave it


@dataclass(slots=True)
class Call:
    """A tool call, where in the answer it was made."""

    call_id: str | None  # the caller's at first, then the one that is sent
    name: str
    arguments: dict[str, Any]
    readable: bool = True  # whether the arguments that the model wrote could be read
    item_id: str | None = None  # of Responses' item
    written: str | None = None  # the arguments as the model wrote them


@dataclass(slots=True)
class CachePoint:
    """A mark up to which the prompt is to be cached."""

    ttl: str | None = None  # `5m`, `1h`; None for the service's default
    converse: bool = False  # whether it was written as Converse has it


@dataclass(slots=True)
class WireBlock:
    """A block that only some wires have, and what stands for it elsewhere."""

    block: Mapping[str, Any]
    wires: frozenset[str] | None = None  # None for what a service did on its own, which only that service reads again
    instead: Text | None = None


Part = Text | Attachment | Reasoning | Call | CachePoint | WireBlock


@dataclass(frozen=True, slots=True)
class Source:
    """Who gave an answer, as far as the answer says."""

    backend: str | None = None
    wire: str | None = None
    deployment: str | None = None
    model: str | None = None


@dataclass(slots=True)
class Turn:
    """One message."""

    index: int  # its place in the caller's list
    role: Role
    parts: list[Part]
    call_id: str | None = None  # of a tool's result
    failed: bool = False  # of a tool's result
    name: str | None = None  # the speaker's, or the tool's
    source: Source | None = None  # of an assistant's answer
    developer: bool = False  # of a system message, whether OpenAI's `developer` role is asked for
    native: bool = False  # whether the parts are as this very service gave them, with its own blocks among them

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
