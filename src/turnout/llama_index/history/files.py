"""Images, documents and sounds in the form that a wire's class takes: as data, of a type that the service reads."""

from __future__ import annotations

import base64
import binascii
from io import IOBase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, MessageRole, TextBlock, VideoBlock

from turnout.conversation.documents import (
    FORMATS,
    TYPES,
    DocumentNames,
    as_words,
    check_image,
    check_reads_images,
    type_of,
)
from turnout.conversation.media import DEFAULT_LIMITS, TEXTS, Media, decode_data_url, is_data_url
from turnout.errors import InvalidRequestError, UnsupportedError
from turnout.llama_index.history.order import FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from turnout.llama_index.history.order import Turn
    from turnout.routing import Route

_IMAGES_BY_ADDRESS = frozenset({"openai-chat", "openai-responses"})
"""Wires whose class passes an image's address on. The others' classes would fetch it, with no limits."""

_TYPES = TYPES | {"htm": "text/html", "json": "application/json"}
"""What a file is, by the end of its name."""


def addresses(turns: Sequence[Turn], route: Route) -> list[str]:
    """What has to be fetched, each once, in order."""
    blocks = (block for turn in turns for block in turn.message.blocks)
    found = (_address(block, route) for block in blocks)
    return list(dict.fromkeys(url for url in found if url is not None))


def _address(block: Any, route: Route) -> str | None:
    """The address from which turnout gets a file, if the service doesn't."""
    if not isinstance(block, ImageBlock | DocumentBlock) or not block.url or is_data_url(str(block.url)):
        return None
    if isinstance(block, ImageBlock):
        passed_on = route.wire in _IMAGES_BY_ADDRESS
        unread = route.facts.known and not route.facts.images
        return None if block.image or passed_on or unread else str(block.url)
    return None if block.data else str(block.url)


class Files:
    """Writes the files of one conversation.

    Args:
        route: Where they go.
        fetched: What was fetched, by address.
    """

    def __init__(self, route: Route, fetched: Mapping[str, Media]) -> None:
        self._route = route
        self._fetched = fetched
        self._names = DocumentNames()

    def written(self, turn: Turn) -> list[Any]:
        """A turn's blocks as the wire's class takes them.

        Raises:
            UnsupportedError: The model or the wire doesn't take one.
            InvalidRequestError: The data of one can't be read.
        """
        blocks = turn.message.blocks
        if turn.role is MessageRole.SYSTEM and any(isinstance(block, FILES) for block in blocks):
            msg = f"{turn.where} is a system message and holds a file; services take files from the user only"
            raise UnsupportedError(msg)
        made = [self._block(block, turn.where) if isinstance(block, FILES) else block for block in blocks]
        if self._route.wire == "bedrock-converse" and turn.role is MessageRole.USER:
            return _with_words(made)
        return made

    def _block(self, block: Any, where: str) -> Any:
        if isinstance(block, ImageBlock):
            return self._image(block, where)
        if isinstance(block, DocumentBlock):
            return self._document(block, where)
        if isinstance(block, AudioBlock) and self._route.wire == "openai-chat":
            return block
        what = "a video" if isinstance(block, VideoBlock) else "a sound"
        raise self._no_place(where, what)

    def _no_place(self, where: str, what: str) -> UnsupportedError:
        route = self._route
        return UnsupportedError(
            f"{where} holds {what}, which the wire {route.wire} doesn't take ({route.deployment!r} on backend "
            f"{route.backend!r})"
        )

    def _image(self, block: ImageBlock, where: str) -> ImageBlock:
        check_reads_images(self._route, where)
        url = str(block.url) if block.url else None
        if url is not None and not block.image and url not in self._fetched and not is_data_url(url):
            return block
        media = self._media(block.image, block.path, url, block.image_mimetype, where)
        if not media.mime.startswith("image/"):
            msg = f"{where} holds an image, and its data is {media.mime}"
            raise InvalidRequestError(msg)
        check_image(media, where)
        return ImageBlock(image=base64.b64encode(media.data), image_mimetype=media.mime, detail=block.detail)

    def _document(self, block: DocumentBlock, where: str) -> Any:
        media = self._media(block.data, block.path, block.url, block.document_mimetype, where)
        name = _file_name(block)
        wire, mime = self._route.wire, media.mime
        if wire == "bedrock-converse":
            if mime not in FORMATS and mime not in TEXTS:
                raise self._no_place(where, f"a document of type {mime!r}")
            mime = mime if mime in FORMATS else "text/plain"
            name = self._names.plain(name)
        elif mime in TEXTS:
            return TextBlock(text=as_words(media, name, where))
        elif mime != "application/pdf" and (wire != "openai-responses" or mime not in FORMATS):
            raise self._no_place(where, f"a document of type {mime!r}")
        return DocumentBlock(data=base64.b64encode(media.data), document_mimetype=mime, title=name)

    def _media(self, held: Any, path: Any, url: str | None, declared: str | None, where: str) -> Media:
        """A file's data, wherever the block has it."""
        if held:
            data = _unwrapped(held)
        elif path:
            try:
                data = Path(str(path)).read_bytes()
            except OSError as error:
                msg = f"{where}: {path} can't be read: {error.strerror}"
                raise InvalidRequestError(msg) from error
            declared = declared or _TYPES.get(Path(str(path)).suffix[1:].lower())
        elif url is not None and is_data_url(url):
            return decode_data_url(url, where)
        elif url is not None:
            return self._fetched[url]
        else:
            msg = f"{where} holds an image or document without data, path or address"
            raise InvalidRequestError(msg)
        if len(data) > DEFAULT_LIMITS.size:
            msg = f"{where} holds a file larger than {DEFAULT_LIMITS.size:,} bytes; send a smaller one"
            raise InvalidRequestError(msg)
        mime = type_of(data, declared)
        if not mime:
            msg = f"{where} holds data of an unknown type; give its mimetype"
            raise InvalidRequestError(msg)
        return Media(data, mime)


def _unwrapped(held: bytes | IOBase) -> bytes:
    """A block's bytes: it keeps what it was given as base64."""
    if isinstance(held, IOBase):
        held.seek(0)
        data = held.read()
        held.seek(0)
        held = data.encode() if isinstance(data, str) else data
    try:
        return base64.b64decode(held, validate=True)
    except (binascii.Error, ValueError):
        return held


def _file_name(block: DocumentBlock) -> str:
    if block.title and block.title != "input_document":  # which LlamaIndex calls what has no name
        return block.title
    path = unquote(urlsplit(str(block.url or "")).path) or str(block.path or "")
    return PurePosixPath(path).name or block.title or "document"


def _with_words(blocks: Iterable[Any]) -> list[Any]:
    """Converse wants words beside a document.

    Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
    """
    blocks = list(blocks)
    names = [str(block.title) for block in blocks if isinstance(block, DocumentBlock)]
    if not names or any(isinstance(block, TextBlock) for block in blocks):
        return blocks
    return [TextBlock(text=f"Attached: {', '.join(names)}"), *blocks]
