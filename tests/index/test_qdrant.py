"""What is particular to Qdrant: ids of points, a folder that is one process's, and servers."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.index.named_support import IDS, QUESTION, TEXTS, settings, use
from turnout.errors import CollectionGoneError, EmbeddingSpaceError, ReindexLockedError, SettingsError
from turnout.index.qdrant import point_id
from turnout.index.qdrant_clients import open_client
from turnout.langchain import TurnoutIndex
from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.qdrant_server import QdrantServer
    from turnout_emulator import Emulator

ids = st.one_of(
    st.text(min_size=1),
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
    st.uuids().map(str),
    st.uuids().map(lambda u: u.hex),
)


@given(ids, ids)
def test_every_chunk_has_a_point_of_its_own_under_an_id_that_qdrant_takes(one: str, other: str) -> None:
    made = point_id(one)
    assert isinstance(made, int) or str(uuid.UUID(made)) == made
    assert not isinstance(made, int) or 0 <= made < 2**64
    assert (point_id(other) == made) == (one == other)


def test_an_id_that_qdrant_takes_is_kept() -> None:
    for own in ("00000000-0000-4000-8000-000000000001", "7", "0", str(2**64 - 1)):
        assert str(point_id(own)) == own
    for other in ("keys", "007", "-1", str(2**64), "٣", "00000000000040008000000000000001"):
        assert str(point_id(other)) != other


def folder(tmp_path: Path, **more: Any) -> IndexSettings:
    return IndexSettings(store="qdrant", path=str(tmp_path / "index"), **more)


def test_a_folder_is_opened_once_and_let_go_with_the_last_who_has_it(tmp_path: Path) -> None:
    trusted = folder(tmp_path, allow_pickle=True)
    assert open_client(trusted, create=False) is None
    client = open_client(trusted, create=True)
    assert open_client(trusted, create=False) is client
    path = tmp_path / "index"
    opening = f"from qdrant_client import QdrantClient; QdrantClient(path={str(path)!r})"
    command = [sys.executable, "-W", "ignore", "-c", opening]
    assert b"already accessed" in subprocess.run(command, check=False, capture_output=True, timeout=60).stderr
    del client
    gc.collect()
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0


def test_threads_take_turns_with_a_folder(tmp_path: Path) -> None:
    client: Any = open_client(folder(tmp_path, allow_pickle=True), create=True)
    client.close()
    inside: list[int] = []

    class Folder:
        def count(self) -> int:
            inside.append(1)
            together = len(inside)
            time.sleep(0.01)
            inside.pop()
            return together

    client._folder = Folder()
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: client.count(), range(8))) == {1}


def test_a_folder_that_is_open_at_the_end_is_closed_in_silence(tmp_path: Path) -> None:
    opening = (
        "from turnout.index.qdrant_clients import open_client\nfrom turnout.settings import IndexSettings\n"
        f"client = open_client(IndexSettings(store='qdrant', path={str(tmp_path)!r}, allow_pickle=True), create=True)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", opening], check=True, capture_output=True, timeout=60)
    assert done.stderr == b""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # qdrant-client leaves its file open
def test_a_folder_that_another_process_has_open_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "index"
    opening = (
        f"from qdrant_client import QdrantClient; c = QdrantClient(path={str(path)!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", opening], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(ReindexLockedError, match=r"open in another process.*Qdrant server \(connection\)"):
            open_client(folder(tmp_path, allow_pickle=True), create=True)
        holder.kill()


def test_pickles_are_read_for_nobody_who_does_not_vouch_for_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="allow_pickle = true"):
        open_client(folder(tmp_path), create=True)
    assert not (tmp_path / "index").exists()
    assert open_client(folder(tmp_path), create=False) is None


@pytest.mark.parametrize("wrong", ["localhost:6333", "postgresql://host/db", "http://", "nonsense"])
def test_a_connection_that_is_no_server_is_named_without_it(wrong: str) -> None:
    with pytest.raises(SettingsError, match=re.escape("no URL of a Qdrant server")) as caught:
        open_client(IndexSettings(store="qdrant", connection=SecretStr(wrong)), create=True)
    assert wrong not in str(caught.value)


@pytest.fixture
def named(
    qdrant: QdrantServer, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TurnoutIndex:
    """A named index on a server that asks for a key."""
    address = qdrant.url.replace("http://", "http://:a%2Fkey@")
    lines = f'store = "qdrant"\nconnection = "{address}"\npath = "{tmp_path / "index"}"'
    use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
    return TurnoutIndex("docs")


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_gets_the_key_and_a_search_asks_it_twice(named: TurnoutIndex, qdrant: QdrantServer) -> None:
    named.add_texts(TEXTS, ids=IDS)
    assert named.similarity_search(QUESTION, k=1)[0].id == "depot"
    qdrant.asked.clear()
    assert named.similarity_search(QUESTION, k=1)[0].id == "depot"
    assert qdrant.asked == ["GET ", "POST points/query"]
    assert qdrant.keys == {"a/key"}


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_more_than_a_page_of_chunks_is_listed_and_written(named: TurnoutIndex) -> None:
    texts = [f"Track {number} leads to the depot." for number in range(600)]
    keys = [f"track-{number}" for number in range(600)]
    named.add_texts(texts, ids=keys)
    collection = named.index.collection()
    assert {chunk.id: chunk.text for chunk in collection.chunks()} == dict(zip(keys, texts, strict=True))
    assert collection.count() == 600
    named.delete(keys[:599])
    assert [chunk.id for chunk in collection.chunks()] == keys[599:]


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_that_keeps_no_metadata_is_too_old(named: TurnoutIndex, qdrant: QdrantServer) -> None:
    qdrant.keeps_metadata = False
    with pytest.raises(EmbeddingSpaceError, match=r"keeps no metadata of a collection, as 1\.16 and later do"):
        named.add_texts(TEXTS, ids=IDS)
    assert "PUT points" not in qdrant.asked


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_lock_of_a_process_that_was_killed_is_void_after_a_while(named: TurnoutIndex, qdrant: QdrantServer) -> None:
    lock = f"turnout-lock-{named.index.spec().name}"
    qdrant.engine.create_collection(lock, {}, metadata={"turnout_void_after": 1.0})
    named.add_texts(TEXTS, ids=IDS)
    assert named.similarity_search(QUESTION, k=1)[0].id == "depot"
    assert not qdrant.engine.collection_exists(lock)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_failing_server_is_not_taken_for_a_deleted_collection(named: TurnoutIndex, qdrant: QdrantServer) -> None:
    named.add_texts(TEXTS, ids=IDS)
    keeper = named.store.check.keeper
    qdrant.engine.delete_collection(named.index.spec().name)
    with pytest.raises(CollectionGoneError):
        keeper.version()
    qdrant.shutdown()
    qdrant.server_close()
    with pytest.raises(Exception, match=r"Connection refused|disconnected|reset"):
        keeper.version()
