"""Two machines with one database: they have one memory of the index, and one lock."""

from __future__ import annotations

import dataclasses
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import chromadb
import pytest
import sqlalchemy
from pydantic import SecretStr

from tests.index.data.test_readers import Framework
from tests.index.named_support import EMBED, IDS, TEXTS, settings
from tests.index.support import sent
from tests.index.worker import fill, hold
from tests.support.chroma_server import chroma_server  # noqa: F401  # a fixture
from turnout.errors import ReindexLockedError
from turnout.index.chroma import open_client
from turnout.index.chunks import Chunk
from turnout.index.collections import Collections
from turnout.index.databases.schema import PostgresSchema
from turnout.index.locks import reindex_lock
from turnout.index.manifest import Manifest
from turnout.index.migration.named import NamedIndex
from turnout.index.named import Index
from turnout.settings import IndexSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from pathlib import Path

    from turnout.facts.spaces import EmbeddingSpace
    from turnout.index.collection import Collection
    from turnout.index.config import IndexConfig
    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

NEWER = "Keys are rotated every week."
LAMPS = "Lamps are lit at dusk."


class Machine(Framework):
    """A folder with settings of its own, and the application there."""

    def __init__(self, emulator: Emulator, folder: Path, lines: str, patch: pytest.MonkeyPatch, framework: str) -> None:
        folder.mkdir()
        self.file = settings(emulator, folder, lines)
        self._patch = patch
        self.on("azure")
        super().__init__(framework)

    def on(self, backend: str) -> Machine:
        """What is called next is called here, on a backend."""
        self._patch.setenv("TURNOUT_CONFIG", str(self.file))
        self._patch.setenv("TURNOUT_BACKEND", backend)
        return self

    def texts(self) -> set[str]:
        if self._is_langchain:
            return {document.page_content for document in self._index.similarity_search("Keys?", k=9)}
        return {node.text for node in self._index.as_retriever(similarity_top_k=9).retrieve("Keys?")}

    def reindex(self, **options: Any) -> str:
        """Fill Bedrock's collection from Azure's; how that ended."""
        self.on("azure")
        return NamedIndex("docs", self.file).reindex("bedrock", sample=0, **options).state


@pytest.fixture(params=["pgvector-langchain", "pgvector-llama_index", "chroma-langchain", "chroma-llama_index"])
def lines(request: pytest.FixtureRequest, database: str) -> str:
    """An index in PostgreSQL, or on a Chroma server with its manifest in PostgreSQL."""
    store, _, framework = str(request.param).partition("-")
    lines = f'store = "{store}"\nframework = "{framework}"\n'
    if store == "pgvector":
        return f'{lines}connection = "{database}"'
    port = request.getfixturevalue("chroma_server")
    empty(port)
    return f'{lines}connection = "http://127.0.0.1:{port}"\nmanifest = "{database}"'


@pytest.fixture
def machines(
    lines: str, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Machine, Machine]:
    framework = "llama_index" if "llama_index" in lines else "langchain"
    first, second = (Machine(fresh_emulator, tmp_path / one, lines, monkeypatch, framework) for one in ("a", "b"))
    first.on("azure").add(dict(zip(IDS, TEXTS, strict=True)))
    return first, second


def lock_of(machine: Machine) -> tuple[Any, str]:
    index = NamedIndex("docs", machine.file)
    space = index.spaces()["bedrock"]
    return index.lock(space), index.collection_name(space)


def started(
    processes: ForkServerContext, what: Callable[[str, Connection], None], machine: Machine
) -> tuple[ForkServerProcess, Connection]:
    """A process on a machine, and what it tells."""
    wire, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=what, args=(str(machine.file), theirs))
    process.start()
    theirs.close()
    return process, wire


def opener(config: IndexConfig, _: str | None, space: EmbeddingSpace, *, create: bool) -> Collection | None:
    return config.open_collection(space, create=create)


def empty(port: str) -> None:
    client = chromadb.HttpClient("127.0.0.1", int(port))
    for collection in client.list_collections():
        client.delete_collection(collection.name)


def cut(database: str) -> None:
    """End every other connection to the database."""
    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sqlalchemy.text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )


def test_what_one_changes_the_other_sees_at_its_next_call(
    machines: tuple[Machine, Machine], fresh_emulator: Emulator
) -> None:
    first, second = machines
    assert second.on("azure").texts() == set(TEXTS)
    first.on("azure").delete(["refunds"])
    first.add({"keys": NEWER})
    assert second.on("azure").texts() == {NEWER, TEXTS[1]}
    assert second.lacking() == first.on("azure").lacking() == [0]
    second.on("azure").add({"lamps": LAMPS})
    assert first.on("azure").texts() == {NEWER, TEXTS[1], LAMPS}
    fresh_emulator.clear()
    second.on("azure").add({"keys": NEWER})
    assert not [one for one in fresh_emulator.requests if one.service == EMBED["azure"]]  # it is there already


