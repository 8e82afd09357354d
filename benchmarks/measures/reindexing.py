"""A named index into another embedding space, beside a plain loop with the store's own client and the SDK."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contestants.base import AZURE_KEY, EMBEDDING, Contestant, Names
from benchmarks.measures import plain_loops
from benchmarks.measures.bench import DELAY
from benchmarks.measures.ingest import chunks
from benchmarks.timing import Round, Stopwatch
from turnout import runtime
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.contestants import Place
    from benchmarks.measures.bench import Bench
    from benchmarks.measures.plain_loops import Embed
    from benchmarks.results import Row

_REQUEST, _IN_FLIGHT = 128, 32  # what a careful loop would take, and what turnout begins with
_SETTINGS = """
[embedding.default]
azure = {{ deployment = "{azure}", model = "text-embedding-3-small" }}
bedrock = "{cohere}"

[index.docs]
store = "{store}"
path = "docs"
framework = "{framework}"
"""


@dataclass(frozen=True)
class _Store:
    """A store of a named index.

    Attributes:
        kind: As the settings name it.
        framework: `langchain` or `llama_index`.
        loop: The plain loop; it gets the index's folder, what embeds, and a database's address.
        needs: Lines of the index's settings besides.
    """

    kind: str
    framework: str
    loop: Callable[[Path, Embed, str | None], None]
    needs: str = ""


STORES = {
    "Chroma": _Store("chroma", "langchain", plain_loops.chroma),
    "SimpleVectorStore": _Store("simple", "llama_index", plain_loops.simple),
    "FAISS": _Store("faiss", "langchain", plain_loops.faiss, "allow_pickle = true"),
    "PGVector": _Store("pgvector", "langchain", plain_loops.postgres),
    "Qdrant": _Store("qdrant", "langchain", plain_loops.qdrant, "allow_pickle = true"),
    "LanceDB": _Store("lancedb", "langchain", plain_loops.lancedb),
}


class _Loop(Contestant):
    """The loop that a team writes: read a page, embed it, add it."""

    name = Names.SDK


class _Ours(Contestant):
    """`turnout reindex`, of an index that a framework opens."""

    def __init__(self, place: Place, framework: str) -> None:
        super().__init__(place)
        self.name = Names.OURS_LANGCHAIN if framework == "langchain" else Names.OURS_LLAMA_INDEX


def run(bench: Bench) -> list[Row]:
    """Measure."""
    bench.server.set(delay=DELAY)
    count = 2_000 if bench.quick else 20_000
    rows: list[Row] = []
    for name, store in STORES.items():
        with _filled(bench.place, store, count) as filled:

            def work(one: Contestant, store: _Store = store, filled: _Filled = filled) -> dict[str, float]:
                with filled.copied() as (here, address), Stopwatch() as watch:
                    if isinstance(one, _Ours):
                        _reindex(here)
                    else:
                        store.loop(here, _embedder(bench.place), address)
                return watch.figures()

            everyone: list[Contestant] = [_Loop(bench.place), _Ours(bench.place, store.framework)]
            rows += Round(f"reindex_{count}", name, 1 if bench.quick else 2).run(everyone, work)
    return rows


@dataclass(frozen=True)
class _Filled:
    """An index that has Bedrock's vectors: its folder, and the server of its database if it has one."""

    folder: Path
    server: str | None

    @contextmanager
    def copied(self) -> Iterator[tuple[Path, str | None]]:
        """A copy to work on: its folder and its database."""
        with tempfile.TemporaryDirectory() as name:
            here, address = shutil.copytree(self.folder, Path(name) / "copy"), None
            if self.server is not None:
                address = self.server.replace("/postgres?", "/copy?")
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('filled', 'copy')"
                _run(self.server, others, "DROP DATABASE IF EXISTS copy", "CREATE DATABASE copy TEMPLATE filled")
                file = here / "turnout.toml"
                file.write_text(file.read_text().replace("/filled?", "/copy?"))
            yield here, address
        _forget()


@contextmanager
def _filled(place: Place, store: _Store, count: int) -> Iterator[_Filled]:
    with tempfile.TemporaryDirectory() as name, _database(store) as server:
        folder = Path(name) / "filled"
        folder.mkdir()
        head = place.settings().partition("[embedding.")[0].replace('backend = "azure"', 'backend = "bedrock"', 1)
        made = _SETTINGS.format(
            azure=EMBEDDING["Azure"], cohere=EMBEDDING["Cohere"], store=store.kind, framework=store.framework
        )
        if server is not None:
            _run(server, "CREATE DATABASE filled")
            made += f'connection = "{server.replace("/postgres?", "/filled?")}"\n'
        (folder / "turnout.toml").write_text(f"{head}{made}{store.needs}\n")
        _fill(folder, store.framework, chunks(count))
        _forget()
        yield _Filled(folder, server)


def _fill(folder: Path, framework: str, texts: list[str]) -> None:
    settings = load_settings(folder / "turnout.toml")
    if framework == "langchain":
        from turnout.langchain import TurnoutIndex

        index = TurnoutIndex("docs", settings=settings)
        index.add_texts(texts, [{"number": number} for number in range(len(texts))])
        return
    from llama_index.core.schema import TextNode

    from turnout.llama_index import TurnoutIndex as LlamaIndex

    nodes = [TextNode(text=text, metadata={"number": number}) for number, text in enumerate(texts)]
    LlamaIndex("docs", settings=settings).insert_nodes(nodes)


@contextmanager
def _database(store: _Store) -> Iterator[str | None]:
    """A PostgreSQL of its own, for a store that is in one."""
    if store.kind != "pgvector":
        yield None
        return
    import pgserver

    with tempfile.TemporaryDirectory(prefix="turnout-postgres-", ignore_cleanup_errors=True) as name:
        server = pgserver.get_server(name, cleanup_mode="stop")  # type: ignore[attr-defined] # it has no __all__
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _run(server: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _forget() -> None:
    """Nothing is open that another contestant's folder could meet."""
    from chromadb.api.shared_system_client import SharedSystemClient

    runtime.close()
    SharedSystemClient.clear_system_cache()


def _reindex(folder: Path) -> None:
    from turnout.index.migration.named import NamedIndex

    report = NamedIndex("docs", load_settings(folder / "turnout.toml")).reindex("azure")
    assert report.state == "done", report


def _embedder(place: Place) -> Embed:
    import openai

    client = openai.OpenAI(base_url=place.azure, api_key=AZURE_KEY)

    def embed(texts: list[str]) -> list[list[float]]:
        answer = client.embeddings.create(model=EMBEDDING["Azure"], input=texts)
        return [one.embedding for one in answer.data]

    pool = ThreadPoolExecutor(_IN_FLIGHT)

    def embed_all(texts: list[str]) -> list[list[float]]:
        parts = [texts[start : start + _REQUEST] for start in range(0, len(texts), _REQUEST)]
        return [vector for vectors in pool.map(embed, parts) for vector in vectors]

    return embed_all
