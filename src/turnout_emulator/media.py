"""What arrived as an image, a document, a sound or a film: its kind and size, read from the bytes."""

from __future__ import annotations

import base64
import binascii
import re
import struct

_TEXTS = frozenset({"txt", "plain", "md", "markdown", "csv", "html", "json", "xml"})
_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]+)?(?:;[\w=.-]+)*;base64,(?P<data>.*)", re.DOTALL)


def describe(kind: str, data: bytes, form: str) -> str:
    """Say what was received, e.g. `an image (png, 64 x 32 pixels, 180 bytes)`."""
    facts = [form] if form else []
    if kind == "image" and data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        facts = ["png", "{} x {} pixels".format(*struct.unpack(">II", data[16:24]))]
    return f"{with_article(kind)} ({', '.join([*facts, f'{len(data)} bytes'])})"


def with_article(kind: str) -> str:
    """`an image`, `a document`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def plain_text(data: bytes, form: str) -> str:
    """The text of a document, empty unless it is plain text."""
    return data.decode("utf-8", "replace") if form.removeprefix("x-").lower() in _TEXTS else ""


def open_data_url(url: str) -> tuple[bytes, str] | None:
    """The bytes in a data URL and their form; None for any other address."""
    match = _DATA_URL.match(url)
    return (decode(match["data"]), (match["type"] or "").rpartition("/")[2]) if match else None


def decode(text: str) -> bytes:
    """Bytes from base64; what isn't base64 gives none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
