"""Files with secrets that every user of the machine can read are warned about, once."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from turnout import permissions
from turnout.errors import SettingsError
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have no modes of files")

FILE = '[backends.openai]\nprovider = "openai"\n{key}\n[chat.default]\nopenai = "gpt-5"\n'
KEY = 'api_key = "sk-canary8Qm2Zr7Wx1"'


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everyone can look into, which pytest's own isn't."""
    monkeypatch.setattr(permissions, "_warned", set())
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def said(caplog: pytest.LogCaptureFixture, folder: Path) -> list[str]:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        load_settings(folder / "turnout.toml")
        (folder / "turnout.toml").touch()
    return [record.getMessage() for record in caplog.records]


def write(file: Path, text: str, mode: int) -> None:
    file.write_text(text)
    file.chmod(mode)


def test_a_key_in_the_file(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = folder / "turnout.toml"
    write(file, FILE.format(key=KEY), 0o644)
    warning = f"{file} has secrets, and every user of this machine can read it: chmod go= '{file}'"
    assert said(caplog, folder) == [warning]


@pytest.mark.parametrize(
    ("key", "mode"),
    [(KEY, 0o600), (KEY, 0o640), ('api_key = "env:MY_KEY"', 0o644), ("", 0o644)],
    ids=["private", "for the group", "a reference", "no key"],
)
def test_nothing_to_warn_of(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, key: str, mode: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-canary8Qm2Zr7Wx1")
    write(folder / "turnout.toml", FILE.format(key=key), mode)
    assert said(caplog, folder) == []


def test_a_folder_that_nobody_else_enters(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.chmod(0o700)
    write(folder / "turnout.toml", FILE.format(key=KEY), 0o644)
    assert said(caplog, folder) == []


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "TURNOUT_BACKENDS__OPENAI__API_KEY"])
def test_a_key_in_the_env_file(folder: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    write(folder / "turnout.toml", FILE.format(key=""), 0o644)
    write(folder / ".env", f"{name}=sk-canary8Qm2Zr7Wx1\n", 0o644)
    assert [line.partition(" ")[0] for line in said(caplog, folder)] == [str(folder / ".env")]


def test_an_env_file_without_one(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(folder / "turnout.toml", FILE.format(key=KEY), 0o600)
    write(folder / ".env", "TURNOUT_BACKEND=openai\nOTHER=x\n", 0o644)
    assert said(caplog, folder) == []


@pytest.mark.parametrize("name", ["turnout.toml", ".env"])
def test_a_file_that_is_too_large_for_settings(tmp_path: Path, name: str) -> None:
    (tmp_path / "turnout.toml").write_text(FILE.format(key=KEY))
    with (tmp_path / name).open("a") as file:
        file.write("#" * (2**20 + 1))
    with pytest.raises(SettingsError, match=rf"{name} is larger than 1 MiB"):
        load_settings(tmp_path / "turnout.toml")
