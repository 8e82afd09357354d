"""What a named index knows of its collections: after writes by others, without its manifest, and between objects."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import warnings
from array import array
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.index.named_support import IDS, QUESTION, TEXTS, requests, settings, use
from turnout.errors import IndexBehindError, ReindexError, ReindexLockedError, SettingsError
from turnout.index.chunks import Chunk
from turnout.index.databases.schema import PostgresSchema
from turnout.index.databases.sqlite import SqliteDatabase
from turnout.index.locks import reindex_lock
from turnout.index.manifest import Manifest
from turnout.index.migration.named import NamedIndex
from turnout.langchain import TurnoutIndex
from turnout.langchain.stores import open_collection
from turnout.settings import IndexSettings
from turnout_emulator import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.index.databases.places import Place
    from turnout_emulator import Emulator


@pytest.fixture
def file(fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with a FAISS index: each object has its own copy of it in memory."""
    path = settings(
        fresh_emulator, tmp_path, 'store = "faiss"\npath = "index"\nallow_pickle = true\nalso = ["azure", "bedrock"]'
    )
    use(path, monkeypatch)
    return path


@pytest.fixture(params=["a file", "PostgreSQL"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manifest]:
    place: Place = tmp_path / "docs.index.sqlite"
    if request.param == "PostgreSQL":
        settings = IndexSettings(store="pgvector", connection=request.getfixturevalue("database"))
        place = PostgresSchema.of(settings, "docs", tmp_path / "docs.index.sqlite")
    with closing(Manifest(place)) as made:
        yield made


def item(found: str, text: str = "text") -> Chunk:
    return Chunk(found, text, {})


def test_only_what_differs_is_behind(manifest: Manifest) -> None:
    manifest.add_collection("a", "model/1")
    manifest.add_collection("b", "model/2")
    manifest.note_written("a", [item("1"), item("2"), item("3")])
    manifest.note_copied("b", [item("1"), item("2", "older")])
    assert manifest.lacking("b", 9) == ["2", "3"]
    manifest.note_skipped("b", {"3": "too long"})
    assert manifest.lacking("b", 9) == ["2"]
    manifest.note_written("a", [item("3", "shorter")])
    assert manifest.lacking("b", 9) == ["2", "3"]
    manifest.note_copied("b", [Chunk("2", "text", {"date": "as the store gives it back"}), item("3", "shorter")])
    assert manifest.lacking("b", 9) == []
    manifest.note_written("a", [item("2", "newer"), item("3", "newer")])
    manifest.note_unwanted(["1"])
    assert (manifest.outdated("b", 9), manifest.behind("b"), manifest.behind("a")) == (["1"], 3, 1)
    manifest.note_deleted("a", ["1"])
    assert not manifest.is_behind("a")


def test_what_was_added_by_other_means_is_wanted_everywhere(manifest: Manifest) -> None:
    manifest.note_written("a", [])
    manifest.scan("a", "model/1", [item("1")])
    manifest.scan("b", "model/2", [item("1"), item("2")])
    assert manifest.lacking("a", 9) == ["2"]
    manifest.scan("b", "model/2", [item("2")])
    assert manifest.lacking("b", 9) == ["1"]
    manifest.scan("b", "model/2", [item("3")], wanted=True)
    assert (manifest.documents, manifest.behind("b")) == (1, 0)
    assert (manifest.lacking("a", 9), manifest.outdated("a", 9)) == (["3"], ["1"])


def test_what_was_edited_by_other_means_is_wanted_unless_the_index_has_a_newer_version(manifest: Manifest) -> None:
    manifest.add_collection("b", "model/2")
    manifest.note_written("a", [item("1"), item("2")])
    manifest.note_copied("b", [item("1"), item("2")])
    manifest.scan("a", "model/1", [item("1", "edited"), item("2")])
    assert (manifest.behind("a"), manifest.lacking("b", 9)) == (0, ["1"])
    manifest.scan("a", "model/1", [item("1", "edited"), Chunk("2", "text", {"page": 2})])
    assert (manifest.behind("a"), manifest.lacking("b", 9)) == (0, ["1", "2"])
    manifest.note_written("b", [item("1", "newer"), item("2")])
    manifest.scan("a", "model/1", [item("1", "edited again"), item("2")])
    assert (manifest.lacking("a", 9), manifest.behind("b")) == (["1"], 0)
    assert manifest.elsewhere("a", ["1"]) == {"b": ["1"]}


def test_what_was_deleted_by_other_means_is_known_until_it_is_there_again(manifest: Manifest) -> None:
    manifest.note_written("a", [item("1"), item("2"), item("3")])
    manifest.scan("a", "model/1", [item("1")])
    manifest.add_collection("b", "model/2")
    manifest.note_written("b", [item("3", "newer")])
    assert (manifest.missed("a"), manifest.absent("a", 9)) == (["2"], ["3"])
    assert manifest.offers("a") == {"b": 1}
    manifest.scan("a", "model/1", [item("1"), item("2", "put back otherwise")])
    assert (manifest.missed("a"), manifest.lacking("a", 9)) == ([], ["3"])
    manifest.scan("a", "model/1", [item("1")])
    manifest.note_unwanted(["2"])
    manifest.note_written("b", [item("2")])
    assert manifest.missed("a") == []


def test_a_version_that_no_collection_has_is_given_up(manifest: Manifest) -> None:
    for name in "ab":
        manifest.add_collection(name, f"model-{name}/1")
    manifest.note_written("a", [item("1"), item("2"), item("3"), item("4")])
    manifest.note_copied("b", [item("1", "older"), item("4")])
    manifest.note_deleted("a", ["1", "2"])
    assert manifest.give_up_lost("b") == ["1", "2"]
    assert (manifest.documents, manifest.lacking("b", 9), manifest.lacking("a", 9)) == (3, ["3"], ["1"])
    manifest.note_written("a", [Chunk("4", "text", {"page": 4})])
    manifest.remove_collection("a")
    assert manifest.lacking("b", 9) == ["3", "4"]
    assert manifest.give_up_lost("b") == ["3", "4"]
    assert (manifest.documents, manifest.behind("b")) == (2, 0)


def test_a_manifest_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    path = tmp_path / "docs.index.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(ReindexError, match=r"docs\.index\.sqlite can't be read.*Delete it"):
        Manifest(path)


def test_a_change_that_fails_leaves_nothing_and_hinders_no_other(manifest: Manifest) -> None:
    def broken() -> Iterator[Chunk]:
        yield item("1")
        msg = "the store went away"
        raise OSError(msg)

    with pytest.raises(OSError, match="went away"):
        manifest.scan("a", "model/1", broken())
    assert (manifest.collections(), manifest.documents) == ({}, 0)
    manifest.note_written("a", [item("1")])
    assert manifest.documents == 1


def test_a_manifest_that_another_process_holds_is_not_called_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "docs.index.sqlite"
    Manifest(path).close()
    monkeypatch.setattr(SqliteDatabase, "patience", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Manifest(path).add_collection("a", "model/1")


def test_a_write_that_fails_is_not_found_in_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        msg = "no room"
        raise OSError(msg)

    index = TurnoutIndex("docs")
    index.add_texts(TEXTS[:2], ids=IDS[:2])
    collection = index.index.collection()
    index.add_texts(["Keys are rotated in May."], ids=["keys"])
    assert index.index.ready_collection() is collection  # what this object wrote itself isn't read again
    with monkeypatch.context() as patched:
        patched.setattr(type(collection), "flush", full)
        with pytest.raises(OSError, match="no room"):
            index.add_texts(TEXTS[2:], ids=IDS[2:])
    assert index.index.ready_collection() is not collection
    assert [found.id for found in index.get_by_ids(IDS)] == IDS[:2]


def test_an_object_sees_what_another_process_added(file: Path, fresh_emulator: Emulator) -> None:
    index = TurnoutIndex("docs")
    index.add_texts(TEXTS[:1], ids=IDS[:1])
    assert len(index.similarity_search(QUESTION)) == 1
    code = f"from turnout.langchain import TurnoutIndex; TurnoutIndex('docs').add_texts({TEXTS[1:]!r}, ids={IDS[1:]!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert index.similarity_search(QUESTION, k=1)[0].id == "depot"
    index.add_texts(["Lamps are lit at dusk."], ids=["lamps"])
    assert {found.id for found in TurnoutIndex("docs").get_by_ids([*IDS, "lamps"])} == {*IDS, "lamps"}


def test_without_its_manifest_the_collections_say_what_there_is(
    file: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    TurnoutIndex("docs").add_texts(TEXTS, ids=IDS)
    for part in (file.parent / "index").glob("docs.index.sqlite*"):
        part.unlink()
    requests(fresh_emulator)
    for backend in ("bedrock", "azure"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        index = TurnoutIndex("docs")
        assert index.similarity_search(QUESTION, k=1)[0].id == "depot"
        assert requests(fresh_emulator) == [backend]
    assert [one.lacking for one in index.status() if one.exists] == [0, 0]


def test_a_dropped_collection_is_missing_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TurnoutIndex("docs").add_texts(TEXTS, ids=IDS)
    NamedIndex("docs").drop("bedrock")
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(IndexBehindError, match="there is no collection") as missing:
        TurnoutIndex("docs").similarity_search(QUESTION)
    assert missing.value.lacking == 3


def test_a_reindex_in_progress_is_not_written_into(file: Path) -> None:
    index = TurnoutIndex("docs")
    spec = index.index.spec()
    checkpoint = spec.config.checkpoint(spec.space)
    with (
        reindex_lock(checkpoint.with_name(f"{checkpoint.name}.lock"), spec.name),
        pytest.raises(ReindexLockedError, match="another reindex"),
    ):
        index.add_texts(TEXTS, ids=IDS)
    index.add_texts(TEXTS, ids=IDS)
    assert len(index.get_by_ids(IDS)) == 3


def test_what_the_other_model_refuses_is_named_and_not_asked_for_again(
    file: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text().replace('also = ["azure", "bedrock"]', 'fill = "on-the-way"'))
    TurnoutIndex("docs").add_texts(TEXTS, ids=IDS)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    fresh_emulator.queue(Failure("invalid_request"), service="bedrock")
    with pytest.warns(UserWarning, match="1 chunks can't be embedded in amazon.titan-embed-text-v1/1536"):
        TurnoutIndex("docs").similarity_search(QUESTION)
    requests(fresh_emulator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(TurnoutIndex("docs").similarity_search(QUESTION)) == 2
    assert requests(fresh_emulator) == ["bedrock"]


def test_a_text_that_was_changed_past_the_index_is_filled_as_it_is(
    file: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(file.read_text().replace('also = ["azure", "bedrock"]', 'fill = "on-the-way"'))
    TurnoutIndex("docs").add_texts(TEXTS, ids=IDS)
    index = NamedIndex("docs")
    collection = open_collection(index.settings, "docs", index.space("azure"))
    assert collection is not None
    collection.claim(index.space("azure"))
    vector = array("d", collection.vectors(["keys"])["keys"])
    collection.write([item("keys", "Keys are never rotated.").with_vector(vector)])
    collection.flush()
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    requests(fresh_emulator)
    filled = TurnoutIndex("docs")
    assert len(filled.similarity_search(QUESTION)) == 3
    assert filled.get_by_ids(["keys"])[0].page_content == "Keys are never rotated."
    assert len(requests(fresh_emulator)) == 4  # three texts and the question
    assert [one.lacking for one in filled.status() if one.exists] == [0, 0]


def test_a_check_before_a_search_reads_no_collection(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = TurnoutIndex("docs")
    index.add_texts(TEXTS, ids=IDS)
    collection = index.index.collection()
    monkeypatch.setattr(type(collection), "chunks", None)
    monkeypatch.setattr(type(collection), "count", None)
    assert index.index.ready_collection() is collection
    assert index.similarity_search(QUESTION, k=1)[0].id == "depot"


def test_a_wrong_index_is_named(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"'dosc' is no index \(did you mean 'docs'"):
        TurnoutIndex("dosc")
    with pytest.raises(SettingsError, match='open= is for store = "custom"'):
        TurnoutIndex("docs", open=lambda name, embeddings: None)  # type: ignore[arg-type, return-value]  # wrong on purpose
    file.write_text(file.read_text().replace('"faiss"', '"custom"'))
    with pytest.raises(SettingsError, match="give open="):
        TurnoutIndex("docs")
