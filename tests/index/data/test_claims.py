"""Two processes claim one empty index with two models: one wins, and the other writes nothing."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.index.data import other as elsewhere
from tests.index.data.other import Other
from tests.support.chroma_server import chroma_server  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

_ROUNDS = 5  # of a store in which nothing is slowed down
_SOON = 0.1  # seconds, in which both have come to the moment


def opener(framework: str, kind: str, place: str, backend: str) -> Callable[[], Any]:
    if framework == "langchain":
        return partial(elsewhere.OPEN[kind], place, backend)
    return partial(elsewhere.LLAMA[kind], place)


@pytest.fixture(params=["chroma", "chroma server", "pgvector", "pgvectorstore", "qdrant", "lancedb"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[str]]:
    """A kind of store, and where there is an empty one for each round."""
    if request.param.startswith("pgvector"):
        return request.param, [request.getfixturevalue("database")] * _ROUNDS
    if request.param == "chroma server":
        return "chroma", [request.getfixturevalue("chroma_server")] * 2
    if request.param == "qdrant":
        return "qdrant", [request.getfixturevalue("qdrant").url] * 2
    return request.param, [str(tmp_path / "one"), str(tmp_path / "two")]


@pytest.fixture(scope="module")
def another() -> Iterator[Other]:
    """A third process."""
    made = Other()
    yield made
    made.end()


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_one_of_two_claims_wins(
    framework: str, places: tuple[str, list[str]], other: Other, another: Other, tmp_path: Path
) -> None:
    kind, listed = places
    if (framework, kind) == ("llama_index", "pgvectorstore"):
        pytest.skip("it is LangChain's")
    for number, place in enumerate(listed):
        other.do(elsewhere.empty, kind, place, opener(framework, kind, place, "azure"))
        at, won = time.time() + _SOON, {name: tmp_path / f"{number}-{name}" for name in ("azure", "bedrock")}
        with ThreadPoolExecutor(2) as both:
            claims = [
                both.submit(process.do, elsewhere.claim, opener(framework, kind, place, name), name, at, won[name])
                for process, name in ((other, "azure"), (another, "bedrock"))
            ]
        for claim in claims:
            claim.result()
        other.do(elsewhere.write_ids, opener(framework, kind, place, "azure"), tmp_path / "ids.json")
        (winner,) = (name for name, file in won.items() if file.exists())
        assert json.loads((tmp_path / "ids.json").read_text()) == elsewhere.claimed_ids(winner)
