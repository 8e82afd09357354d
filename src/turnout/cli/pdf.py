"""The text of a PDF file, page by page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from turnout.cli.failures import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path


def pages(path: Path) -> list[tuple[int, str]]:
    """The pages that have text: number, from 1, and text.

    Raises:
        UnreadableError: The file is no PDF, is broken, wants a password, or has only pictures of text.
        OSError: The file can't be read.
    """
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports each oddity of a file that it then reads well
    try:
        texts = _texts(path)
    except (UnreadableError, OSError):
        raise
    except FileNotDecryptedError:
        raise UnreadableError("it wants a password; save it without one") from None
    except DependencyError as error:
        raise UnreadableError(f"its encryption needs another package: {error}") from None
    except PyPdfError as error:
        raise UnreadableError(f"it is no PDF, or a broken one: {error}") from None
    except Exception as error:  # noqa: BLE001 - broken files make pypdf raise nearly anything
        raise UnreadableError(f"it is a broken PDF: {type(error).__name__}: {error}") from None
    found = [(number, text) for number, text in texts if text]
    if not found:
        raise UnreadableError("it has no text, only pictures; run OCR over it first")
    return found


def _texts(path: Path) -> list[tuple[int, str]]:
    import pypdf

    with pypdf.PdfReader(path) as reader:
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("it wants a password; save it without one")
        return [(number, _clean(page.extract_text())) for number, page in enumerate(reader.pages, start=1)]


def _clean(text: str) -> str:
    """Text without what UTF-8 can't carry, which a PDF's character maps may give."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()
