"""A reindex and a dataset on the workers of a local Ray cluster.

There are two workers where they have to agree, or one has to stand in for the other; each costs seconds of imports.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import cloudpickle
import psutil
import pytest

from tests.index.conftest import settings_text
from tests.index.support import Listed, sent, some
from tests.test_docs import ROOT, blocks
from tests.workers.conftest import MORE
from tests.workers.things import ask_all, things
from turnout.calls import limits
from turnout.embedding.embedder import Embedder
from turnout.errors import (
    AuthenticationError,
    EmbeddingSpaceError,
    ModelCallError,
    PermissionDeniedError,
    ReindexError,
    SettingsError,
    UnsupportedError,
)
from turnout.index.migration.engine import reindex
from turnout.index.migration.named import NamedIndex
from turnout_emulator import Emulator, Failure

ray = pytest.importorskip("ray", reason="ray isn't installed: pip install 'turnout[ray]'")

import pandas as pd  # noqa: E402  # Ray Data brings both
import pyarrow as pa  # noqa: E402

from turnout.ray import RayWorkers, TurnoutEmbedBatch, reindex_with_ray  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout.index.migration.report import ReindexReport

WORKERS = 2
SPACE = "amazon.titan-embed-text-v2:0/256"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]  # Ray sets its own deprecated options


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two workers, and none of their processes left at the end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = set(psutil.Process().children(recursive=True))
    ray.init(num_cpus=WORKERS, include_dashboard=False, object_store_memory=80 * 1024**2, log_to_driver=False)
    began = set(psutil.Process().children(recursive=True)) - before
    assert began
    yield
    ray.shutdown()
    _, alive = psutil.wait_procs(list(began), timeout=20)
    del os.environ["RAY_USAGE_STATS_ENABLED"]
    assert not alive


def fill(path: Path, name: str, source: Listed, backend: str = "azure") -> Any:
    """Embed chunks into a collection of a named index, here."""
    index = NamedIndex(name, path)
    space = index.space(backend)
    collection = index.open_collection(space, create=True)
    assert collection is not None
    embedder = Embedder(index.route(backend), index.all_settings)
    assert reindex(source, collection, embedder, checkpoint=index.checkpoint(space), sample=0).complete
    return collection


def content(path: Path, name: str, backend: str = "bedrock") -> dict[str, tuple[str, dict[str, Any], list[float]]]:
    """Everything that a collection has."""
    index = NamedIndex(name, path)
    collection = index.open_collection(index.space(backend))
    assert collection is not None
    items = {item.id: item for item in collection.chunks()}
    vectors = collection.vectors(list(items))
    return {found: (item.text, item.metadata, list(vectors[found])) for found, item in items.items()}


def said(report: ReindexReport) -> dict[str, Any]:
    found = report.to_dict()
    return {key: value for key, value in found.items() if key not in {"seconds", "source", "target", "check"}}


def test_ray_gives_the_same_index(settings_file: Path, emulator: Emulator) -> None:
    source = some(300)
    source.texts["odd"] = ("ünïcode ✓ text", {"n": 1.5, "yes": True, "name": "\u2028 line"})
    for name in ("docs", "calm"):
        fill(settings_file, name, source)
    here = NamedIndex("calm", settings_file).reindex("bedrock")
    emulator.clear()
    there = reindex_with_ray("docs", "bedrock", settings=settings_file, workers=WORKERS, batch=32)
    assert there.complete
    assert there.check is not None
    assert (there.check.found, there.check.alike, there.check.own) == (301, there.check.sampled, 1.0)
    assert said(there) == said(here)
    assert content(settings_file, "docs") == content(settings_file, "calm")


def target(path: Path, name: str = "docs") -> tuple[Any, Embedder, Path]:
    """Bedrock's collection of a named index, its embedder and its checkpoint."""
    index = NamedIndex(name, path)
    space = index.space("bedrock")
    collection = index.open_collection(space, create=True)
    assert collection is not None
    return collection, Embedder(index.route("bedrock"), index.all_settings), index.checkpoint(space)


