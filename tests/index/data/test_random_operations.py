"""Two processes do whatever comes to an index in a folder, and it has what it must have: nothing more, less or older.

`TURNOUT_TEST_EXAMPLES=200` tries more.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.index.data.other import Other
from tests.index.data.test_readers import Framework
from tests.index.named_support import settings as write_settings
from tests.index.named_support import use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout_emulator import Emulator

pytestmark = pytest.mark.slow

IDS = ["keys", "depot", "lamps", "signal", "tickets"]
EXAMPLES = int(os.environ.get("TURNOUT_TEST_EXAMPLES", "6"))  # read before the run clears the environment
BACKENDS = ["azure", "bedrock"]
_STEPS = 14

_open: dict[str, Framework] = {}  # in each process


# --- what a process does


def forget() -> None:
    _open.clear()


def index_of(framework: str) -> Framework:
    if framework not in _open:
        _open[framework] = Framework(framework)
    return _open[framework]


def expect(attempt: Any, *, behind: bool) -> Any:
    from turnout.errors import IndexBehindError

    if not behind:
        return attempt()
    with pytest.raises(IndexBehindError):
        attempt()
    return None


def add(framework: str, texts: dict[str, str], behind: bool) -> None:
    expect(lambda: index_of(framework).add(texts), behind=behind)


def delete(framework: str, ids: list[str]) -> None:
    index_of(framework).delete(ids)


def fill(framework: str) -> None:
    index_of(framework)._index.fill()


def reindex(to: str, origin: str) -> None:
    from turnout.index.migration.named import NamedIndex

    assert NamedIndex("docs").reindex(to, origin=origin, sample=0).complete


def search(framework: str, wanted: dict[str, str], behind: bool) -> None:
    """Everything is found; and a text is what is nearest to itself, by the vector that is its own."""
    index = index_of(framework)
    found = expect(index.nearest, behind=behind)
    if found is None:
        return
    assert found == wanted
    for text in list(wanted.values())[-1:]:
        assert next(iter(index.nearest(text).values())) == text


# --- what must be there


class Model(RuleBasedStateMachine):
    """An index on two backends, of which two processes use one at a time."""

    emulator: Emulator
    patch: pytest.MonkeyPatch
    processes: tuple[Other, Other]
    store: str
    framework: str

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="turnout-random-")
        lines = f'store = "{self.store}"\nframework = "{self.framework}"\npath = "{self.folder.name}/index"'
        use(write_settings(self.emulator, Path(self.folder.name), lines), self.patch)
        self.active = "azure"
        self.patch.setenv("TURNOUT_BACKEND", self.active)
        for process in self.processes:
            process.do(forget)
        self.wanted: dict[str, str] = {}
        self.held: dict[str, dict[str, str] | None] = dict.fromkeys(BACKENDS)  # None of one that was never made
        self.written = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def behind(self) -> bool:
        return (self.held[self.active] or {}) != self.wanted

    @rule(who=st.integers(0, 1), ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True))
    def add(self, who: int, ids: list[str]) -> None:
        """New chunks, and new versions."""
        self.written += 1
        texts = {found: f"{found} of edition{self.written} for {found}{self.written}" for found in ids}
        self.processes[who].do(add, self.framework, texts, self.behind)
        if not self.behind:
            self.wanted |= texts
            self.held[self.active] = dict(self.wanted)

    @precondition(lambda self: self.wanted)
    @rule(who=st.integers(0, 1), data=st.data())
    def delete(self, who: int, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.wanted)), min_size=1, unique=True))
        self.processes[who].do(delete, self.framework, ids)
        for kept in (self.wanted, *self.held.values()):
            for found in ids:
                (kept or {}).pop(found, None)

    @invariant()
    def both_find_it(self) -> None:
        if hasattr(self, "active"):
            for process in self.processes:
                process.do(search, self.framework, self.wanted, self.behind)

    @rule(backend=st.sampled_from(BACKENDS))
    def switch(self, backend: str) -> None:
        self.active = backend
        self.patch.setenv("TURNOUT_BACKEND", backend)

    @precondition(lambda self: self.wanted)
    @rule(who=st.integers(0, 1))
    def fill(self, who: int) -> None:
        self.processes[who].do(fill, self.framework)
        self.held[self.active] = dict(self.wanted)

    @precondition(lambda self: any(self.held.values()))
    @rule(who=st.integers(0, 1))
    def reindex(self, who: int) -> None:
        """From a collection that has something into the other one."""
        origin = next(one for one in BACKENDS if self.held[one])
        target = next(one for one in BACKENDS if one != origin)
        self.processes[who].do(reindex, target, origin)
        self.held[target] = dict(self.wanted)


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Other, Other]]:
    made = Other(), Other()
    yield made
    for one in made:
        one.end()


@pytest.mark.parametrize(("framework", "store"), [("langchain", "chroma"), ("llama_index", "simple")])
def test_whatever_two_processes_do(
    framework: str, store: str, two: tuple[Other, Other], fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"emulator": fresh_emulator, "patch": monkeypatch, "processes": two, "store": store, "framework": framework}
    few = settings(
        max_examples=EXAMPLES,
        stateful_step_count=_STEPS,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(type("Model", (Model,), made), settings=few)
