"""An update of a named index that is killed at any point loses nothing, and the same update again ends it."""

from __future__ import annotations

import gc
import os
import shlex
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.index.conftest import settings_text
from tests.index.data.killed import GONE, NEW, OLD, change, put
from tests.index.named_support import use
from turnout.cli.app import app
from turnout.errors import IndexBehindError

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

# The third says of how many steps one is a place to be killed. One framework for Qdrant and LanceDB: both write alike.
KINDS = [
    ("chroma", "langchain", 2),
    ("faiss", "langchain", 2),
    ("pgvector", "langchain", 7),
    ("qdrant", "langchain", 2),
    ("chroma", "llama_index", 2),
    ("simple", "llama_index", 2),
    ("pgvector", "llama_index", 7),
    ("lancedb", "llama_index", 2),
]


def texts(framework: str) -> dict[str, set[str]]:
    """Which texts the index has, by the id of their document; it is opened as another process would."""
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()
    found: dict[str, set[str]] = {}
    if framework == "langchain":
        from turnout.langchain import TurnoutIndex

        index = TurnoutIndex("docs")
        for document in index.similarity_search("When?", k=10):
            found.setdefault(str(document.id), set()).add(document.page_content)
        return found
    from turnout.llama_index import TurnoutIndex as Nodes

    for node in Nodes("docs").as_retriever(similarity_top_k=10).retrieve("When?"):
        found.setdefault(str(node.node.ref_doc_id).removesuffix("-document"), set()).add(node.get_content())
    return found


@pytest.mark.parametrize(("kind", "framework", "stride"), KINDS)
def test_an_update_that_is_killed_loses_nothing(
    kind: str,
    framework: str,
    stride: int,
    processes: ForkServerContext,
    fresh_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    file = tmp_path / "turnout.toml"
    lines = f'store = "{kind}"\nframework = "{framework}"\npath = "{tmp_path / "index"}"'
    if kind in {"faiss", "qdrant"}:
        lines += "\nallow_pickle = true"
    if kind == "pgvector":
        lines += f'\nconnection = "{request.getfixturevalue("database")}"'
    file.write_text(settings_text(fresh_emulator, f"[index.docs]\n{lines}\n"), encoding="utf-8")
    use(file, monkeypatch)
    said = {key: value for key, value in os.environ.items() if key.startswith("TURNOUT_")}
    where: list[str] = []
    while True:
        put(framework, OLD)
        if (extra := set(texts(framework)) - set(OLD)) and framework == "langchain":
            from turnout.langchain import TurnoutIndex

            TurnoutIndex("docs").delete(sorted(extra))
        gc.collect()  # a Qdrant folder is open for as long as something has the index
        wire, theirs = processes.Pipe()
        process = processes.Process(target=change, args=(framework, len(where) * stride, said, theirs))
        process.start()
        theirs.close()
        killed = wire.recv()
        process.join(60)
        if killed is None:
            break
        where.append(killed)
        try:
            left = texts(framework)
        except IndexBehindError as behind:
            mended = CliRunner().invoke(app, [*shlex.split(behind.fix)[1:], "--yes"])
            assert mended.exit_code == 0, (where, mended.output)
            left = texts(framework)
        for found, text in OLD.items():
            if found != GONE:
                assert left.get(found, set()) & {text, NEW[found]}, (where, left)
        assert left.get(GONE, {OLD[GONE]}) == {OLD[GONE]}, where
        put(framework, NEW, also_delete=GONE)
        assert texts(framework) == {found: {text} for found, text in NEW.items()}, where
    assert len(where) >= 3, where
