"""The source documents of a named index, as chunks that keep their ids from run to run."""

from __future__ import annotations

import hashlib
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.cli import documents
from turnout.cli.documents import Page, Reading
from turnout.cli.failures import UserError
from turnout.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnout.cli.rag import Cut
    from turnout.index.chunks import Chunk
    from turnout.settings import IndexSettings


class Documents:
    """The Markdown, text and PDF files of a folder, cut as `turnout ask` cuts them.

    A chunk's id is made from its file and its text, so that a changed chunk is a new one and the others stay.

    Args:
        index: The index; its `source` is the folder.

    Attributes:
        name: The folder.
        reading: Which files were read the last time, and which couldn't be.

    Raises:
        UserError: There is no such folder.
    """

    def __init__(self, index: IndexSettings) -> None:
        self._folder = Path(index.source or ".")
        self._cut = _cutter(index)
        self.name = str(self._folder)
        self.reading = Reading()
        if not self._folder.exists():
            raise UserError(f"there is no folder {self.name!r}; source in the index's settings names it")

    def count(self) -> int | None:
        """Not known before they are cut."""
        return None

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, file by file."""
        self.reading = Reading()
        for pages in documents.each(self._folder, self.reading):
            for page in pages:
                seen: Counter[str] = Counter()
                for text, made in self._cut(page):
                    seen[text] += 1
                    yield made(_id(page.source, text, seen[text]))


def _id(source: str, text: str, number: int) -> str:
    parts = f"{source}\n{number}\n{text}"
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _cutter(index: IndexSettings) -> Callable[[Page], Iterator[Cut]]:
    framework = index.opened_with
    try:
        cut: Callable[[Page], Iterator[Cut]] = import_module(f"turnout.cli.rag_{framework}").cut_page
    except ModuleNotFoundError as error:
        extra = framework.replace("_", "-")
        raise MissingExtraError(f"{framework} needs {error.name}: pip install 'turnout[{extra}]'") from error
    return cut
