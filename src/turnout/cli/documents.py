"""Reading a folder: Markdown, text and PDF files, and why any other was left out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.cli.failures import UnreadableError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARKDOWN = frozenset({".md", ".markdown"})
TEXT = MARKDOWN | {".txt", ".text", ".rst"}
LARGEST = 64 * 1024 * 1024  # bytes of one file


@dataclass(frozen=True, slots=True)
class Page:
    """A text with its origin: a whole file, or one page of a PDF.

    Attributes:
        text: The text.
        file: The file's path, from the folder that was given.
        page: The page's number, from 1, in a PDF.
    """

    text: str
    file: str
    page: int | None = None

    @property
    def source(self) -> str:
        """How an answer names it: `guide.md`, or `report.pdf, page 3`."""
        return self.file if self.page is None else f"{self.file}, page {self.page}"


@dataclass(slots=True)
class Reading:
    """What was found in a folder.

    Attributes:
        pages: The texts, in the order of their files' names.
        files: How many files they come from.
        skipped: Files that should have been read and couldn't, and why.
        others: How many files have another type.
        hidden: How many files and folders are hidden.
    """

    pages: list[Page] = field(default_factory=list)
    files: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    others: int = 0
    hidden: int = 0


def read(folder: Path, on_file: Callable[[int], None] = lambda _: None) -> Reading:
    """Read a folder and those below it, or a single file.

    Args:
        folder: Where to look.
        on_file: Called with 1 after each file.

    Raises:
        UserError: There is no such folder, or nothing in it can be read.
    """
    if not folder.exists():
        raise UserError(f"there is no folder {str(folder)!r}; --docs takes a folder of Markdown, text and PDF files")
    reading = Reading()
    for pages in each(folder, reading):
        reading.pages += pages
        on_file(1)
    if not reading.pages:
        raise UserError(_nothing(folder, reading))
    return reading


def each(folder: Path, reading: Reading) -> Iterator[list[Page]]:
    """Read a folder file by file, for more than fits into memory.

    Args:
        folder: Where to look; it must exist.
        reading: Is told which files were read and which couldn't be; its `pages` stay empty.

    Yields:
        The pages of each file; none of one that can't be read.
    """
    single = not folder.is_dir()
    root = folder.parent if single else folder
    for path in [folder] if single else _files(folder, reading):
        kind = path.suffix.lower()
        name = printable(path.relative_to(root).as_posix())
        if kind not in TEXT and kind != ".pdf":
            reading.others += 1
            continue
        try:
            pages = _pages(path, name, pdf=kind == ".pdf")
        except UnreadableError as error:
            reading.skipped.append((name, str(error)))
            pages = []
        else:
            reading.files += 1
        yield pages


def printable(name: str) -> str:
    """A file's name with escapes for what can't be printed or sent: control characters, bytes that aren't UTF-8."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def _files(folder: Path, reading: Reading) -> Iterator[Path]:
    def unlisted(error: OSError) -> None:
        name = Path(error.filename or folder).relative_to(folder).as_posix()
        reading.skipped.append((printable(name), f"the folder can't be listed: {error.strerror}"))

    for current, folders, names in os.walk(folder, onerror=unlisted):
        reading.hidden += sum(name.startswith(".") for name in (*folders, *names))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(current, name) for name in sorted(names) if not name.startswith("."))


def _pages(path: Path, name: str, *, pdf: bool) -> list[Page]:
    try:
        if not path.is_file():  # opening a pipe or a device could wait for ever
            raise UnreadableError("it is no regular file" if path.exists() else "the link leads nowhere")
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"it is larger than {LARGEST // 2**20} MiB; split it")
        if pdf:
            from turnout.cli.pdf import pages

            return [Page(text, name, number) for number, text in pages(path)]
        return [Page(_decoded(path.read_bytes()), name)]
    except OSError as error:
        raise UnreadableError(f"it can't be read: {error.strerror or error}") from error


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise UnreadableError("it isn't text") from None
        raise UnreadableError(
            f"it isn't UTF-8 text (byte 0x{data[error.start]:02x} at {error.start}); save it as UTF-8"
        ) from None
    if "\0" in text:
        raise UnreadableError("it isn't text")
    if not text.strip():
        raise UnreadableError("it is empty")
    return text


def _nothing(folder: Path, reading: Reading) -> str:
    lines = [f"nothing to read in {str(folder)!r}: no Markdown (.md), text (.txt, .rst) or PDF file with text in it"]
    lines += [f"  {name}: {why}" for name, why in reading.skipped[:10]]
    if reading.others or reading.hidden:
        lines.append(f"  not looked at: {reading.others} of other types, {reading.hidden} hidden")
    return "\n".join(lines)
