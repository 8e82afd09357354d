"""The questions over the docs are the same every time, and a move to another space finds as much as before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.questions import Pair, pairs, passages, recall
from benchmarks.questions.indexes import filled, searcher

from tests.index.named_support import settings, use

if TYPE_CHECKING:
    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

_DOCS = Path(__file__).parents[2] / "docs"
_ASKED_OF = 3  # passages for one question that is asked


def test_the_questions_are_many_and_the_same_every_time() -> None:
    found = passages(_DOCS.glob("*.md"))
    asked = pairs(found)
    assert len(asked) > 150
    assert asked == pairs(passages(sorted(_DOCS.glob("*.md"), reverse=True)))
    assert len({pair.question for pair in asked}) > 0.95 * len(asked)
    assert not any(pair.question in passage.text for pair, passage in zip(asked, found, strict=True))


@pytest.mark.parametrize(("framework", "store"), [("langchain", "faiss"), ("llama_index", "simple")])
def test_recall_is_the_same_after_a_move(
    framework: str, store: str, fresh_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f'store = "{store}"\nframework = "{framework}"\npath = "index"\nfill = "on-the-way"\nallow_pickle = true'
    use(settings(fresh_emulator, tmp_path, lines), monkeypatch)
    found = passages(_DOCS.glob("[a-e]*.md"))
    asked = pairs(found)[::_ASKED_OF]
    measured: list[float] = []
    for backend in ("azure", "bedrock", "azure"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        index = filled(framework, [] if measured else found)
        measured.append(recall(asked, searcher(index, 5)))
    before, moved, back = measured
    assert back == before > 0.9
    assert moved == pytest.approx(before, abs=0.05)
    others = [Pair(pair.question, other.passage) for pair, other in zip(asked, [*asked[1:], asked[0]], strict=True)]
    assert recall(others[:10], searcher(index, 5)) < 0.5  # the measure tells what answers from what doesn't
