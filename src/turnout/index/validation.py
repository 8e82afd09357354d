"""What a store can't hold, found before anything is embedded, written or deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from turnout.errors import ChunkRefusedError
from turnout.index.chunks import Chunk


def chunk_refused(chunk: Chunk, index: str, key: str | None, why: str) -> ChunkRefusedError:
    """The error of a chunk that a store can't hold: for a key of its metadata, or its text or id if the key is None."""
    what = "its text or id" if key is None else f"the value of its metadata {key!r}"
    msg = f"the chunk {chunk.id!r} can't be held by {index!r}, for {what}: {why}. Nothing was embedded or written"
    return ChunkRefusedError(msg, index=index, id=chunk.id, key=key)


def check_strings(chunk: Chunk, metadata: Mapping[str, Any], index: str, *, null: bool = True) -> None:
    """Refuse text that is no Unicode, anywhere in a chunk, and the character NUL unless the store can hold it."""
    for key, text in [*_strings(metadata), (None, chunk.id), (None, chunk.text)]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise chunk_refused(chunk, index, key, f"it has half of a character ({error.reason})") from error
        if not null and "\0" in text:
            raise chunk_refused(chunk, index, key, "it has the character NUL, which PostgreSQL can't hold")


def check_json(chunk: Chunk, metadata: Mapping[str, Any], index: str) -> None:
    """Refuse metadata that can't be kept as JSON."""
    for key, value in metadata.items():
        try:
            json.dumps({key: value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise chunk_refused(chunk, index, str(key), f"it can't be kept as JSON: {error}") from error


def _strings(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in metadata.items():
        left: list[Any] = [key, value]
        while left:
            one = left.pop()
            if isinstance(one, str):
                yield str(key), one
            elif isinstance(one, dict):
                left += [*one, *one.values()]
            elif isinstance(one, list | tuple):
                left += one