def test_the_other_does_not_answer_with_text_that_was_replaced(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    assert first.reindex() == "done"
    assert second.on("bedrock").texts() == set(TEXTS)
    first.on("azure").add({"keys": NEWER})
    for machine in (first, second):
        assert machine.on("bedrock").lacking() == [0, 1]
        with pytest.raises(Exception, match=r"1 are missing or old.*turnout reindex docs --to bedrock --from azure"):
            machine.texts()
    assert second.reindex() == "done"
    for machine in (first, second):
        assert machine.on("bedrock").texts() == {NEWER, *TEXTS[1:]}


def test_of_two_reindexes_at_once_one_runs_and_nothing_is_paid_twice(
    machines: tuple[Machine, Machine], fresh_emulator: Emulator, processes: ForkServerContext
) -> None:
    first, second = machines
    first.on("azure").add({f"line-{number}": f"Line {number} leads to the sea." for number in range(40)})
    fresh_emulator.clear()
    lock, target = lock_of(first)
    with reindex_lock(lock, target):
        with pytest.raises(ReindexLockedError, match=f"process {os.getpid()} on "):
            second.reindex()
        assert not sent(fresh_emulator)
    running = [started(processes, fill, machine) for machine in machines]
    told = [wire.recv() for _, wire in running]
    assert "done" in told
    assert all(one == "done" or "another reindex fills" in one for one in told), told
    assert set(sent(fresh_emulator).values()) == {1}


def test_a_writer_waits_for_one_on_another_machine_and_is_refused_while_that_reindexes(
    machines: tuple[Machine, Machine],
) -> None:
    first, second = machines
    (lock, target), (same, _) = lock_of(first), lock_of(second)
    with reindex_lock(lock, target, patience=0):
        with pytest.raises(ReindexLockedError, match="another process has been writing"):
            reindex_lock(same, target, patience=0.05).__enter__()
        with pytest.raises(ReindexLockedError, match=f"another reindex fills {target!r}: process {os.getpid()} on"):
            reindex_lock(same, target).__enter__()
    with reindex_lock(same, target, patience=0):
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(
    machines: tuple[Machine, Machine], processes: ForkServerContext
) -> None:
    first, second = machines
    holder, wire = started(processes, hold, first)
    lock, target = lock_of(second)
    with pytest.raises(ReindexLockedError, match=f"process {wire.recv()} on"):
        reindex_lock(lock, target).__enter__()
    holder.kill()
    holder.join()
    with reindex_lock(lock, target, patience=30):
        pass


def test_who_lost_the_lock_writes_nothing_more(machines: tuple[Machine, Machine], database: str) -> None:
    first, second = machines
    spec = Index("docs", opener, first.on("azure").file).spec()
    collections = Collections(opener, spec.config.manifest)
    with closing(collections.manifest), collections.changing(spec) as collection:
        kept = collection.get(["keys"])["keys"]
        newer = [dataclasses.replace(kept, id="lamps").with_vector([1.0] * 1536)]
        cut(database)
        with pytest.raises(ReindexLockedError, match=r"isn't held any more: the connection was lost"):
            collection.write(newer)
        with pytest.raises(ReindexLockedError):
            collection.delete(["keys"])
    assert second.on("azure").search() == first.on("azure").search() == set(IDS)


def test_a_reindex_that_lost_the_lock_writes_nothing_more(machines: tuple[Machine, Machine], database: str) -> None:
    def cutting(_: object) -> bool:
        cut(database)
        return True

    first, _ = machines
    with pytest.raises(ReindexLockedError, match="isn't held any more"):
        first.reindex(confirm=cutting)
    index = NamedIndex("docs", first.file)
    target = index.open_collection(index.spaces()["bedrock"])
    assert target is not None
    assert target.count() == 0
    assert first.reindex() == "done"


def test_a_connection_that_was_cut_while_nothing_was_done_is_made_anew(
    machines: tuple[Machine, Machine], database: str
) -> None:
    first, _ = machines
    cut(database)
    assert first.on("azure").texts() == set(TEXTS)
    cut(database)
    first.add({"lamps": LAMPS})
    assert first.texts() == {*TEXTS, LAMPS}


def test_a_manifest_beside_the_application_is_taken_over(machines: tuple[Machine, Machine], database: str) -> None:
    first, second = machines
    assert first.reindex() == "done"
    config = NamedIndex("docs", first.file)
    place = config.manifest
    assert isinstance(place, PostgresSchema)
    with closing(Manifest(place)) as manifest, closing(Manifest(place.former)) as former:
        for name, space in manifest.collections().items():
            former.add_collection(name, space)
            former.note_written(name, [Chunk(one, text, {}) for one, text in zip(IDS, TEXTS, strict=True)])
        former.note_unwanted(["refunds"])  # a delete that was begun
        manifest.close()
    other = NamedIndex("docs", second.file).manifest
    assert isinstance(other, PostgresSchema)
    with closing(Manifest(other.former)) as latecomer:  # what another machine had is not taken over after that
        latecomer.note_written("docs_of_a_former_model", [Chunk("lamps", LAMPS, {})])
    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f'DROP SCHEMA "{place.name}" CASCADE'))
    framework = "langchain" if first._is_langchain else "llama_index"
    assert set(Framework(framework).search()) == {"keys", "depot"}  # the delete was finished
    assert not place.former.exists()
    assert second.on("bedrock").texts() == set(TEXTS[:2])
    assert second.lacking() == [0, 0]


def test_what_is_taken_over_is_taken_once_and_gone_through(database: str, tmp_path: Path) -> None:
    file = tmp_path / "docs.index.sqlite"
    place = PostgresSchema.of(IndexSettings(store="pgvector", connection=SecretStr(database)), "docs", file)
    for found in ("lamps", "keys"):
        with closing(Manifest(file)) as former:
            former.add_collection("long", "space")
            former.note_written("long", [Chunk(found, LAMPS, {})])
        with closing(Manifest(place)) as manifest:
            assert manifest.ids("long") == ["lamps"]
            assert manifest.collections() == {"long": "space"}
            assert manifest.stamp("long") is None  # another machine may have changed it
            assert manifest.has_unread()


def test_a_server_has_one_client_however_often_an_index_is_opened(chroma_server: str) -> None:  # noqa: F811
    index = IndexSettings(store="chroma", connection=f"http://127.0.0.1:{chroma_server}")
    again = IndexSettings(store="chroma", connection=f"http://127.0.0.1:{chroma_server}")
    client = open_client(index, "docs", create=True)
    assert client is not None
    assert open_client(again, "others", create=True) is client
