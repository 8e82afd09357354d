"""A named index into another embedding space, beside a plain loop with the store's own client and the SDK."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contestants.base import AZURE_KEY, EMBEDDING, Contestant, Names
from benchmarks.measures.bench import DELAY
from benchmarks.measures.ingest import chunks
from benchmarks.timing import Round, Stopwatch
from turnout import runtime
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.contestants import Place
    from benchmarks.measures.bench import Bench
    from benchmarks.results import Row

_PAGE, _REQUEST, _IN_FLIGHT = 1000, 128, 32  # what a careful loop would take, and what turnout begins with
_SETTINGS = """
[embedding.default]
azure = {{ deployment = "{azure}", model = "text-embedding-3-small" }}
bedrock = "{cohere}"

[index.docs]
store = "{store}"
path = "docs"
framework = "{framework}"
"""
STORES = {"Chroma": "langchain", "SimpleVectorStore": "llama_index"}
_NAMES = {"Chroma": "chroma", "SimpleVectorStore": "simple"}


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
    for store, framework in STORES.items():
        with _filled(bench.place, store, count) as folder:

            def work(one: Contestant, store: str = store, folder: Path = folder) -> dict[str, float]:
                with _copied(folder) as here, Stopwatch() as watch:
                    (_reindex if isinstance(one, _Ours) else _LOOPS[store])(here, bench.place)
                return watch.figures()

            everyone: list[Contestant] = [_Loop(bench.place), _Ours(bench.place, framework)]
            rows += Round(f"reindex_{count}", store, 1 if bench.quick else 2).run(everyone, work)
    return rows


@contextmanager
def _filled(place: Place, store: str, count: int) -> Iterator[Path]:
    """A folder with an index that has Bedrock's vectors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "filled"
        folder.mkdir()
        head = place.settings().partition("[embedding.")[0].replace('backend = "azure"', 'backend = "bedrock"', 1)
        made = _SETTINGS.format(
            azure=EMBEDDING["Azure"], cohere=EMBEDDING["Cohere"], store=_NAMES[store], framework=STORES[store]
        )
        (folder / "turnout.toml").write_text(head + made)
        settings, texts = load_settings(folder / "turnout.toml"), chunks(count)
        index: Any
        if store == "Chroma":
            from turnout.langchain import TurnoutIndex

            index = TurnoutIndex("docs", settings=settings)
            index.add_texts(texts, [{"number": number} for number in range(count)])
        else:
            from llama_index.core.schema import TextNode

            from turnout.llama_index import TurnoutIndex as LlamaIndex

            index = LlamaIndex("docs", settings=settings)
            index.insert_nodes([TextNode(text=text, metadata={"number": n}) for n, text in enumerate(texts)])
        del index
        _forget()
        yield folder


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield shutil.copytree(folder, Path(name) / "copy")
    _forget()


def _forget() -> None:
    """Nothing is open that another contestant's folder could meet."""
    from chromadb.api.shared_system_client import SharedSystemClient

    runtime.close()
    SharedSystemClient.clear_system_cache()


def _reindex(folder: Path, place: Place) -> None:
    from turnout.index.migration.named import NamedIndex

    del place
    report = NamedIndex("docs", load_settings(folder / "turnout.toml")).reindex("azure")
    assert report.state == "done", report


def _embedder(place: Place) -> Callable[[list[str]], list[list[float]]]:
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


def _chroma_loop(folder: Path, place: Place) -> None:
    import chromadb

    client, embed = chromadb.PersistentClient(str(folder / "docs")), _embedder(place)
    (source,) = client.list_collections()
    target = client.create_collection("plain")
    offset = 0
    while (page := source.get(limit=_PAGE, offset=offset, include=["documents", "metadatas"]))["ids"]:
        offset += len(page["ids"])
        texts = page["documents"] or []
        target.add(page["ids"], documents=texts, metadatas=page["metadatas"], embeddings=embed(texts))  # type: ignore[arg-type]


def _simple_loop(folder: Path, place: Place) -> None:
    from llama_index.core import StorageContext
    from llama_index.core.vector_stores import SimpleVectorStore

    (kept,) = [path.parent for path in (folder / "docs").rglob("docstore.json")]
    nodes = [*StorageContext.from_defaults(persist_dir=str(kept)).docstore.docs.values()]
    embed, target = _embedder(place), StorageContext.from_defaults(vector_store=SimpleVectorStore())
    for start in range(0, len(nodes), _PAGE):
        page: list[Any] = nodes[start : start + _PAGE]
        for node, vector in zip(page, embed([node.get_content() for node in page]), strict=True):
            node.embedding = vector
        target.vector_store.add(page)
        target.docstore.add_documents(page)
    target.persist(str(folder / "plain"))


_LOOPS = {"Chroma": _chroma_loop, "SimpleVectorStore": _simple_loop}
