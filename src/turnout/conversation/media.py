"""Images and documents: their types, and their bytes out of base64 and `data:` addresses."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from turnout.errors import InvalidRequestError

TEXTS = frozenset(
    {"text/plain", "text/markdown", "text/csv", "text/html", "text/xml", "application/xml", "application/json"}
)
"""Types of documents that are plain text."""

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types of images that the services read."""

DOCUMENTS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}
"""Types of the documents that Converse takes, by what it calls them.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""


@dataclass(frozen=True, slots=True)
class Media:
    """Something that isn't text, as bytes."""

    data: bytes
    mime: str  # read from the bytes where those tell

    def __repr__(self) -> str:
        return f"Media({self.mime}, {len(self.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Limits:
    """What fetching one file may cost."""

    size: int = 20 * 1024 * 1024  # bytes
    timeout: float = 20.0  # seconds, redirects included
    redirects: int = 3


DEFAULT_LIMITS = Limits()


_MAGIC = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("audio/wav", re.compile(rb"RIFF.{4}WAVE", re.DOTALL)),
    ("application/pdf", re.compile(rb"%PDF-")),
    ("audio/mpeg", re.compile(rb"ID3|\xff\xfb")),
)


def sniff(data: bytes) -> str | None:
    """The type that the first bytes tell; None where they don't (text, for one)."""
    return next((mime for mime, magic in _MAGIC if magic.match(data)), None)


def is_data_url(url: str) -> bool:
    """Whether an address holds its data itself."""
    return url[:5].lower() == "data:"


def decode_base64(text: str, where: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Bytes from base64, neither empty nor too large."""
    if len(text) * 3 // 4 > limits.size + 3:
        raise too_large(where, limits)
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{where} isn't valid base64") from error
    return _checked(data, where, limits)


def decode_data_url(url: str, where: str = "a data: address", limits: Limits = DEFAULT_LIMITS) -> Media:
    """What a `data:` address holds, neither empty nor too large."""
    head, comma, body = url.partition(",")
    if not is_data_url(url) or not comma:
        raise InvalidRequestError(f"{where} isn't a data: address with a comma before the data")
    declared, *options = head[5:].split(";")
    if "base64" in (option.strip().lower() for option in options):
        data = decode_base64(body, where, limits)
    else:
        if len(body) > 3 * limits.size:
            raise too_large(where, limits)
        data = _checked(unquote_to_bytes(body), where, limits)
    return Media(data, sniff(data) or declared.strip().lower() or "text/plain")


def shown(url: str) -> str:
    """An address as an error may show it: without user, query and fragment, which may hold secrets."""
    if is_data_url(url):
        return "a data: address"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that can't be read"
    return f"{parts.scheme}://{host}{port}{parts.path}"[:200]


def _checked(data: bytes, where: str, limits: Limits) -> bytes:
    if not data:
        raise InvalidRequestError(f"{where} is empty")
    if len(data) > limits.size:
        raise too_large(where, limits)
    return data


def too_large(what: str, limits: Limits) -> InvalidRequestError:
    """The error for a file that is larger than the limits allow."""
    return InvalidRequestError(f"{what} is larger than {limits.size:,} bytes; send a smaller one")
