"""Attachments as each wire takes them: as data of a type that the service reads, by address or id, or in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from turnout.conversation.media import DEFAULT_LIMITS, DOCUMENTS, IMAGES, TEXTS, Media, decode_base64, shown, sniff
from turnout.conversation.turns import Attachment, Text, Turn
from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from turnout.routing import Route

_FETCHED = {"bedrock-converse": {"image", "document"}, "openai-chat": {"document", "audio"}}
"""What a wire takes no web address of; Bedrock takes none on any: github.com/posit-dev/chatlas/issues/410."""

_SOUNDS = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}
_MISNAMED = {"image/jpg": "image/jpeg", "text/x-markdown": "text/markdown", "application/x-pdf": "application/pdf"}
_FORMATS = {mime: form for form, mime in DOCUMENTS.items()}
_WEB = ("https://", "http://")
# The names that Converse takes: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
_LONGEST_NAME = 200


def addresses(turns: Iterable[Turn], route: Route) -> dict[str, str]:
    """What has to be fetched for the route, in order, with the first message that names it."""
    places: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":  # whose files are only mentioned
            continue
        for part in turn.parts:
            if not isinstance(part, Attachment) or part.url is None or not part.url.startswith(_WEB):
                continue
            unread = part.kind == "image" and route.facts.known and not route.facts.images
            if (route.home or part.kind in _FETCHED.get(route.wire, ())) and not unread:
                places.setdefault(part.url, part.where or turn.where)
    return places


class Attachments:
    """Resolves the attachments of one conversation; `fetched` has what was fetched, by address."""

    def __init__(self, route: Route, fetched: Mapping[str, Media]) -> None:
        self._route = route
        self._fetched = fetched
        self._names: dict[str, int] = {}  # of documents on Converse, where each has another

    def resolved(self, attachment: Attachment, where: str) -> Attachment | Text:
        """An attachment as the wire takes it, with all that is decided about it; or its words."""
        facts = self._route.facts
        if attachment.kind == "image" and facts.known and not facts.images:
            place = f"{self._route.deployment!r} on backend {self._route.backend!r}"
            msg = f"{where} holds an image, and {facts.name} reads none ({place}); choose a model that does"
            raise UnsupportedError(msg)
        url = attachment.url
        if url is not None and url in self._fetched:
            media = self._fetched[url]
            if attachment.kind == "image" and not media.mime.startswith("image/"):
                raise InvalidRequestError(f"{where} holds an image, and {shown(url)} is {media.mime}")
            return self._from_data(attachment, media, where)
        if url is not None or attachment.file_id is not None:
            return self._elsewhere(attachment, where)
        return self._from_data(attachment, _media(attachment, where), where)

    def _from_data(self, attachment: Attachment, media: Media, where: str) -> Attachment | Text:
        if attachment.kind == "image" and media.mime not in IMAGES:
            msg = f"{where} holds an image of type {media.mime!r}; the services read {', '.join(sorted(IMAGES))}"
            raise UnsupportedError(msg)
        found = replace(attachment, url=None, text=None, data=media.data, mime=media.mime)
        if attachment.kind == "document":
            if media.mime not in IMAGES:
                return self._document(found, attachment, media, where)
            found.kind = "image"  # which was attached as a file
        found.format = media.mime.partition("/")[2]
        if found.kind == "audio" and self._route.wire == "openai-chat" and found.format in _SOUNDS:
            found.format = _SOUNDS[found.format]
        elif found.kind != "image":
            raise self._no_place(attachment, where, media.mime)
        return found

    def _document(self, found: Attachment, attachment: Attachment, media: Media, where: str) -> Attachment | Text:
        wire = self._route.wire
        form = _FORMATS.get(media.mime)
        is_text = media.mime in TEXTS or media.mime.startswith("text/")
        if wire == "bedrock-converse" and (form or is_text):
            found.format, found.name = form or "txt", self._document_name(attachment)
        elif wire == "anthropic-messages" and is_text:
            found.data, found.text, found.mime = None, _words(media, where), "text/plain"
        elif wire.startswith("openai-") and is_text:
            name = _file_name(attachment, "document")
            return Text(f'<document name="{name}">\n{_words(media, where)}\n</document>')
        elif form == "pdf" or (form and wire == "openai-responses"):
            if wire.startswith("openai-"):
                found.name = _file_name(attachment, f"document.{form}")
        else:
            raise self._no_place(attachment, where, media.mime)
        return found

    def _elsewhere(self, attachment: Attachment, where: str) -> Attachment:
        """An attachment whose data the service itself gets, by its address or the id of an upload."""
        url, kind, wire = attachment.url, attachment.kind, self._route.wire
        if url is not None and url.startswith("s3://"):
            return self._in_s3(attachment, url, where)
        if url is not None and not url.startswith(_WEB):
            raise UnsupportedError(f"{where}: {shown(url)} is no address that a service can read")
        of_chat = {"document"} if url is None else {"image"}
        if wire == "bedrock-converse" or kind not in (of_chat if wire == "openai-chat" else {"image", "document"}):
            raise self._no_place(attachment, where, "by a file's id" if url is None else "by its address")
        return attachment

    def _in_s3(self, attachment: Attachment, url: str, where: str) -> Attachment:
        if self._route.wire != "bedrock-converse" or attachment.kind == "audio":
            raise self._no_place(attachment, where, "in S3")
        suffix, mime = PurePosixPath(url).suffix[1:].lower(), attachment.mime or ""
        form = _FORMATS.get(mime) or mime.partition("/")[2] or ("jpeg" if suffix == "jpg" else suffix)
        name = self._document_name(attachment) if attachment.kind == "document" else attachment.name
        return replace(attachment, format=form, name=name)

    def _document_name(self, attachment: Attachment) -> str:
        """A document's name without what Converse refuses, and unlike those before it."""
        name = PurePosixPath(_file_name(attachment, ""))
        plain = _NOT_IN_A_NAME.sub(" ", name.stem if name.suffix else str(name))
        plain = plain.strip()[:_LONGEST_NAME].strip() or "Document"
        while plain in self._names:
            self._names[plain] += 1
            plain = f"{plain[: _LONGEST_NAME - 8]} {self._names[plain]}"
        self._names[plain] = 1
        return plain

    def _no_place(self, attachment: Attachment, where: str, what: str) -> UnsupportedError:
        route = self._route
        return UnsupportedError(
            f"{where} holds {'an' if attachment.kind[0] in 'aeiou' else 'a'} {attachment.kind} ({what}), which the "
            f"wire {route.wire} doesn't take ({route.deployment!r} on backend {route.backend!r})"
        )


def _media(attachment: Attachment, where: str) -> Media:
    if attachment.text is not None:
        return Media(attachment.text.encode(), "text/plain")
    data = attachment.data
    if data is None:
        raise InvalidRequestError(f"{where} holds an {attachment.kind} without data, address or file id")
    if isinstance(data, str):
        data = decode_base64(data, where)
    if len(data) > DEFAULT_LIMITS.size:
        raise InvalidRequestError(f"{where} holds a file larger than {DEFAULT_LIMITS.size:,} bytes; send a smaller one")
    declared = (attachment.mime or "").partition(";")[0].strip().lower()
    mime = sniff(data) or _MISNAMED.get(declared, declared)
    if not mime or mime == "application/octet-stream":
        raise InvalidRequestError(f"{where} holds data of an unknown type; give its mime_type")
    return Media(data, mime)


def _words(media: Media, where: str) -> str:
    try:
        return media.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{where} holds a document of type {media.mime!r} that isn't UTF-8") from error


def _file_name(attachment: Attachment, default: str) -> str:
    if attachment.name:
        return attachment.name
    return PurePosixPath(unquote(urlsplit(attachment.url or "").path)).name or default
