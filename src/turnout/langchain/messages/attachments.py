"""Reading images, documents, sounds and films out of every form of block that LangChain and the services have."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from turnout.conversation.media import DOCUMENTS, decode_data_url, is_data_url
from turnout.conversation.turns import Attachment
from turnout.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnout.conversation.turns import Kind

_TYPES: dict[Kind, tuple[str, ...]] = {
    "image": ("image", "image_url", "input_image"),
    "document": ("file", "input_file", "document", "text-plain", "media"),
    "audio": ("audio", "audio_url", "input_audio"),
    "video": ("video", "video_url"),
}
_KINDS = {name: kind for kind, names in _TYPES.items() for name in names}
_MIME_KINDS: dict[str, Kind] = {"image": "image", "audio": "audio", "video": "video"}


def read_attachment(block: Mapping[str, Any], where: str) -> Attachment | None:
    """The attachment in a block, or None if the block is of another kind."""
    kind = block.get("type")
    if kind is None:
        inner = next((name for name in _TYPES if isinstance(block.get(name), dict)), None)
        return _converse(inner, block[inner], where) if inner else None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    found = _typed(kind, block, where)
    found.where = where
    if found.url is found.data is found.text is found.file_id is None:
        raise InvalidRequestError(f"{where} is of type {kind!r} and holds no data, address or file id")
    return found


def _typed(kind: str, block: Mapping[str, Any], where: str) -> Attachment:
    inner, source = block.get(kind), block.get("source")
    found = Attachment(_KINDS[kind], options=_options(block))
    found.name = _named(block, "filename", "name", "title")
    found.mime = _named(block, "mime_type", "media_type", "mimeType")
    if isinstance(inner, dict) and kind in _TYPES and "source" in inner:
        return _converse(found.kind, inner, where)
    if isinstance(inner, dict):  # OpenAI nests what a block holds under its type
        if kind == "input_audio":
            found.mime = f"audio/{inner.get('format', 'wav')}"
        found.name = inner.get("filename") or found.name
        members = {**inner, "url": inner.get("url")}
    else:
        members = {"url": inner} if isinstance(inner, str) else dict(block)
    if isinstance(source, dict):
        return _sourced(found, source, where)
    if block.get("source_type") == "text":  # LangChain's first form of a text, which has its words as the address
        found.text = _str(members.get("text")) or _str(members.get("url"))
        return found
    url = members.get("url") or members.get("image_url") or members.get("file_url") or members.get("file_uri")
    data = members.get("base64") or members.get("data") or members.get("file_data")
    if isinstance(data, str) and is_data_url(data):
        url, data = data, None
    found.data = _bytes_or_text(data)
    found.file_id = _str(members.get("file_id") or (members.get("id") if block.get("source_type") == "id" else None))
    found.text = _str(members.get("text")) if kind in {"text-plain", "file", "document"} else None
    if kind == "media" and found.mime:
        found.kind = _MIME_KINDS.get(found.mime.partition("/")[0], "document")
    return _with_url(found, url, where)


def _sourced(found: Attachment, source: dict[str, Any], where: str) -> Attachment:
    """Anthropic's `source`, whose type says where the data is; Converse's has `bytes` or `s3Location`."""
    found.mime = source.get("media_type") or found.mime
    match source.get("type"):
        case "url":
            return _with_url(found, source.get("url"), where)
        case "file":
            found.file_id = _str(source.get("file_id"))
        case "text":
            found.text = _str(source.get("data"))
        case "content":
            content = source.get("content")
            pieces = [content] if isinstance(content, str) else [_str(part.get("text")) for part in content or []]
            found.text, found.mime = "\n".join(piece for piece in pieces if piece) or None, "text/plain"
        case _:
            data = _bytes_or_text(source.get("data") or source.get("bytes"))
            if isinstance(data, str) and is_data_url(data):
                return _with_url(found, data, where)
            found.data = data
    return found


def _converse(kind: Kind, inner: dict[str, Any], where: str) -> Attachment:
    form = str(inner.get("format") or "")
    source = inner.get("source") or {}
    location = source.get("s3Location") or source.get("s3_location") or {}
    found = Attachment(kind, url=_str(location.get("uri")), name=_str(inner.get("name")), where=where)
    found.mime = DOCUMENTS.get(form, f"{kind}/{form}") if form else None
    found.options = {key: inner[key] for key in ("citations", "context") if key in inner}
    if not location:
        found.data, found.text = _bytes_or_text(source.get("bytes")), _str(source.get("text"))
        if found.data is None and found.text is None:
            raise InvalidRequestError(f"{where} is Converse's {kind} and its source has neither bytes nor s3Location")
    return found


def _options(block: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: block[name] for name in ("detail", "citations", "context") if block.get(name) is not None}
    nested = block.get("image_url")
    if "detail" not in options and isinstance(nested, dict) and nested.get("detail"):
        options["detail"] = nested["detail"]
    return options


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


def _named(block: Mapping[str, Any], *names: str) -> str | None:
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
