"""Files of Chroma's own that can't be read, after a kill or a bad copy: the error's command makes the collection anew."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient

from tests.index.data.other import Other
from tests.index.data.test_readers import Framework
from turnout.cli.app import app
from turnout.errors import IndexBehindError, IndexBrokenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

MANY = 1100  # Chroma writes the files of its vectors after a thousand
FRAMEWORKS = ["langchain", "llama_index"]


def closed() -> None:
    """As if the process had ended: Chroma reads its files anew."""
    SharedSystemClient.clear_system_cache()


def run(command: str) -> int:
    from typer.testing import CliRunner

    program, *words = command.split()
    assert program == "turnout"
    return CliRunner().invoke(app, [*words, "--yes", "--sample", "0"]).exit_code


def make_index(config: Callable[[str], None], folder: Path, framework: str, lines: str = "") -> Framework:
    config(f'store = "chroma"\nframework = "{framework}"\npath = "{folder}/index"\n{lines}')
    return Framework(framework)


def garble(path: Path) -> None:
    """Everything but the first page is something else."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(np.random.default_rng(1).bytes(path.stat().st_size - 4096))


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def behead(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("harm", [garble, halve, behead, empty])
def test_the_database(
    config: Callable[[str], None], tmp_path: Path, framework: str, harm: Callable[[Path], None]
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "lamps.md").write_text("Lamps are lit at dusk.")
    index = make_index(config, tmp_path, framework, f'source = "{tmp_path}/source"')
    assert run("turnout reindex docs") == 0
    before = index.search()
    closed()
    harm(tmp_path / "index" / "chroma.sqlite3")
    for attempt in (lambda: Framework(framework).search(), lambda: Framework(framework).add({"new": "New."})):
        with pytest.raises((IndexBrokenError, IndexBehindError), match="'docs'") as refused:
            attempt()
        error: Any = refused.value
        assert error.fix == "turnout reindex docs --to azure --from source"
    assert run("turnout reindex docs --to bedrock --from azure") != 0  # there is nothing to read
    assert run(error.fix) == 0
    assert Framework(framework).search() == before
    assert Framework(framework).lacking() == [0]


def test_the_database_of_an_index_without_source_documents(config: Callable[[str], None], tmp_path: Path) -> None:
    index = make_index(config, tmp_path, "langchain")
    index.add({"lamps": "Lamps are lit at dusk."})
    closed()
    halve(tmp_path / "index" / "chroma.sqlite3")
    with pytest.raises(IndexBrokenError, match="remove it and add the texts again") as refused:
        Framework("langchain").search()
    assert refused.value.whole
    assert run("turnout reindex docs") != 0
    assert (tmp_path / "index" / "chroma.sqlite3").exists()
    shutil.rmtree(tmp_path / "index")
    index = Framework("langchain")
    index.add({"lamps": "Lamps are lit at dusk."})
    assert index.search() == {"lamps"}


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def overwrite(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"\7" * path.stat().st_size)


def without_ids(folder: Path) -> None:
    (folder / "index_metadata.pickle").unlink()


@pytest.mark.parametrize(
    ("framework", "harm"),
    [("langchain", overwrite), ("langchain", without_ids), ("llama_index", remove)],
)
def test_the_vectors_files(
    config: Callable[[str], None],
    tmp_path: Path,
    framework: str,
    harm: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = make_index(config, tmp_path, framework)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    index.add({f"track-{number}": f"Track {number} leads to depot {number * 7919 % 997}." for number in range(MANY)})
    [bedrock] = (path.parent for path in (tmp_path / "index").glob("*/header.bin"))
    assert run("turnout reindex docs --to azure --from bedrock") == 0
    harm_to = (
        bedrock
        if framework == "llama_index"
        else next(path.parent for path in (tmp_path / "index").glob("*/header.bin") if path.parent != bedrock)
    )
    broken = "bedrock" if framework == "llama_index" else "azure"
    monkeypatch.setenv("TURNOUT_BACKEND", broken)
    assert len(Framework(framework).search()) == 5
    closed()
    harm(harm_to)
    for _ in range(2):
        with pytest.raises(IndexBrokenError, match="the vectors' files") as refused:
            Framework(framework).search()
        assert refused.value.fix == f"turnout reindex docs --to {broken}"
    assert run(refused.value.fix) == 0
    assert len(Framework(framework).search()) == 5
    assert Framework(framework).lacking() == [0, 0]
    monkeypatch.setenv("TURNOUT_BACKEND", "azure" if broken == "bedrock" else "bedrock")
    assert len(Framework(framework).search()) == 5


def test_a_collection_whose_vectors_files_are_broken_can_be_dropped(
    config: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(config, tmp_path, "langchain")
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    index.add(texts("Track"))
    [bedrock] = (path.parent for path in (tmp_path / "index").glob("*/header.bin"))
    assert run("turnout reindex docs --to azure --from bedrock") == 0
    closed()
    overwrite(bedrock)
    with pytest.raises(IndexBrokenError):
        Framework("langchain").search()
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    assert run("turnout reindex docs --drop bedrock") == 0
    assert Framework("langchain").lacking() == [0]
    assert len(Framework("langchain").search()) == 5
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    with pytest.raises(IndexBehindError, match="there is no collection"):
        Framework("langchain").search()


def test_nothing_is_dropped_of_a_database_that_is_broken(
    config: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(config, tmp_path, "langchain")
    index.add({"lamps": "Lamps are lit at dusk."})
    assert run("turnout reindex docs --to bedrock --from azure") == 0
    closed()
    halve(tmp_path / "index" / "chroma.sqlite3")
    assert run("turnout reindex docs --drop bedrock") != 0
    assert list((tmp_path / "index").glob("broken-*")) == []


def texts(what: str) -> dict[str, str]:
    return {f"{what}-{number}": f"{what} {number} leads to berth {number * 7919 % 9973}." for number in range(MANY)}


def add(what: str) -> None:
    Framework("langchain").add(texts(what))


def look_for(*named: str) -> None:
    """Each text is what is nearest to itself."""
    from turnout.langchain import TurnoutIndex

    index = TurnoutIndex("docs")
    for what in named:
        for text in list(texts(what).values())[:: MANY // 8]:
            [(_, distance)] = index.similarity_search_with_score(text, k=1)
            assert distance < 0.001, text


def rewrite() -> None:
    index = Framework("langchain")
    index.delete([*texts("Track"), *texts("Quay")])
    index.add({**texts("Lane"), **texts("Path")})


def test_processes_find_and_keep_what_the_others_write(config: Callable[[str], None], tmp_path: Path) -> None:
    """Chroma itself keeps the vectors' files in memory, and writes them over those of another process."""
    index = make_index(config, tmp_path, "langchain")
    index.add(texts("Track"))
    assert len(index.search()) == 5
    other = Other()
    try:
        other.do(add, "Quay")
        look_for("Track", "Quay")
        index.add(texts("Road"))
        look_for("Track", "Quay", "Road")
        other.do(look_for, "Track", "Quay", "Road")
        other.do(rewrite)
    finally:
        other.end()
    look_for("Road", "Lane", "Path")
    assert len(index.search()) == 5
