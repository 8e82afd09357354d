"""Reading images, documents, sounds and films out of every form of block that LangChain and the services have."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from turnout.conversation.documents import TYPES
from turnout.conversation.media import decode_data_url, is_data_url
from turnout.conversation.turns import Attachment
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.turns import Kind

_KINDS: dict[str, Kind] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "file": "document",
    "input_file": "document",
    "document": "document",
    "text-plain": "document",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "media": "document",
}
_CONVERSE: tuple[Kind, ...] = ("image", "document", "audio", "video")
_MIME_KINDS: dict[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}


def read_attachment(block: Mapping[str, Any], where: str) -> Attachment | None:
    """The attachment in a block, or None if the block is of another kind.

    Raises:
        InvalidRequestError: The block is of such a kind, but holds no data, or data that can't be read.
    """
    kind = block.get("type")
    if kind is None:
        inner = next((name for name in _CONVERSE if isinstance(block.get(name), dict)), None)
        return _converse(inner, block[inner], block, where) if inner else None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    found = _typed(kind, block, where)
    if found.url is found.data is found.text is found.file_id is None:
        msg = f"{where} is of type {kind!r} and holds no data, address or file id"
        raise InvalidRequestError(msg)
    return found


def _typed(kind: str, block: Mapping[str, Any], where: str) -> Attachment:
    what = _KINDS[kind]
    name, mime = _said(block, "filename", "name", "title"), _said(block, "mime_type", "media_type", "mimeType")
    inner = block.get(kind)
    if isinstance(inner, dict) and kind in _CONVERSE and "source" in inner:
        return _converse(what, inner, block, where)
    if isinstance(inner, dict):  # OpenAI nests what a block holds under its type
        if kind == "input_audio":
            mime = f"audio/{inner.get('format', 'wav')}"
        name = inner.get("filename") or name
        held = {**inner, "url": inner.get("url")}
    elif isinstance(inner, str):
        held = {"url": inner}
    else:
        held = dict(block)
    source = block.get("source")
    if isinstance(source, dict):
        return _sourced(what, source, block, where, name=name, mime=mime)
    if block.get("source_type") == "text":  # LangChain's first form of a text, which has its words as the address
        words = _str(held.get("text")) or _str(held.get("url"))
        return Attachment(what, text=words, mime=mime, name=name, block=block)
    url = held.get("url") or held.get("image_url") or held.get("file_url") or held.get("file_uri")
    data = held.get("base64") or held.get("data") or held.get("file_data")
    if isinstance(data, str) and is_data_url(data):
        url, data = data, None
    file_id = held.get("file_id") or (held.get("id") if block.get("source_type") == "id" else None)
    text = held.get("text") if kind in {"text-plain", "file", "document"} else None
    if kind == "media" and mime:
        what = _MIME_KINDS.get(mime.partition("/")[0], "document")
    made = Attachment(what, None, _bytes_or_text(data), _str(text), _str(file_id), mime, name, block)
    return _with_url(made, url, where)


def _sourced(
    kind: Kind, source: dict[str, Any], block: Mapping[str, Any], where: str, *, name: str | None, mime: str | None
) -> Attachment:
    """Anthropic's `source`, whose type says where the data is; Converse's has `bytes` or `s3Location`."""
    mime = source.get("media_type") or mime
    match source.get("type"):
        case "url":
            return _with_url(Attachment(kind, mime=mime, name=name, block=block), source.get("url"), where)
        case "file":
            return Attachment(kind, file_id=_str(source.get("file_id")), mime=mime, name=name, block=block)
        case "text":
            return Attachment(kind, text=_str(source.get("data")), mime=mime, name=name, block=block)
        case "content":
            content = source.get("content")
            pieces = [content] if isinstance(content, str) else [_str(part.get("text")) for part in content or []]
            text = "\n".join(piece for piece in pieces if piece)
            return Attachment(kind, text=text or None, mime="text/plain", name=name, block=block)
        case _:
            data = _bytes_or_text(source.get("data") or source.get("bytes"))
            if isinstance(data, str) and is_data_url(data):
                return _with_url(Attachment(kind, mime=mime, name=name, block=block), data, where)
            return Attachment(kind, data=data, mime=mime, name=name, block=block)


def _converse(kind: Kind, inner: dict[str, Any], block: Mapping[str, Any], where: str) -> Attachment:
    form = str(inner.get("format") or "")
    mime = TYPES.get(form, f"{kind}/{form}") if form else None
    source = inner.get("source") or {}
    name = _str(inner.get("name"))
    location = source.get("s3Location") or source.get("s3_location")
    options: dict[str, Any] = {key: inner[key] for key in ("citations", "context") if key in inner}
    if location:
        return Attachment(kind, url=_str(location.get("uri")), mime=mime, name=name, block=options)
    data, text = _bytes_or_text(source.get("bytes")), _str(source.get("text"))
    if data is None and text is None:
        msg = f"{where} is Converse's {kind} and its source has neither bytes nor s3Location"
        raise InvalidRequestError(msg)
    return Attachment(kind, data=data, text=text, mime=mime, name=name, block=options or block)


def _with_url(made: Attachment, url: Any, where: str) -> Attachment:
    """An attachment with its address, or with the data if the address holds them."""
    if not isinstance(url, str) or not url:
        return made
    if is_data_url(url):
        media = decode_data_url(url, where)
        made.data, made.mime = base64.b64encode(media.data).decode("ascii"), media.mime
    else:
        made.url = url
    return made


def _said(block: Mapping[str, Any], *names: str) -> str | None:
    for place in (block, block.get("extras"), block.get("metadata")):
        if isinstance(place, dict):
            found = next((place[name] for name in names if isinstance(place.get(name), str) and place[name]), None)
            if found is not None:
                return str(found)
    return None


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _bytes_or_text(value: Any) -> bytes | str | None:
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return value if isinstance(value, bytes | str) and value else None
