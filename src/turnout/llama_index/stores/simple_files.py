"""LlamaIndex's `SimpleVectorStore`, whose file is read and written as it is: LlamaIndex goes through each number.

The files of its folder are those that LlamaIndex reads and writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]  # it ships no types
from llama_index.core import StorageContext
from llama_index.core.storage.docstore.types import DEFAULT_PERSIST_FNAME as DOCUMENTS
from llama_index.core.vector_stores.simple import (
    DEFAULT_VECTOR_STORE,
    NAMESPACE_SEP,
    SimpleVectorStore,
    SimpleVectorStoreData,
)
from llama_index.core.vector_stores.types import DEFAULT_PERSIST_FNAME

_FIELDS = [field.name for field in fields(SimpleVectorStoreData)]
_AT_ONCE = 1000  # entries of a file that are made in one piece
_FILES = (DOCUMENTS, f"{DEFAULT_VECTOR_STORE}{NAMESPACE_SEP}{DEFAULT_PERSIST_FNAME}")


class QuickVectorStore(SimpleVectorStore):
    """A `SimpleVectorStore` that is loaded and persisted without a look at each number."""

    @classmethod
    def from_persist_path(cls, persist_path: str, fs: fsspec.AbstractFileSystem | None = None) -> QuickVectorStore:
        """Read the store's file."""
        with (fs or fsspec.filesystem("file")).open(persist_path, "rb") as file:
            found = json.load(file)
        return cls(data=SimpleVectorStoreData(**{name: found[name] for name in _FIELDS if name in found}))

    def persist(
        self,
        persist_path: str = str(Path("storage") / DEFAULT_PERSIST_FNAME),
        fs: fsspec.AbstractFileSystem | None = None,
    ) -> None:
        """Write the store's file."""
        fs = fs or fsspec.filesystem("file")
        fs.makedirs(os.path.dirname(persist_path), exist_ok=True)  # noqa: PTH120 - it may be no file of this machine
        with fs.open(persist_path, "w", encoding="utf-8") as file:
            for number, name in enumerate(_FIELDS):
                file.write(f"{', ' if number else '{'}{json.dumps(name)}: ")
                for part in _parts(getattr(self.data, name)):
                    file.write(part)
            file.write("}")


def _parts(entries: Mapping[str, Any] | None) -> Iterator[str]:
    """An object as JSON, so much at once as takes little memory."""
    if not entries:
        yield json.dumps(entries)
        return
    items, start = iter(entries.items()), "{"
    while some := dict(islice(items, _AT_ONCE)):
        yield start + json.dumps(some)[1:-1]
        start = ", "
    yield "}"


def read_context(folder: Path) -> StorageContext:
    """All that LlamaIndex persisted in a folder."""
    stores = QuickVectorStore.from_namespaced_persist_dir(str(folder))
    return StorageContext.from_defaults(persist_dir=str(folder), vector_stores=stores)


def files_of(folder: Path) -> list[Path]:
    """The files that have a folder's nodes and vectors."""
    return [folder / name for name in _FILES]
