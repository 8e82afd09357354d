"""Which framework the application is written on; only that one is imported."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.cli import documents
from turnout.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.index.chunks import Chunk
    from turnout.settings import IndexSettings


class Framework(StrEnum):
    """The frameworks, by the names of turnout's extras."""

    LANGCHAIN = "langchain"
    LLAMA_INDEX = "llama-index"


_PACKAGES = {Framework.LANGCHAIN: "langchain_core", Framework.LLAMA_INDEX: "llama_index"}


def choose(wanted: Framework | None) -> Framework:
    """The framework that was asked for, or the first that is installed; `MissingExtraError` if there is none."""
    installed = [framework for framework, package in _PACKAGES.items() if find_spec(package) is not None]
    if wanted is not None and wanted not in installed:
        raise MissingExtraError(f"--framework {wanted} is not installed: pip install 'turnout[{wanted}]'")
    if not installed:
        raise MissingExtraError("no framework is installed: pip install 'turnout[langchain]' or 'turnout[llama-index]'")
    return wanted or installed[0]


def of_index(index: IndexSettings) -> Framework:
    """The framework that opens an index."""
    return Framework(index.opened_with.replace("_", "-"))


@contextmanager
def loaded(framework: Framework) -> Iterator[Any]:
    """The module with a framework's `split`, `index_chunks` and `Application`, for the body to use.

    Raises:
        MissingExtraError: A package of the framework's extra is missing, or one of those that the body needs.
    """
    try:
        yield import_module(f"turnout.cli.rag_{framework.replace('-', '_')}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{framework} needs {error.name}: pip install 'turnout[{framework}]'") from error


class Documents:
    """The source documents of an index, cut as `turnout ask` cuts them: the source of a reindex."""

    def __init__(self, index: IndexSettings) -> None:
        self.name = index.source or "."
        self.reading = documents.Reading()  # which files were read the last time, and which couldn't be
        self._folder = documents.existing(Path(self.name))
        with loaded(of_index(index)) as module:
            self._index_chunks = module.index_chunks

    def count(self) -> int | None:
        """Not known before they are cut."""
        return None

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, file by file."""
        self.reading = documents.Reading()
        for pages in documents.each(self._folder, self.reading):
            for page in pages:
                yield from self._index_chunks(page)
