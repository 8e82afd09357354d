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
    """One message."""

    role: Role
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    media: list[str] = field(default_factory=list)  # what each image, document, sound or film is
    attached: list[str] = field(default_factory=list)  # the texts of documents that are plain text

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
    """A conversation and how to answer it."""

    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    tool_choice: str = "auto"  # `auto`, `none`, `required`, or the name of the tool to call
    parallel: bool = True  # whether several tools may be called at once
    schema: Mapping[str, Any] | None = None  # of the answer
    json_mode: bool = False  # the answer is to be some JSON object
    stop: list[str] = field(default_factory=list)
    keep_stop: bool = False  # whether the text that ended the answer stays in it, as on Nova
    max_tokens: int | None = None
    reasoning: bool = False  # whether the model shows reasoning before its answer
    stream: bool = False
    input_tokens: int = 0  # counted by the wire
