"""A request to a chat model, free of any wire: what the model reads."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from turnout_emulator.answers import ToolCall

Role = Literal["system", "user", "assistant", "tool"]

_TEXTS = frozenset({"txt", "plain", "md", "markdown", "csv", "html", "json", "xml"})
_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]+)?(?:;[\w=.-]+)*;base64,(?P<data>.*)", re.DOTALL)


def decode(text: str) -> bytes:
    """Bytes from base64; what isn't base64 gives none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back."""

    id: str
    text: str
    error: bool = False


@dataclass(slots=True)
class Turn:
    """One message.

    Attributes:
        role: Who speaks.
        text: All its text.
        calls: Tools called.
        results: Results of tools.
        media: What each image, document, sound or film is.
        attached: The texts of documents that are plain text.
    """

    role: Role
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)

    def add_text(self, text: str) -> None:
        """Add a block of text."""
        self.text = f"{self.text}\n{text}" if self.text else text

    def add_media(self, kind: str, data: bytes, form: str) -> None:
        """Add what was received, e.g. `an image (png, 64 x 32 pixels, 180 bytes)`, and the text of a plain document."""
        facts = [form] if form else []
        if kind == "image" and data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
            facts = ["png", "{} x {} pixels".format(*struct.unpack(">II", data[16:24]))]
        self.media.append(f"{_with_article(kind)} ({', '.join([*facts, f'{len(data)} bytes'])})")
        if kind == "document" and data and form.removeprefix("x-").lower() in _TEXTS:
            self.attached.append(data.decode("utf-8", "replace"))

    def add_url(self, kind: str, url: str) -> None:
        """Add what a data URL holds; any other address is named and not opened."""
        match = _DATA_URL.match(url)
        if match is not None:
            self.add_media(kind, decode(match["data"]), (match["type"] or "").rpartition("/")[2])
        else:
            self.media.append(f"the address of {_with_article(kind)} ({url[:100]})")

    def add_result(self, identity: str, result: Turn, *, error: bool = False) -> None:
        """Add what a tool returned, read like a message."""
        self.results.append(ToolResult(identity, "\n".join(filter(None, [result.text, *result.attached])), error=error))
        self.media += result.media


@dataclass(slots=True)
class Prompt:
    """A conversation and how to answer it.

    Attributes:
        turns: The messages, oldest first.
        tools: The tools on offer.
        tool_choice: `auto`, `none`, `required`, or the name of the tool to call.
        parallel: Whether several tools may be called at once.
        schema: JSON schema of the answer.
        json_mode: The answer is to be some JSON object.
        stop: Texts that end the answer.
        keep_stop: Whether the text that ended the answer stays in it, as on Nova.
        max_tokens: Longest answer in tokens.
        reasoning: Whether the model shows reasoning before its answer.
        stream: Whether the answer is streamed.
        input_tokens: Tokens in the request, counted by the wire.
    """

    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    tool_choice: str = "auto"
    parallel: bool = True
    schema: Mapping[str, Any] | None = None
    json_mode: bool = False
    stop: list[str] = field(default_factory=list)
    keep_stop: bool = False
    max_tokens: int | None = None
    reasoning: bool = False
    stream: bool = False
    input_tokens: int = 0
