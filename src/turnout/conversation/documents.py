"""Files in conversations, as the services take them: their types and names, and the words of those that are text."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from turnout.conversation.media import IMAGES, Media, sniff
from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from turnout.routing import Route

FORMATS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
"""What Converse calls the documents that it takes, by their types.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""
TYPES = {form: mime for mime, form in FORMATS.items()}

_MISNAMED = {"image/jpg": "image/jpeg", "text/x-markdown": "text/markdown", "application/x-pdf": "application/pdf"}
# The names that Converse takes are on the page above.
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_LONGEST_NAME = 200


class DocumentNames:
    """Names that Converse takes, another for each document of a conversation."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def plain(self, name: str) -> str:
        """A document's name without what Converse refuses, and unlike those before it."""
        stem = PurePosixPath(name).stem if PurePosixPath(name).suffix else name
        clean = _NOT_IN_A_NAME.sub(" ", stem).strip()[:_LONGEST_NAME].strip() or "Document"
        while clean in self._taken:
            self._taken[clean] += 1
            clean = f"{clean[: _LONGEST_NAME - 8]} {self._taken[clean]}"
        self._taken[clean] = 1
        return clean


def type_of(data: bytes, declared: str | None) -> str:
    """A file's type: what its bytes say, otherwise its declared type; empty if there is neither."""
    mime = (declared or "").partition(";")[0].strip().lower()
    return sniff(data) or _MISNAMED.get(mime, mime)


def check_reads_images(route: Route, where: str) -> None:
    """Refuse an image for a model that is known to read none.

    Raises:
        UnsupportedError: It reads none.
    """
    facts = route.facts
    if facts.known and not facts.images:
        place = f"{route.deployment!r} on backend {route.backend!r}"
        msg = f"{where} holds an image, and {facts.name} reads none ({place}); choose a model that does"
        raise UnsupportedError(msg)


def check_image(media: Media, where: str) -> None:
    """Refuse an image of a type that the services don't read.

    Raises:
        UnsupportedError: It is of another type.
    """
    if media.mime not in IMAGES:
        msg = f"{where} holds an image of type {media.mime!r}; the services read {', '.join(sorted(IMAGES))}"
        raise UnsupportedError(msg)


def words_of(media: Media, where: str) -> str:
    """The words of a document that is text.

    Raises:
        InvalidRequestError: It isn't UTF-8.
    """
    try:
        return media.data.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{where} holds a document of type {media.mime!r} that isn't UTF-8"
        raise InvalidRequestError(msg) from error


def as_words(media: Media, name: str, where: str) -> str:
    """A document that is text, where a wire takes no such documents: its words, under its name.

    Raises:
        InvalidRequestError: It isn't UTF-8.
    """
    return f'<document name="{name}">\n{words_of(media, where)}\n</document>'
