"""What arrived as an image, a document, a sound or a film: its kind and size, read from the bytes."""

from __future__ import annotations

import base64
import binascii
import re
import struct

_TEXTS = frozenset({"txt", "plain", "md", "markdown", "csv", "html", "json", "xml"})
_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]+)?(?:;[\w=.-]+)*;base64,(?P<data>.*)", re.DOTALL)


def describe(kind: str, data: bytes, form: str = "") -> str:
    """Say what was received, e.g. `an image (png, 64 x 32 pixels, 180 bytes)`."""
    facts = [form] if form else []
    sized = _pixels(data) if kind == "image" else None
    if sized is not None:
        found, width, height = sized
        facts = [found, f"{width} x {height} pixels"]
    facts.append(f"{len(data)} bytes")
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind} ({', '.join(facts)})"


def describe_url(url: str, kind: str = "image") -> str:
    """Say what a data URL holds; any other address is named and not opened."""
    match = _DATA_URL.match(url)
    if match is None:
        article = "an" if kind[0] in "aeiou" else "a"
        return f"the address of {article} {kind} ({url[:100]})"
    return describe(kind, decode(match["data"]), (match["type"] or "").rpartition("/")[2])


def read_document(data: bytes, form: str) -> tuple[str, str]:
    """The text of a document, empty unless it is plain text, and what the document is."""
    known = form.removeprefix("x-").lower() in _TEXTS
    return data.decode("utf-8", "replace") if known else "", describe("document", data, form)


def read_data_url(url: str) -> tuple[str, str]:
    """A document in a data URL, as `read_document`; any other address is named and not opened."""
    match = _DATA_URL.match(url)
    if match is None:
        return "", describe_url(url, "document")
    return read_document(decode(match["data"]), (match["type"] or "").rpartition("/")[2])


def decode(text: str) -> bytes:
    """Bytes from base64; what isn't base64 gives none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _pixels(data: bytes) -> tuple[str, int, int] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return "png", width, height
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return "gif", width, height
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    return None


def _jpeg(data: bytes) -> tuple[str, int, int] | None:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return "jpeg", width, height
        at += 2 + length
    return None