def workers() -> list[psutil.Process]:
    """The processes that embed."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any("MapWorker" in part for part in child.cmdline())]


def test_a_worker_that_is_killed_costs_what_it_had_in_hand(settings_file: Path, tmp_path: Path) -> None:
    batch, source = 20, some(400)
    with Emulator(delay=0.02) as slow:
        settings_file.write_text(settings_text(slow, MORE))
        collection, embedder, checkpoint = target(settings_file)
        killed: list[int] = []

        def kill() -> None:
            until = time.monotonic() + 60
            while sum(sent(slow).values()) < 100 and time.monotonic() < until:
                time.sleep(0.01)
            for process in workers()[:1]:
                process.kill()
                killed.append(process.pid)

        killer = threading.Thread(target=kill)
        killer.start()
        plan = RayWorkers(WORKERS, str(settings_file), batch=batch)
        report = reindex(source, collection, embedder, checkpoint=checkpoint, sample=0, stream=plan)
        killer.join()
        asked = sent(slow)
    assert killed
    assert report.complete
    assert report.embedded == len(source.texts) == len(content(settings_file, "docs"))
    assert set(asked) == {text for text, _ in source.texts.values()}
    assert sum(asked.values()) - len(asked) <= batch


def test_a_run_that_is_stopped_keeps_what_was_answered_and_goes_on_without_ray(settings_file: Path) -> None:
    source, stop, window = some(240), threading.Event(), 200

    def progress(now: Any) -> None:
        if now.done > 20:
            stop.set()

    with Emulator(delay=0.1) as slow:
        settings_file.write_text(settings_text(slow, MORE))
        collection, embedder, checkpoint = target(settings_file)
        plan = RayWorkers(1, str(settings_file), batch=10, window=window)
        options: dict[str, Any] = {"checkpoint": checkpoint, "sample": 0, "on_progress": progress}
        report = reindex(source, collection, embedder, stream=plan, stop=stop, **options)
        assert report.state == "stopped"
        assert 20 < report.embedded < window
        assert report.embedded == sum(sent(slow).values()) == collection.count()
        assert reindex(source, collection, embedder, **options).complete
        assert sent(slow) == dict.fromkeys((text for text, _ in source.texts.values()), 1)


def test_what_cannot_be_embedded_is_named_and_a_failing_service_ends_it(
    settings_file: Path, emulator: Emulator
) -> None:
    source = some(200)
    source.texts["empty"] = (" ", {})
    source.texts["long"] = ("word " * 40_000, {})
    collection, embedder, checkpoint = target(settings_file)
    plan = RayWorkers(1, str(settings_file), batch=20)
    emulator.queue(Failure.invalid_request("malformed"), Failure.authentication(), service="bedrock")
    with pytest.raises(ModelCallError) as caught:
        reindex(source, collection, embedder, checkpoint=checkpoint, sample=0, stream=plan)
    assert isinstance(caught.value, AuthenticationError | PermissionDeniedError)
    answered = set(sent(emulator))
    assert answered == {chunk.text for chunk in collection.chunks()}
    report = reindex(source, collection, embedder, checkpoint=checkpoint, sample=0)
    assert set(sent(emulator).values()) == {1}
    skipped = dict(report.skipped)
    assert len(skipped) == 3
    assert "empty" in skipped["empty"]
    assert "characters" in skipped["long"]
    assert any("malformed" in reason for reason in skipped.values())
    assert collection.count() == 199


def test_a_worker_whose_settings_give_another_space_sends_nothing(
    settings_file: Path, emulator: Emulator, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(settings_file.read_text().replace("dimensions = 256", "dimensions = 512"))
    fill(settings_file, "docs", some(5))
    emulator.clear()
    with pytest.raises(EmbeddingSpaceError, match=r"v2:0/512, and the job is for .*v2:0/256"):
        reindex_with_ray("docs", "bedrock", settings=settings_file, workers=1, worker_settings=str(other))
    nowhere = str(tmp_path / "nowhere.toml")
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        reindex_with_ray("docs", "bedrock", settings=settings_file, workers=1, worker_settings=nowhere)
    with pytest.raises(ReindexError, match="2 CPUs, and 9 workers"):
        reindex_with_ray("docs", "bedrock", settings=settings_file, workers=9)
    assert not emulator.requests


@pytest.mark.parametrize("said", [True, False], ids=["in the settings", "by throttling alone"])
def test_workers_share_the_limits_of_the_deployment(settings_file: Path, said: bool) -> None:
    quota = 40
    with Emulator(rate=quota) as throttling:
        text = settings_text(throttling, MORE)
        if said:
            text = text.replace("dimensions = 256", f"dimensions = 256, rpm = {45 * quota}")
        settings_file.write_text(text)
        collection, embedder, checkpoint = target(settings_file)
        plan = RayWorkers(WORKERS, str(settings_file), batch=10)
        source = some(160)
        assert reindex(source, collection, embedder, checkpoint=checkpoint, sample=0, stream=plan).complete
        asked = [request for request in throttling.requests if request.operation == "embeddings"]
    answered = sorted(request.received_at for request in asked if request.status == 200)
    throttled = sum(request.status == 429 for request in asked)
    assert len(answered) == len(source.texts)
    assert (len(answered) - quota) / (answered[-1] - answered[0]) <= 1.2 * quota
    assert throttled <= (8 if said else 40)  # a worker that the machine held up sends a few at once


class Marked(TurnoutEmbedBatch):
    """Says which process embedded a batch."""

    def __call__(self, batch: Any) -> Any:
        found = super().__call__(batch)
        return found.append_column("process", [[os.getpid()] * found.num_rows])


def test_a_dataset_is_embedded(settings_file: Path, secrets: list[bytes]) -> None:
    said: dict[str, Any] = {
        "route": "default",
        "backend": "bedrock",
        "settings": settings_file,
        "space": SPACE,
        "workers": 1,
    }
    rows = [{"id": n, "words": f"track {n}" if n != 3 else " "} for n in range(40)]
    made = Marked(text="words", **said)
    assert not [secret for secret in secrets if secret in cloudpickle.dumps(made)]
    embedded = ray.data.from_items(rows, override_num_blocks=8).map_batches(
        Marked,
        batch_size=5,
        compute=ray.data.ActorPoolStrategy(size=1),
        fn_constructor_kwargs={"text": "words", **said},
    )
    embedded.context.enable_progress_bars = False
    found = sorted(embedded.take_all(), key=lambda row: row["id"])
    assert [row["words"] for row in found] == [row["words"] for row in rows]
    assert [row["id"] for row in found if row["vector"] is None] == [3]
    assert [row["id"] for row in found if row["refused"] is not None] == [3]
    index = NamedIndex("docs", settings_file)
    here = Embedder(index.route("bedrock"), index.all_settings).embed(["track 1", "track 2"])
    assert [list(row["vector"]) for row in found[1:3]] == here
    assert os.getpid() not in {row["process"] for row in found}
    frame = pd.DataFrame(rows[1:3])
    for batch in (frame, pa.Table.from_pandas(frame)):  # as batch_format="pandas" and "pyarrow" hand it
        assert TurnoutEmbedBatch(text="words", **said)(batch).column("vector").to_pylist() == here
    with pytest.raises(UnsupportedError, match="no column 'text' but id, words"):
        TurnoutEmbedBatch(**said)(frame)
    limits.divide(1)


def test_what_an_application_holds_works_in_a_task(settings_file: Path) -> None:
    found = things(settings_file)
    here = ask_all(found)[1]
    process, there = ray.get(ray.remote(ask_all).remote(found), timeout=60)
    assert process != os.getpid()
    assert there == here


def test_the_page_on_ray_runs(settings_file: Path) -> None:
    settings_file.write_text(settings_file.read_text().replace("dimensions = 256", "dimensions = 1024"))
    # The cluster began without TURNOUT_CONFIG, so that its workers would find no settings.
    code = "\n".join(blocks(ROOT / "docs" / "ray.md", "python"))
    told = code.replace('{"backend": "bedrock",', f'{{"settings": {str(settings_file)!r}, "backend": "bedrock",')
    assert told != code
    exec(compile(told, "ray.md", "exec"), {"__name__": "__docs__"})
