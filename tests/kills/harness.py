"""Kills, and what is checked after each: the index answers, nothing is lost, and no vector is another text's."""

from __future__ import annotations

import multiprocessing
import os
import random
import shlex
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from tests.kills.operations import KINDS, Kind, Operation, in_process, perform, search
from turnout.cli.app import app
from turnout.embedding.embedder import Embedder
from turnout.errors import IndexBehindError
from turnout.index.guard.checks import ALIKE, cosine
from turnout.index.migration.named import NamedIndex

if TYPE_CHECKING:
    from turnout_emulator import Emulator

_CHUNKS = 24  # that the index has before each kill, about
_CHANGED = 8
_COMPARED = 4  # vectors that are embedded anew after each kill
_PATIENCE = 60.0

_ROUTES = """
[embedding.default]
azure = { deployment = "embed-small", model = "text-embedding-3-small", dimensions = 256 }
bedrock = { model = "amazon.titan-embed-text-v2:0", dimensions = 256 }
"""

PRELOADED = [
    *("turnout.llama_index.index", "turnout.llama_index.stores.chroma", "turnout.llama_index.stores.postgres"),
    *("turnout.langchain.index", "turnout.langchain.stores.chroma", "turnout.langchain.stores.pgvector"),
    *("turnout.langchain.stores.qdrant", "turnout.llama_index.stores.qdrant"),
    *("pyarrow.dataset", "pandas", "lance_namespace"),  # of LanceDB, which itself has a thread from its import on
    *("tests.index.data.warm", "tests.kills.operations", "langchain_chroma", "botocore.session", "aiohttp"),
]


@dataclass
class Tally:
    """What became of the kills of one store.

    Attributes:
        kills: How many processes were killed, by operation.
        ended: How many had ended by then.
        mended: How often the index didn't answer, and the command that its error names mended it.
        again: Texts that were embedded a second time, by a kill: they were in flight, or not yet written.
        faults: What should not be.
    """

    kills: Counter[Kind] = field(default_factory=Counter)
    ended: int = 0
    mended: int = 0
    again: int = 0
    faults: list[str] = field(default_factory=list)


