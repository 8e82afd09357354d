"""Writing images, documents, sounds and films in the form that a wire's class takes."""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from turnout.conversation.documents import (
    FORMATS,
    DocumentNames,
    as_words,
    check_image,
    check_reads_images,
    type_of,
    words_of,
)
from turnout.conversation.media import IMAGES, TEXTS, Media, decode_base64, shown
from turnout.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.turns import Attachment
    from turnout.routing import Route

_FETCHED = {
    "bedrock-converse": frozenset({"image", "document"}),
    "openai-chat": frozenset({"document"}),
    "openai-responses": frozenset[str](),
    "anthropic-messages": frozenset[str](),
}
"""What each wire takes no web address of."""

_SOUNDS = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}


def needs_fetching(attachment: Attachment, route: Route) -> bool:
    """Whether the wire takes this attachment only as data, and it has an address."""
    url = attachment.url
    return url is not None and attachment.kind in _FETCHED[route.wire] and url.startswith(("https://", "http://"))


class Files:
    """Writes the attachments of one conversation.

    Args:
        route: Where they go.
        fetched: What was fetched, by address.
    """

    def __init__(self, route: Route, fetched: Mapping[str, Media]) -> None:
        self._route = route
        self._fetched = fetched
        self._names = DocumentNames()

    def block(self, attachment: Attachment, where: str) -> dict[str, Any]:
        """An attachment as a block for the wire's class.

        Raises:
            UnsupportedError: The model or the wire doesn't take it.
            InvalidRequestError: Its data can't be read.
        """
        if attachment.kind == "image":
            check_reads_images(self._route, where)
        if attachment.url is not None and attachment.url in self._fetched:
            media = self._fetched[attachment.url]
            if attachment.kind == "image" and not media.mime.startswith("image/"):
                msg = f"{where} holds an image, and {shown(attachment.url)} is {media.mime}"
                raise InvalidRequestError(msg)
            return self._written(attachment, media, where)
        if attachment.url is not None or attachment.file_id is not None:
            return self._elsewhere(attachment, where)
        return self._written(attachment, _media(attachment, where), where)

    def _place(self) -> str:
        return f"{self._route.deployment!r} on backend {self._route.backend!r}"

    def _written(  # noqa: PLR0911 - one line for each wire and kind
        self, attachment: Attachment, media: Media, where: str
    ) -> dict[str, Any]:
        mime = media.mime
        kind = attachment.kind
        if kind == "image":
            check_image(media, where)
        if kind == "document" and mime in IMAGES:  # an image given as a file
            kind = "image"
        match self._route.wire, kind:
            case "bedrock-converse", "image":
                return {"image": {"format": mime.partition("/")[2], "source": {"bytes": media.data}}}
            case "bedrock-converse", "document":
                return self._converse_document(attachment, media, where)
            case "anthropic-messages", "image":
                return {"type": "image", "source": _anthropic_source(media)}
            case "anthropic-messages", "document":
                return self._anthropic_document(attachment, media, where)
            case (("openai-chat" | "openai-responses"), "image"):
                return _image_url(_data_url(media), attachment)
            case (("openai-chat" | "openai-responses"), "document"):
                return self._openai_document(attachment, media, where)
            case "openai-chat", "audio" if mime.partition("/")[2] in _SOUNDS:
                sound = {"data": _base64(media.data), "format": _SOUNDS[mime.partition("/")[2]]}
                return {"type": "input_audio", "input_audio": sound}
            case _:
                raise self._no_place(attachment, where, mime)

    def _no_place(self, attachment: Attachment, where: str, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"{where} holds {'an' if attachment.kind[0] in 'aeiou' else 'a'} {attachment.kind} ({what}), which the "
            f"wire {self._route.wire} doesn't take ({self._place()})"
        )

    def _converse_document(self, attachment: Attachment, media: Media, where: str) -> dict[str, Any]:
        form = FORMATS.get(media.mime) or ("txt" if _is_text(media) else None)
        if form is None:
            raise self._no_place(attachment, where, media.mime)
        document: dict[str, Any] = {
            "format": form,
            "name": self._names.plain(_file_name(attachment, "")),
            "source": {"bytes": media.data},
        }
        citations = attachment.block.get("citations")
        if isinstance(citations, dict):
            document["citations"] = citations
        return {"document": document}

    def _anthropic_document(self, attachment: Attachment, media: Media, where: str) -> dict[str, Any]:
        if media.mime == "application/pdf":
            source = _anthropic_source(media)
        elif _is_text(media):
            source = {"type": "text", "media_type": "text/plain", "data": words_of(media, where)}
        else:
            raise self._no_place(attachment, where, media.mime)
        block = {"type": "document", "source": source}
        if attachment.name:
            block["title"] = attachment.name
        return _options(block, attachment, "citations", "context")

    def _openai_document(self, attachment: Attachment, media: Media, where: str) -> dict[str, Any]:
        if _is_text(media):
            return {"type": "text", "text": as_words(media, _file_name(attachment, "document"), where)}
        form = FORMATS.get(media.mime)
        if form is None or (form != "pdf" and self._route.wire == "openai-chat"):
            raise self._no_place(attachment, where, media.mime)
        default = f"document.{form}"
        return {"type": "file", "file": {"file_data": _data_url(media), "filename": _file_name(attachment, default)}}

    def _elsewhere(self, attachment: Attachment, where: str) -> dict[str, Any]:
        """An attachment whose data the service itself gets, by its address or the id of an upload."""
        url, kind, file_id = attachment.url, attachment.kind, attachment.file_id
        wire = self._route.wire
        if url is not None and url.startswith("s3://"):
            return self._in_s3(attachment, url, where)
        if url is not None and not url.startswith(("https://", "http://")):
            msg = f"{where}: {shown(url)} is no address that a service can read"
            raise UnsupportedError(msg)
        match wire, kind:
            case (("openai-chat" | "openai-responses"), "image") if url is not None:
                return _image_url(url, attachment)
            case "openai-responses", "image" if file_id is not None:
                return {"type": "input_image", "file_id": file_id}
            case "openai-responses", "document":
                return {"type": "input_file", **({"file_url": url} if url is not None else {"file_id": file_id})}
            case "openai-chat", "document" if file_id is not None:
                return {"type": "file", "file": {"file_id": file_id}}
            case "anthropic-messages", ("image" | "document"):
                source = {"type": "url", "url": url} if url is not None else {"type": "file", "file_id": file_id}
                return _options({"type": kind, "source": source}, attachment, "citations", "context")
            case _:
                raise self._no_place(attachment, where, "by its address" if url is not None else "by a file's id")

    def _in_s3(self, attachment: Attachment, url: str, where: str) -> dict[str, Any]:
        if self._route.wire != "bedrock-converse" or attachment.kind == "audio":
            raise self._no_place(attachment, where, "in S3")
        form = PurePosixPath(url).suffix[1:].lower()
        mime = attachment.mime or ""
        form = FORMATS.get(mime) or mime.partition("/")[2] or ("jpeg" if form == "jpg" else form)
        held: dict[str, Any] = {"format": form, "source": {"s3Location": {"uri": url}}}
        if attachment.kind == "document":
            held["name"] = self._names.plain(_file_name(attachment, ""))
        return {attachment.kind: held}


