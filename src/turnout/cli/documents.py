"""Reading a folder: Markdown, text and PDF files, and why any other was left out."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from turnout.cli.failures import UnreadableError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TYPES = frozenset({".md", ".markdown", ".txt", ".text", ".rst", ".pdf"})
_LARGEST = 64 * 1024 * 1024  # bytes of one file
_MOST_PAGES = 10_000  # of a PDF


class Page(NamedTuple):
    """A text, and how an answer names its origin: `guide.md`, or `report.pdf, page 3`."""

    text: str
    source: str


@dataclass(slots=True)
class Reading:
    """What was found in a folder, in the order of the files' names."""

    pages: list[Page] = field(default_factory=list)
    files: int = 0  # which the pages come from
    skipped: list[tuple[str, str]] = field(default_factory=list)  # file that couldn't be read, and why
    others: int = 0  # files of another type
    hidden: int = 0  # files and folders


def read(folder: Path, on_file: Callable[[int], None] = lambda _: None, *, may_be_empty: bool = False) -> Reading:
    """Read a folder and those below it, or a single file; `on_file` is called with 1 after each.

    Raises:
        UserError: There is no such folder, or nothing in it can be read although it may not be empty.
    """
    reading = Reading()
    for pages in each(existing(folder), reading):
        reading.pages += pages
        on_file(1)
    if not reading.pages and not may_be_empty:
        raise UserError(_nothing(folder, reading))
    return reading


def existing(folder: Path) -> Path:
    """The folder, or a `UserError` if there is none."""
    if not folder.exists():
        hint = "--docs and source in an index's settings take a folder of Markdown, text and PDF files"
        raise UserError(f"there is no folder {str(folder)!r}; {hint}")
    return folder


def each(folder: Path, reading: Reading) -> Iterator[list[Page]]:
    """The pages of each file, for more than fits into memory; `reading` notes all else."""
    root, paths = (folder, _files(folder, reading)) if folder.is_dir() else (folder.parent, iter([folder]))
    for path in paths:
        if path.suffix.lower() not in _TYPES:
            reading.others += 1
            continue
        name = printable(path.relative_to(root).as_posix())
        try:
            if path != folder:
                _check_within(path, root)
            pages = _pages(path, name)
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
        for name in (name for name in folders if Path(current, name).is_symlink()):
            link = printable(Path(current, name).relative_to(folder).as_posix())
            reading.skipped.append((link, "links to folders aren't followed; name that folder itself"))
        yield from (Path(current, name) for name in sorted(names) if not name.startswith("."))


def _check_within(path: Path, root: Path) -> None:
    """Refuse a link that leads out of the folder: who may write to the folder may not be who may read what is there."""
    if path.is_symlink() and path.exists() and not path.resolve().is_relative_to(root.resolve()):
        raise UnreadableError("the link leads out of the folder; copy the file into it")


def _pages(path: Path, name: str) -> list[Page]:
    try:
        if not path.is_file():  # opening a pipe or a device could wait for ever
            raise UnreadableError("it is no regular file" if path.exists() else "the link leads nowhere")
        if path.stat().st_size > _LARGEST:
            raise UnreadableError(f"it is larger than {_LARGEST // 2**20} MiB; split it")
        if path.suffix.lower() == ".pdf":
            return [Page(text, f"{name}, page {number}") for number, text in _pdf_texts(path)]
        return [Page(_decoded(path.read_bytes()), name)]
    except OSError as error:
        raise UnreadableError(f"it can't be read: {error.strerror or error}") from error


def _pdf_texts(path: Path) -> list[tuple[int, str]]:
    """The pages of a PDF that have text: number, from 1, and text."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports each oddity of a file that it then reads well
    try:
        with PdfReader(path) as reader:  # which tries the empty password itself
            count = len(reader.pages)
            read = enumerate(reader.pages if count <= _MOST_PAGES else [], start=1)
            texts = [(number, _encodable(page.extract_text())) for number, page in read]
    except OSError:
        raise
    except FileNotDecryptedError:
        raise UnreadableError("it wants a password; save it without one") from None
    except DependencyError as error:
        raise UnreadableError(f"its encryption needs another package: {error}") from None
    except PyPdfError as error:
        raise UnreadableError(f"it is no PDF, or a broken one: {error}") from None
    except Exception as error:  # noqa: BLE001 - broken files make pypdf raise nearly anything
        raise UnreadableError(f"it is a broken PDF: {type(error).__name__}: {error}") from None
    if count > _MOST_PAGES:
        raise UnreadableError(f"it has {count:,} pages; split it into files of {_MOST_PAGES:,} at most")
    found = [(number, text) for number, text in texts if text]
    if not found:
        raise UnreadableError("it has no text, only pictures; run OCR over it first")
    return found


def _encodable(text: str) -> str:
    """Text without what UTF-8 can't carry, which a PDF's character maps may give."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()


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
