"""What an index makes is its user's alone; who can't read it, or lets others read it, is told."""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.index.data import test_read_only
from tests.index.data.test_read_only import STORES
from tests.index.data.test_readers import Framework
from tests.index.named_support import IDS, TEXTS, settings
from turnout import permissions
from turnout.errors import IndexUnreachableError
from turnout.index.migration.named import NamedIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.index.data.other import Other
    from turnout_emulator import Emulator

reader = test_read_only.reader

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have no modes of files")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(permissions, "_warned", set())
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(params=STORES, ids="-".join)
def index(request: pytest.FixtureRequest, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: Any) -> Framework:
    framework, store = request.param
    pickles = "\nallow_pickle = true" if store in {"faiss", "qdrant"} else ""
    lines = f'store = "{store}"\nframework = "{framework}"\npath = "./index"{pickles}'
    monkeypatch.setenv("TURNOUT_CONFIG", str(settings(fresh_emulator, tmp_path, lines)))
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    return Framework(framework)


def test_nobody_else_reads_what_is_made(index: Framework, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index.add(dict(zip(IDS, TEXTS, strict=True)))
    assert NamedIndex("docs").reindex("bedrock", sample=0).complete
    assert mode(tmp_path / "index") == 0o700
    made = [*(tmp_path / "index").glob("*.sqlite"), *tmp_path.glob("*.sqlite")]
    assert len(made) >= 2
    assert {mode(file) for file in made if file.name != "chroma.sqlite3"} == {0o600}
    assert "every user" not in caplog.text


def test_a_folder_that_others_read_is_warned_about_once(
    index: Framework, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(permissions, "_OTHERS_ENTER", 0o100)  # pytest's own folders are closed to others
    (tmp_path / "index").mkdir(mode=0o755)
    for _ in range(2):
        index.add(dict(zip(IDS, TEXTS, strict=True)))
    said = [record.getMessage() for record in caplog.records if "has an index" in record.getMessage()]
    place = f"{tmp_path}/index"
    assert said == [f"{place} has an index, and every user of this machine can read it: chmod go= '{place}'"]
    assert mode(tmp_path / "index") == 0o755


def test_who_may_not_look_into_it_is_told(
    index: Framework, request: pytest.FixtureRequest, reader: Other, tmp_path: Path
) -> None:
    index.add(dict(zip(IDS, TEXTS, strict=True)))
    (tmp_path / "index").chmod(0)
    try:
        reader.do(find_it_closed, request.node.callspec.params["index"][0])
    finally:
        (tmp_path / "index").chmod(0o700)


def find_it_closed(framework: str) -> None:
    index = Framework(framework)
    for use in (index.lacking, index.search, lambda: index.add({"more": "Lamps are lit at dusk."})):
        with pytest.raises(IndexUnreachableError, match=r"index is closed to this user.*chmod"):
            use()


def test_a_folder_that_others_write_to_is_shared(tmp_path: Path) -> None:
    for folder, wanted in ((0o770, 0o660), (0o2775, 0o660), (0o777, 0o666), (0o755, 0o600)):
        place = tmp_path / oct(folder)
        place.mkdir()
        place.chmod(folder)
        os.umask(0)
        permissions.make_file(place / "file")
        permissions.make_file(place / "file")
        assert mode(place / "file") == wanted
