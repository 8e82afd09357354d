from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from turnout.cli import documents
from turnout.cli.documents import printable, read
from turnout.cli.failures import UserError

from .conftest import GUIDE, NOTES, pdf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _why(folder: Path) -> dict[str, str]:
    return dict(read(folder).skipped)


def test_markdown_text_and_each_page_of_a_pdf_are_read(docs: Path) -> None:
    pages = {page.source: page.text for page in read(docs).pages}
    assert pages == {
        "guide.md": GUIDE,
        "deep/notes.txt": NOTES,
        "report.pdf, page 1": "The annual report of the island.",
        "report.pdf, page 2": "The ferry carried 4212 passengers in July.",
    }


def test_other_and_hidden_files_are_counted(docs: Path) -> None:
    reading = read(docs)
    assert (reading.files, reading.others, reading.hidden) == (3, 1, 2)
    assert reading.skipped == []


def test_every_file_is_reported_to_the_progress(docs: Path) -> None:
    seen: list[int] = []
    read(docs, seen.append)
    assert sum(seen) == 3


def test_a_single_file_may_be_given(docs: Path) -> None:
    assert [page.source for page in read(docs / "guide.md").pages] == ["guide.md"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(docs: Path, encoding: str) -> None:
    (docs / "marked.txt").write_text("Æbleskiver", encoding=encoding)
    assert {page.source: page.text for page in read(docs).pages}["marked.txt"] == "Æbleskiver"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("binary.txt", b"\x7fELF\0\0\xff", "it isn't text"),
        ("nul.md", b"a\0b", "it isn't text"),
        ("latin.txt", "café".encode("latin-1"), "it isn't UTF-8 text (byte 0xe9 at 3); save it as UTF-8"),
        ("empty.md", b" \n", "it is empty"),
        ("broken.pdf", b"%PDF-1.7\nnothing", "it is no PDF, or a broken one"),
        ("zero.pdf", b"", "it is no PDF, or a broken one"),
        ("locked.pdf", pdf(["secret"], password="open sesame"), "it wants a password"),
        ("scan.pdf", pdf(["", ""]), "it has no text, only pictures; run OCR over it first"),
        ("cut.pdf", pdf(["text"])[:200], "PDF"),
    ],
)
def test_one_bad_file_is_skipped_and_the_rest_goes_on(docs: Path, name: str, data: bytes, why: str) -> None:
    (docs / name).write_bytes(data)
    reading = read(docs)
    assert reading.files == 3
    assert [skipped for skipped, _ in reading.skipped] == [name]
    assert why in reading.skipped[0][1]


def test_a_pdf_with_an_empty_password_is_read(docs: Path) -> None:
    (docs / "open.pdf").write_bytes(pdf(["The pier is long."], password=""))
    assert "The pier is long." in [page.text for page in read(docs).pages]


def test_a_pdf_of_too_many_pages_is_named(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_PAGES", 2)
    (docs / "long.pdf").write_bytes(pdf(["one", "two", "three"]))
    assert _why(docs)["long.pdf"] == "it has 3 pages; split it into files of 2 at most"


def test_a_pipe_is_not_waited_for(docs: Path) -> None:
    os.mkfifo(docs / "pipe.txt")
    assert _why(docs)["pipe.txt"] == "it is no regular file"


def test_a_link_that_leads_nowhere_is_named(docs: Path) -> None:
    (docs / "gone.md").symlink_to(docs / "nothing.md")
    assert _why(docs)["gone.md"] == "the link leads nowhere"


def test_links_to_folders_are_not_followed_round_in_circles(docs: Path) -> None:
    (docs / "deep" / "up").symlink_to(docs)
    assert read(docs).files == 3
    assert _why(docs)["deep/up"] == "links to folders aren't followed; name that folder itself"


def test_a_link_out_of_the_folder_is_not_followed(docs: Path) -> None:
    outside = docs.parent / "secret.txt"
    outside.write_text("The vault opens at noon.")
    (docs / "notes.txt").symlink_to(outside)
    (docs / "again.md").symlink_to(docs / "guide.md")
    reading = read(docs)
    assert "The vault opens at noon." not in [page.text for page in reading.pages]
    assert reading.skipped == [("notes.txt", "the link leads out of the folder; copy the file into it")]
    assert reading.files == 4  # a link within it is read


def test_a_file_that_is_named_may_be_a_link(docs: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.md"
    link.symlink_to(docs / "guide.md")
    assert read(link).files == 1


def test_a_file_that_may_not_be_read_is_named(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions don't stop root, so the refusal is made here.
    original = type(docs).read_bytes

    def refused(self: Path) -> bytes:
        if self.name == "guide.md":
            raise PermissionError(13, "Permission denied")
        return original(self)

    monkeypatch.setattr(type(docs), "read_bytes", refused)
    assert _why(docs)["guide.md"] == "it can't be read: Permission denied"


def test_a_folder_that_may_not_be_listed_is_named(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.scandir

    def refused(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert _why(docs) == {"deep": "the folder can't be listed: Permission denied"}


def test_a_huge_file_is_not_loaded(docs: Path) -> None:
    with (docs / "huge.txt").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert _why(docs)["huge.txt"] == "it is larger than 64 MiB; split it"


def test_names_that_cannot_be_printed_or_sent_are_escaped(docs: Path) -> None:
    (docs / os.fsdecode(b"caf\xe9\n.txt")).write_text("The café is open.", encoding="utf-8")
    source = next(page.source for page in read(docs).pages if "café" in page.text)
    assert source == "caf\\udce9\\n.txt"
    source.encode("utf-8")
    assert printable("plain name.md") == "plain name.md"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*nowhere"):
        read(tmp_path / "nowhere")


def test_a_folder_with_nothing_to_read_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "b.txt").write_bytes(b"")
    (tmp_path / ".c.md").write_text("hidden")
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    assert "nothing to read" in str(caught.value)
    assert "b.txt: it is empty" in str(caught.value)
    assert "1 of other types, 1 hidden" in str(caught.value)
