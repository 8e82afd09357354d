"""An index that its application changes while it is moved: what was deleted stays deleted, the report says what else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.index.data.test_readers import Framework, framework  # noqa: F401  # a fixture
from tests.index.named_support import IDS, TEXTS
from turnout.index.migration.named import NamedIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.index.migration.report import ReindexReport


@pytest.fixture
def alone(framework: str, config: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Framework:  # noqa: F811
    """An index that is written on one backend alone."""
    from pathlib import Path

    from turnout.settings import load_settings

    path = Path(str(load_settings().source))
    path.write_text(path.read_text().replace('also = ["bedrock"]', ""))
    made = Framework(framework)
    made.add(dict(zip(IDS, TEXTS, strict=True)))
    return made


def moved(while_it_runs: Callable[[], object]) -> ReindexReport:
    """Move the index to Bedrock, and change it once everything was read."""
    done: list[bool] = []

    def on_progress(_: object) -> None:
        if not done:
            done.append(True)
            while_it_runs()

    return NamedIndex("docs").reindex("bedrock", origin="azure", on_progress=on_progress, sample=0)


def test_what_was_deleted_meanwhile_stays_deleted(alone: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    report = moved(lambda: alone.delete([IDS[0]]))
    assert report.complete
    assert report.deleted == 1
    for backend in ("azure", "bedrock"):
        monkeypatch.setenv("TURNOUT_BACKEND", backend)
        assert alone.search() == {*IDS[1:]}


def test_the_report_says_what_was_changed_meanwhile_and_what_to_run(
    alone: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = moved(lambda: alone.add({"lamps": "Lamps are lit at dusk.", IDS[0]: "Keys are never rotated."}))
    assert not report.complete
    assert report.behind == 2
    assert "2 chunks were changed meanwhile, and aren't in it yet: run `turnout reindex docs --to bedrock`" in str(
        report
    )
    assert report.to_dict()["behind"] == 2
    again = NamedIndex("docs").reindex("bedrock", origin="azure", sample=0)
    assert (again.complete, again.embedded) == (True, 2)
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    assert alone.search() == {*IDS, "lamps"}
