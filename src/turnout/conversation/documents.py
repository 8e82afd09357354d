"""Documents in conversations: their types, and names that Converse takes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

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