class Harness:
    """An index of one store, and what it must have.

    Args:
        emulator: What the backends are.
        folder: Where its settings and files are.
        kind: The store, as the settings name it.
        framework: `langchain` or `llama_index`.
        connection: The database's or server's address, for a store that has one.
        seed: Of the moments and of what is changed.
    """

    def __init__(
        self, emulator: Emulator, folder: Path, kind: str, framework: str, connection: str | None, seed: int
    ) -> None:
        self.tally = Tally()
        self._emulator = emulator
        self._framework = framework
        self._random = random.Random(seed)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._wanted: dict[str, str] = {}
        self._made = 0
        self._seconds: defaultdict[Kind, list[float]] = defaultdict(list)
        text = emulator.settings_toml()
        lines = [f'store = "{kind}"', f'framework = "{framework}"', f'path = "{folder / "index"}"']
        lines += [f'connection = "{connection}"'] if connection else []
        lines += ["allow_pickle = true"] if kind == "faiss" else []
        index = "\n".join(["[index.docs]", *lines])
        self._alone, self._both = folder / "alone.toml", folder / "both.toml"
        for path, also in (self._alone, ""), (self._both, '\nalso = ["bedrock"]'):
            path.write_text(f"{text[: text.index('[chat.')]}{_ROUTES}\n{index}{also}\n", encoding="utf-8")

    def run(self, kills: int) -> Tally:
        """Kill so many processes, each operation in turn."""
        self._use(self._alone)
        self._settle()
        while self.tally.kills.total() + self.tally.ended < kills:
            for kind in KINDS:
                if self.tally.kills.total() + self.tally.ended >= kills:
                    break
                self._one(kind)
        return self.tally

    def _one(self, kind: Kind) -> None:
        """Prepare an operation, kill it, look, do it again to its end, and look again."""
        self._use(self._both if kind == "dual write" else self._alone)
        self._settle()
        operation = self._operation(kind)
        self._prepare(operation)
        before = dict(self._wanted)
        self._emulator.clear()
        if self._killed(operation):
            self.tally.kills[kind] += 1
        else:
            self.tally.ended += 1
        after = {**{id_: text for id_, text in before.items() if id_ not in operation.ids}, **operation.texts}
        first = self._embedded()
        self._look(operation, before, after)
        self._emulator.clear()
        began = time.monotonic()
        self._perform(operation)
        self._seconds[kind].append(time.monotonic() - began)
        self.tally.again += (first & self._embedded()).total()
        self._wanted = after
        self._look(operation, after, after)

    def _embedded(self) -> Counter[str]:
        """How often each text was embedded since the requests were cleared."""
        return Counter(text for request in self._emulator.requests for text in _texts(request))

    def _operation(self, kind: Kind) -> Operation:
        ids = self._random.sample(sorted(self._wanted), _CHANGED)
        if kind == "add":
            return Operation(kind, self._framework, {self._new_id(): self._new_text() for _ in range(_CHANGED)})
        if kind == "update":
            return Operation(kind, self._framework, {id_: self._new_text() for id_ in ids})
        if kind == "delete":
            return Operation(kind, self._framework, {}, tuple(ids))
        if kind == "dual write":
            texts = {id_: self._new_text() for id_ in [*ids[1:], self._new_id()]}
            return Operation(kind, self._framework, texts, (ids[0],))
        return Operation(kind, self._framework)

    def _prepare(self, operation: Operation) -> None:
        """Have what a dual write, a fill or a move needs: another collection, which lacks some or isn't there."""
        if operation.kind in {"dual write", "drop"}:
            NamedIndex("docs").reindex("bedrock", origin="azure", sample=0)
        elif operation.kind in {"fill", "reindex"}:
            texts = {id_: self._new_text() for id_ in self._random.sample(sorted(self._wanted), _CHANGED)}
            perform(Operation("update", self._framework, texts))
            self._wanted |= texts
        if operation.kind == "fill":
            os.environ["TURNOUT_BACKEND"] = "bedrock"

    def _killed(self, operation: Operation) -> bool:
        """Whether it was killed before it had ended."""
        wire, theirs = self._context.Pipe()
        settings = {name: value for name, value in os.environ.items() if name.startswith("TURNOUT_")}
        if operation.kind == "fill":  # it begins where it may be searched
            settings["TURNOUT_BACKEND"] = "azure"
        process = self._context.Process(target=in_process, args=(operation, settings, theirs))
        process.start()
        theirs.close()
        assert wire.poll(_PATIENCE), "it doesn't begin"
        wire.recv()
        usual = statistics.median(self._seconds[operation.kind] or [0.1])
        ended = wire.poll(self._random.uniform(0, usual))
        process.kill()
        process.join(_PATIENCE)
        wire.close()
        return not ended

    def _look(self, operation: Operation, before: dict[str, str], after: dict[str, str]) -> None:
        """The index answers, perhaps after its command; it has each chunk before or after, with its own vector."""
        os.environ["TURNOUT_BACKEND"] = "azure"
        self._answers(operation)
        self._check("azure", operation, before, after)
        if before == after and operation.kind in {"dual write", "fill", "reindex"}:
            os.environ["TURNOUT_BACKEND"] = "bedrock"
            self._answers(operation)
            self._check("bedrock", operation, before, after)
            os.environ["TURNOUT_BACKEND"] = "azure"

    def _answers(self, operation: Operation) -> None:
        _forget_clients()
        try:
            search(self._framework)
        except IndexBehindError as behind:
            done = CliRunner().invoke(app, [*shlex.split(behind.fix)[1:], "--yes"])
            self.tally.mended += 1
            if done.exit_code:
                self.tally.faults.append(f"{operation.kind}: `{behind.fix}` exits with {done.exit_code}: {done.output}")
                return
            search(self._framework)

    def _check(self, backend: str, operation: Operation, before: dict[str, str], after: dict[str, str]) -> None:
        index = NamedIndex("docs")
        collection = index.open_collection(index.space(backend))
        assert collection is not None
        found = {chunk.id: chunk.text for chunk in collection.chunks()}
        for id_ in before.keys() | after.keys() | found.keys():
            allowed = {texts.get(id_) for texts in (before, after)}
            if found.get(id_) not in allowed:
                what = f"{id_} is {found.get(id_)!r}, not one of {allowed!r}"
                self.tally.faults.append(f"{operation.kind}, on {backend}: {what}")
        compared = self._random.sample(sorted(found), min(_COMPARED, len(found)))
        stored = collection.vectors(compared)
        embedder = Embedder(index.route(backend), index.all_settings)
        for id_, vector in zip(compared, embedder.embed([found[one] for one in compared]), strict=True):
            if cosine(stored[id_], vector) < ALIKE:
                self.tally.faults.append(f"{operation.kind}, on {backend}: the vector of {id_} is another text's")

    def _perform(self, operation: Operation) -> None:
        if operation.kind == "fill":
            os.environ["TURNOUT_BACKEND"] = "bedrock"
        _forget_clients()
        perform(operation)
        os.environ["TURNOUT_BACKEND"] = "azure"

    def _settle(self) -> None:
        """Have about as many chunks as ever."""
        if len(self._wanted) > 2 * _CHUNKS:
            ids = self._random.sample(sorted(self._wanted), len(self._wanted) - _CHUNKS)
            perform(Operation("delete", self._framework, {}, tuple(ids)))
            self._wanted = {id_: text for id_, text in self._wanted.items() if id_ not in ids}
        if len(self._wanted) < _CHUNKS:
            texts = {self._new_id(): self._new_text() for _ in range(_CHUNKS - len(self._wanted))}
            perform(Operation("add", self._framework, texts))
            self._wanted |= texts

    def _new_id(self) -> str:
        self._made += 1
        return f"chunk-{self._made:05}"

    def _new_text(self) -> str:
        self._made += 1
        return f"Track {self._made} leads to depot {self._made * 7919 % 10007}."

    def _use(self, path: Path) -> None:
        os.environ.update(TURNOUT_CONFIG=str(path), TURNOUT_BACKEND="azure")


def _forget_clients() -> None:
    """Open Chroma's folders anew, as another process would."""
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()


def _texts(request: object) -> list[str]:
    """The texts that a request embeds."""
    body = getattr(request, "body", None) or {}
    given = body.get("input") or body.get("inputText") or []
    return [given] if isinstance(given, str) else list(given)
