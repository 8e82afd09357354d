"""What a reindex does with chunks that are new, changed, gone, too long or refused."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from tests.index.conftest import settings_text
from tests.index.support import Listed, memory, sent, some
from turnout.embedding.embedder import Embedder
from turnout.errors import (
    AuthenticationError,
    EmbeddingSpaceError,
    InvalidRequestError,
    ReindexError,
    ReindexLockedError,
    ServerError,
)
from turnout.facts.spaces import space_of
from turnout.index.locks import reindex_lock
from turnout.index.migration.engine import reindex
from turnout.index.migration.report import Estimate, ReindexProgress
from turnout.index.stream import EmbeddingStream
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Made = "Callable[[str], Embedder]"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "moved.sqlite"


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_every_chunk_arrives_with_its_id_its_metadata_and_the_models_own_vector(
    backend: str, embedder: Callable[[str], Embedder], file: Path
) -> None:
    source, target = some(300), memory()
    report = reindex(source, target, embedder(backend), checkpoint=file)
    assert {item.id: (item.text, item.metadata) for item in target.chunks()} == source.texts
    texts = [text for text, _ in source.texts.values()]
    anew = embedder(backend).embed(texts)
    stored = target.vectors(list(source.texts))
    assert [list(stored[found]) for found in source.texts] == anew
    assert (report.embedded, report.unchanged, report.state, report.complete) == (300, 0, "done", True)
    assert report.check is not None
    assert (report.check.found, report.check.alike, report.check.own) == (300, 16, 1.0)


def test_only_what_changed_is_embedded(embedder: Callable[[str], Embedder], emulator: Emulator, file: Path) -> None:
    source, target = some(40), memory()
    reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    emulator.clear()
    source.texts["chunk-00003"] = ("another text", {"line": 3})
    source.texts["chunk-00004"] = (source.texts["chunk-00004"][0], {"line": "moved"})
    source.texts["new"] = ("a new text", {})
    del source.texts["chunk-00005"]
    report = reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    assert sent(emulator) == {"another text": 1, "a new text": 1}
    assert (report.embedded, report.rewritten, report.deleted, report.unchanged) == (2, 1, 1, 37)
    assert {item.id: (item.text, item.metadata) for item in target.chunks()} == source.texts
    assert "2 embedded, 1 written with the vector that was there, 37 unchanged, 1 deleted" in str(report)


def test_without_its_checkpoint_it_goes_by_what_the_target_has(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    source, target = some(40), memory()
    reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    file.unlink()
    emulator.clear()
    source.texts["chunk-00003"] = ("another text", {})
    report = reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    assert sent(emulator) == {"another text": 1}
    assert (report.embedded, report.unchanged) == (1, 39)


def test_what_the_target_lost_is_embedded_again(embedder: Callable[[str], Embedder], file: Path) -> None:
    source = some(10)
    reindex(source, memory(), embedder("azure"), checkpoint=file, sample=0)
    again = memory()
    report = reindex(source, again, embedder("azure"), checkpoint=file, sample=0)
    assert (report.embedded, again.count()) == (10, 10)


def test_chunks_of_others_stay(embedder: Callable[[str], Embedder], file: Path) -> None:
    target = memory()
    reindex(some(3), target, embedder("azure"), checkpoint=file, sample=0)
    target.store.store["theirs"] = {**target.store.store["chunk-00001"], "id": "theirs"}
    report = reindex(some(2), target, embedder("azure"), checkpoint=file)
    assert set(target.get(["chunk-00000", "chunk-00001", "chunk-00002", "theirs"])) == {
        "chunk-00000",
        "chunk-00001",
        "theirs",
    }
    assert report.deleted == 1
    assert report.check is not None
    assert (report.check.expected, report.check.found, report.check.passed) == (2, 3, False)


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
def test_a_text_that_cannot_be_embedded_is_named_and_the_others_arrive(
    backend: str, embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    source, target = some(60), memory()
    source.texts["empty"] = ("  ", {})
    source.texts["long"] = ("word " * 60_000, {})
    report = reindex(source, target, embedder(backend), checkpoint=file, sample=0)
    why = dict(report.skipped)
    assert set(why) == {"empty", "long"}
    assert why["empty"].startswith("the text is empty")
    assert "ContextOverflow" in why["long"] or "characters" in why["long"]
    assert not report.complete
    assert "skipped 'long'" in str(report)
    assert target.count() == 60
    emulator.clear()
    again = reindex(source, target, embedder(backend), checkpoint=file, sample=0)
    assert dict(again.skipped) == why
    assert not sent(emulator)
    source.texts["empty"] = ("not empty any more", {})
    assert dict(reindex(source, target, embedder(backend), checkpoint=file, sample=0).skipped).keys() == {"long"}


def test_a_filtered_text_is_found_in_its_request(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    source, target = some(2), memory()
    emulator.queue(*[Failure.content_filter()] * 2, service="azure", operation="embeddings")  # of both, then of one
    report = reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    [(found, reason)] = report.skipped
    assert reason.startswith("ContentFilterError")
    assert target.get(list(source.texts)).keys() == source.texts.keys() - {found}
    report = reindex(source, target, embedder("azure"), checkpoint=file, sample=0, retry_skipped=True)
    assert (report.embedded, report.skipped, target.count()) == (1, [], 2)


def test_chunks_whose_request_ended_without_an_answer_end_the_run(tmp_path: Path) -> None:
    with Emulator(delay=30) as slow:
        config = tmp_path / "turnout.toml"
        config.write_text(settings_text(slow), encoding="utf-8")
        settings = load_settings(config)
        made = Embedder(resolve(kind="embedding", backend="azure", settings=settings), settings, max_retries=0)
        stream = EmbeddingStream(made, space_of(made.route))
        try:
            for chunk in some(3).chunks():
                stream.add(chunk)
            stream.flush()
            [flying] = stream._flying
            flying.cancel()
            give_up = time.monotonic() + 20
            while stream.error is None:
                assert time.monotonic() < give_up
                assert stream.take(patient=True) == []
            assert isinstance(stream.error, ReindexError)
            assert str(stream.error).startswith("of 3 chunks that were sent, it isn't known what became of them")
        finally:
            stream.close()


def test_a_stream_that_is_stopped_has_not_failed(embedder: Callable[[str], Embedder], emulator: Emulator) -> None:
    made = embedder("azure")
    stream = EmbeddingStream(made, space_of(made.route))
    for chunk in some(300).chunks():
        stream.add(chunk)
    stream.flush()
    stream.close()
    while stream.take(patient=False):
        pass
    assert stream.error is None


def test_the_old_vector_of_a_text_that_became_too_long_goes(embedder: Callable[[str], Embedder], file: Path) -> None:
    source, target = some(3), memory()
    reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    source.texts["chunk-00001"] = ("", {})
    reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    assert set(target.get(["chunk-00000", "chunk-00001", "chunk-00002"])) == {"chunk-00000", "chunk-00002"}


def test_when_every_text_is_refused_it_is_not_the_texts(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    emulator.queue(*[Failure.invalid_request("no such dimensions")] * 300, operation="embeddings")
    with pytest.raises(InvalidRequestError, match="no such dimensions"):
        reindex(some(200), memory(), embedder("bedrock"), checkpoint=file, sample=0)
    assert emulator.pending > 100


def test_a_refused_credential_ends_it_and_keeps_what_was_answered(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    source, target = some(600), memory()
    emulator.queue(Failure.authentication(), service="azure", operation="embeddings")
    with pytest.raises(AuthenticationError):
        reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    emulator.queue(*[Failure.server_error()], service="azure", operation="embeddings")
    with pytest.raises(ServerError):
        reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    report = reindex(source, target, embedder("azure"), checkpoint=file, sample=0)
    assert report.complete
    assert target.count() == 600
    assert max(sent(emulator).values()) == 1


def test_throttling_is_waited_out(embedder: Callable[[str], Embedder], emulator: Emulator, file: Path) -> None:
    emulator.queue(*[Failure.rate_limited(retry_after=0.05)] * 5, operation="embeddings")
    report = reindex(some(50), memory(), embedder("bedrock"), checkpoint=file, sample=0)
    assert (report.embedded, report.complete) == (50, True)


def test_a_dry_run_sends_and_changes_nothing(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    source, target = some(50), memory()
    report = reindex(source, target, embedder("azure"), checkpoint=file, dry_run=True)
    assert (report.state, report.estimate.chunks, report.estimate.to_embed) == ("estimated", 50, 50)
    assert report.estimate.tokens == sum(len(text) // 4 + 1 for text, _ in source.texts.values())
    assert report.estimate.cost == pytest.approx(report.estimate.tokens * 0.02 / 1e6)
    assert "genai-prices" in str(report)
    assert not emulator.requests
    assert not target.count()
    assert list(file.parent.glob("moved*")) == []


def test_it_begins_only_if_told_so(embedder: Callable[[str], Embedder], emulator: Emulator, file: Path) -> None:
    asked: list[Estimate] = []

    def no(estimate: Estimate) -> bool:
        asked.append(estimate)
        return False

    report = reindex(some(5), memory(), embedder("azure"), checkpoint=file, confirm=no)
    assert (report.state, len(asked), len(emulator.requests)) == ("estimated", 1, 0)


def test_the_cost_of_a_model_without_a_price_is_unknown(
    settings_file: Path, embedder: Callable[[str], Embedder], file: Path
) -> None:
    text = settings_file.read_text().replace('model = "text-embedding-3-small"', 'space = "acme/64"')
    settings_file.write_text(text)
    report = reindex(some(5), memory(), embedder("azure"), checkpoint=file, dry_run=True)
    assert report.estimate.cost is None
    assert "cost unknown" in str(report)


def test_progress_goes_from_the_first_chunk_to_the_last(embedder: Callable[[str], Embedder], file: Path) -> None:
    said: list[ReindexProgress] = []
    reindex(some(700), memory(), embedder("azure"), checkpoint=file, on_progress=said.append, sample=0)
    done = [progress.done for progress in said]
    assert done == sorted(done)
    assert (done[-1], said[-1].total, said[-1].tokens > 0) == (700, 700, True)


def test_a_target_of_another_space_is_refused_before_anything_is_sent(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    target = memory()
    reindex(some(3), target, embedder("azure"), checkpoint=file, sample=0)
    emulator.clear()
    with pytest.raises(EmbeddingSpaceError, match="titan"):
        reindex(some(3), target, embedder("bedrock"), checkpoint=file.with_name("other.sqlite"))
    unknown = memory()
    unknown.store.store["x"] = {"id": "x", "vector": [1.0], "text": "x", "metadata": {}}
    with pytest.raises(EmbeddingSpaceError, match="no record"):
        reindex(some(3), unknown, embedder("bedrock"), checkpoint=file.with_name("other.sqlite"))
    assert not emulator.requests


def test_a_record_that_was_tampered_with_is_refused(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    target = memory()
    reindex(some(3), target, embedder("azure"), checkpoint=file, sample=0)
    emulator.clear()
    for entry in target.store.store.values():
        entry["metadata"]["turnout_space"] = "amazon.titan-embed-text-v2:0/256"
    with pytest.raises(EmbeddingSpaceError, match="isn't as it was written"):
        reindex(some(9), target, embedder("bedrock"), checkpoint=file)
    assert not emulator.requests


def test_a_checkpoint_of_something_else_is_refused(embedder: Callable[[str], Embedder], file: Path) -> None:
    reindex(some(3), memory("one"), embedder("azure"), checkpoint=file, sample=0)
    with pytest.raises(EmbeddingSpaceError, match="name another checkpoint"):
        reindex(some(3), memory("one"), embedder("bedrock"), checkpoint=file)
    with pytest.raises(ReindexError, match="checkpoint of 'one', not of 'two'"):
        reindex(some(3), memory("two"), embedder("azure"), checkpoint=file)
    file.write_bytes(b"not a database " * 100)
    with pytest.raises(ReindexError, match="can't be read"):
        reindex(some(3), memory("one"), embedder("azure"), checkpoint=file)


def test_a_source_that_became_empty_deletes_nothing(embedder: Callable[[str], Embedder], file: Path) -> None:
    target = memory()
    reindex(some(3), target, embedder("azure"), checkpoint=file, sample=0)
    with pytest.raises(ReindexError, match="empty"):
        reindex(Listed(), target, embedder("azure"), checkpoint=file)
    assert target.count() == 3


def test_the_second_of_two_at_once_is_told_who_holds_the_index(
    embedder: Callable[[str], Embedder], emulator: Emulator, file: Path
) -> None:
    with (
        reindex_lock(file.with_name("moved.sqlite.lock"), "memory"),
        pytest.raises(ReindexLockedError, match=r"fills 'memory': process \d+ on \S+, since 20"),
    ):
        reindex(some(3), memory(), embedder("azure"), checkpoint=file)
    assert not emulator.requests
    assert reindex(some(3), memory(), embedder("azure"), checkpoint=file).complete


def test_the_checkpoint_keeps_no_text_and_no_vector_that_was_written(
    embedder: Callable[[str], Embedder], file: Path
) -> None:
    reindex(some(30), memory(), embedder("azure"), checkpoint=file, sample=0)
    with sqlite3.connect(file) as base:
        rows = base.execute("SELECT state, vector FROM chunk").fetchall()
    base.close()
    assert rows == [(1, None)] * 30
    assert b"leads to depot" not in file.read_bytes()
