"""A folder of documents in every type that is read, and the command line as a user runs it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject
from typer.testing import CliRunner

from turnout.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

GUIDE = """\
# The harbour

The harbour opens at six in the morning.

## Fees

A berth costs twelve florins a night. Boats under four metres pay nothing.
"""
NOTES = "The lighthouse was built in 1871. Its keeper is called Imke Visser.\n"


_PROGRESS = re.compile(r"^(?:reading|splitting|embedding): \d+ .*, \d+/s.*\n", re.MULTILINE)


def without_progress(err: str) -> str:
    """What was said on stderr but for progress: on a busy machine any step may take so long that it says how far it is."""
    return _PROGRESS.sub("", err)


@dataclass(frozen=True)
class Outcome:
    """What a command did; stderr without the lines of progress."""

    code: int
    out: str
    err: str


def turnout(*arguments: str) -> Outcome:
    """Run the command line in this process."""
    result = CliRunner().invoke(app, list(arguments), prog_name="turnout", catch_exceptions=False)
    return Outcome(result.exit_code, result.stdout, without_progress(result.stderr))


def process(*arguments: str, **environment: str) -> Outcome:
    """Run the command line as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "turnout.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, without_progress(done.stderr))


def pdf(pages: Sequence[str], *, password: str | None = None) -> bytes:
    """A PDF file with a line of text on each page; an empty one is a page without text."""
    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})}
        )
        if text:
            stream = DecodedStreamObject()
            stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode("latin-1"))
            page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Markdown, text and PDF; hidden files and other types among them."""
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "guide.md").write_text(GUIDE, encoding="utf-8")
    (folder / "deep" / "notes.txt").write_text(NOTES, encoding="utf-8")
    (folder / "report.pdf").write_bytes(
        pdf(["The annual report of the island.", "The ferry carried 4212 passengers in July."])
    )
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n")
    (folder / ".hidden.md").write_text("The harbour opens at noon.\n", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("The harbour opens at midnight.\n", encoding="utf-8")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with no settings in it or above it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
