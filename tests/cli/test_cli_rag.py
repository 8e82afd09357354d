from __future__ import annotations

import io
import time

import pytest

from turnout.cli import steps
from turnout.cli.rag import Hit, cited, relevant, sources_of
from turnout.cli.steps import Progress, Steps


def _hit(source: str, score: float) -> Hit:
    return Hit("text", source, score, None)


def test_hits_far_below_the_best_are_not_used() -> None:
    hits = [_hit("c.md", 0.29), _hit("a.md", 0.5), _hit("b.md", 0.3)]
    assert [hit.source for hit in relevant(hits)] == ["a.md", "b.md"]


def test_nothing_retrieved_is_nothing_used() -> None:
    assert relevant([]) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Twelve florins (guide.md).", ["guide.md"]),
        ("Twelve florins (big-guide.md).", ["big-guide.md"]),
        ("Both (deep/guide.md).", ["deep/guide.md"]),
        ("Many (report.pdf, page 12).", ["report.pdf, page 12"]),
        ("See guide.md. And report.pdf, page 1.", ["guide.md", "report.pdf, page 1"]),
    ],
)
def test_the_sources_are_those_that_the_answer_cites(answer: str, expected: list[str]) -> None:
    names = ["guide.md", "big-guide.md", "deep/guide.md", "report.pdf, page 1", "report.pdf, page 12"]
    assert cited(answer, [_hit(name, 1.0) for name in names]) == expected


def test_each_source_is_given_once_and_the_best_first() -> None:
    hits = [_hit("b.md", 0.9), _hit("a.md", 0.8), _hit("b.md", 0.7)]
    assert sources_of(hits) == ["b.md", "a.md"]
    assert cited("Twelve.", hits) == []


def test_a_step_is_timed_even_if_it_fails() -> None:
    made = Steps()

    def failing() -> None:
        with made.step("read"):
            time.sleep(0.01)
            raise ValueError("no")

    start = time.perf_counter()
    with pytest.raises(ValueError, match="no"):
        failing()
    assert 0.01 <= made["read"] <= time.perf_counter() - start


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_short_step_shows_no_progress() -> None:
    stream = io.StringIO()
    with Progress("embedding", "chunks", 10, stream) as progress:
        progress.advance(10)
    assert stream.getvalue() == ""


def test_a_long_step_says_how_far_it_is_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_LONG", 0.0)
    stream = io.StringIO()
    with Progress("embedding", "chunks", 40, stream) as progress:
        time.sleep(0.02)
        progress.advance(10)
    assert stream.getvalue().startswith("embedding: 10 of 40 chunks, ")
    assert "s left" in stream.getvalue()


def test_a_terminal_gets_one_line_that_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_OFTEN", 0.0)
    stream = _Terminal()
    with Progress("reading", "files", stream=stream) as progress:
        progress.advance(1)
        progress.advance(1)
    shown = stream.getvalue().split("\r")
    assert shown[1].startswith("reading: 1 files")
    assert shown[2].startswith("reading: 2 files")
    assert shown[3].strip() == ""
    assert shown[4] == ""
    assert "\n" not in stream.getvalue()