def _media(attachment: Attachment, where: str) -> Media:
    if attachment.text is not None:
        return Media(attachment.text.encode(), "text/plain")
    assert attachment.data is not None
    data = attachment.data if isinstance(attachment.data, bytes) else decode_base64(attachment.data, where)
    mime = type_of(data, attachment.mime)
    if not mime or (mime == "application/octet-stream"):
        msg = f"{where} holds data of an unknown type; give its mime_type"
        raise InvalidRequestError(msg)
    return Media(data, mime)


def _is_text(media: Media) -> bool:
    return media.mime in TEXTS or media.mime.startswith("text/")


def _file_name(attachment: Attachment, default: str) -> str:
    if attachment.name:
        return attachment.name
    address = (attachment.url or "").partition("?")[0].partition("#")[0]
    return unquote(address.partition("://")[2].partition("/")[2].rpartition("/")[2]) or default


def _options(block: dict[str, Any], attachment: Attachment, *names: str) -> dict[str, Any]:
    given = attachment.block
    return block | {name: given[name] for name in names if given.get(name) is not None}


def _image_url(url: str, attachment: Attachment) -> dict[str, Any]:
    nested = attachment.block.get("image_url")
    detail = attachment.block.get("detail") or (nested.get("detail") if isinstance(nested, dict) else None)
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}


def _anthropic_source(media: Media) -> dict[str, Any]:
    return {"type": "base64", "media_type": media.mime, "data": _base64(media.data)}


def _data_url(media: Media) -> str:
    return f"data:{media.mime};base64,{_base64(media.data)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
