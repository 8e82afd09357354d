"""Many texts at once: as fast as the deployment answers, in order, in bounded memory, each once."""

from __future__ import annotations

import asyncio
import itertools
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.base.llms.types import ChatMessage

from turnout.calls import limits
from turnout.calls.context import limiter_of
from turnout.embedding.batching import EmbeddingProgress
from turnout.embedding.embedder import Embedder
from turnout.errors import InvalidRequestError, RateLimitError
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout.routing import resolve
from turnout.settings import Settings, load_settings
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

TEXTS = [f"passage {n} about {n * 7}" for n in range(300)]


@pytest.fixture
def made(fresh_emulator: Emulator, tmp_path: Path) -> Settings:
    path = tmp_path / "turnout.toml"
    path.write_text(fresh_emulator.settings_toml(), encoding="utf-8")
    return load_settings(path)


def embedder(made: Settings, backend: str, **options: Any) -> Embedder:
    return Embedder(resolve(kind="embedding", backend=backend, settings=made), made, **options)


@pytest.mark.parametrize("backend", ["azure", "bedrock", "openai"])
def test_every_way_gives_the_vectors_of_one_text_at_a_time(made: Settings, backend: str) -> None:
    some = embedder(made, backend)
    texts = TEXTS[:60]
    slowly = [some.embed([text])[0] for text in texts]
    assert some.embed(texts) == slowly
    assert asyncio.run(some.aembed(texts)) == slowly
    assert list(some.embed_iter(iter(texts))) == slowly

    async def given() -> AsyncIterator[str]:
        for text in texts:
            yield text

    async def all_of(source: Any) -> list[list[float]]:
        return [vector async for vector in some.aembed_iter(source)]

    assert asyncio.run(all_of(texts)) == slowly
    assert asyncio.run(all_of(given())) == slowly


def test_a_text_that_repeats_is_embedded_once(made: Settings, fresh_emulator: Emulator) -> None:
    some = embedder(made, "bedrock")
    texts = ["a", "b", "a", "c", "b", "a"]
    vectors = some.embed(texts)
    assert len(fresh_emulator.requests) == 3
    assert vectors == [some.embed([text])[0] for text in texts]
    vectors[0].append(0.0)
    assert len(vectors[2]) == len(vectors[0]) - 1  # a vector of its own
    fresh_emulator.clear()
    azure = embedder(made, "azure")
    assert list(azure.embed_iter(texts)) == azure.embed(texts)
    assert [request.body["input"] for request in fresh_emulator.requests] == [["a", "b", "c"]] * 2


def test_progress_says_how_far_it_is(made: Settings) -> None:
    seen: list[EmbeddingProgress] = []
    embedder(made, "bedrock", progress=seen.append).embed(TEXTS[:50])
    assert [said.done for said in seen] == list(range(1, 51))
    assert {said.total for said in seen} == {50}
    seen.clear()
    list(embedder(made, "bedrock", progress=seen.append).embed_iter(iter(TEXTS[:5])))
    assert (seen[-1].done, seen[-1].total) == (5, None)
    for embeddings in (
        TurnoutEmbeddings(settings=made, backend="azure", progress=seen.append),
        TurnoutEmbedding(settings=made, backend="azure", progress=seen.append),
    ):
        seen.clear()
        if isinstance(embeddings, TurnoutEmbeddings):
            embeddings.embed_documents(TEXTS)
        else:
            embeddings.get_text_embedding_batch(TEXTS)
        assert seen[-1].done == len(TEXTS)
        assert "progress" not in repr(embeddings)


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    ("backend", "options", "steps"),
    [
        ("azure", {}, [6]),
        ("azure", {"deadline": 30.0}, [6]),
        ("bedrock", {}, [3, 5, 6]),
    ],
    ids=["one request", "one with a deadline", "many"],
)
def test_progress_counts_a_text_as_often_as_it_was_given(
    made: Settings, fresh_emulator: Emulator, way: str, backend: str, options: dict[str, Any], steps: list[int]
) -> None:
    seen: list[EmbeddingProgress] = []
    some = embedder(made, backend, progress=seen.append, **options)
    texts = ["a", "b", "a", "c", "b", "a"]
    vectors = some.embed(texts) if way == "sync" else asyncio.run(some.aembed(texts))
    assert len(vectors) == len(texts)
    assert len(fresh_emulator.requests) == len(steps)
    assert [said.done for said in seen] == steps
    assert {said.total for said in seen} == {len(texts)}


def test_an_iterator_of_any_length_is_read_only_as_far_as_requests_go(made: Settings) -> None:
    read = given = 0

    def endless() -> Iterator[str]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield f"text {number}"

    some = embedder(made, "bedrock")
    vectors = some.embed_iter(endless())
    while given < 150:
        next(vectors)
        given += 1
        assert read - given <= 2 * limiter_of(some.route, made).window + 3
    vectors.close()


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_quota_is_waited_out_and_nothing_is_lost(tmp_path: Path, way: str) -> None:
    texts = TEXTS[:60]
    with Emulator(rate=20) as emulator:
        path = tmp_path / "turnout.toml"
        path.write_text(emulator.settings_toml(), encoding="utf-8")
        some = embedder(load_settings(path), "bedrock", max_retries=0)
        vectors = some.embed(texts) if way == "sync" else asyncio.run(some.aembed(texts))
        statuses = [request.status for request in emulator.requests]
    assert statuses.count(200) == len(texts)
    assert statuses.count(429) >= 1
    assert statuses.count(429) < len(texts)  # 5 to 30 are usual, which chance decides
    with Emulator() as quick:
        path.write_text(quick.settings_toml(), encoding="utf-8")
        assert embedder(load_settings(path), "bedrock").embed(texts) == vectors


def test_one_text_is_not_waited_for_longer_than_the_settings_say(made: Settings, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(*[Failure.rate_limited(retry_after=0.01)] * 3)
    with pytest.raises(RateLimitError) as caught:
        embedder(made, "azure").embed(["one"])
    assert caught.value.attempts == 3


@pytest.mark.parametrize("way", ["sync", "async", "iter"])
def test_an_error_ends_the_call_and_what_was_begun(made: Settings, fresh_emulator: Emulator, way: str) -> None:
    fresh_emulator.queue(Failure.invalid_request())
    some = embedder(made, "bedrock")
    ways: dict[str, Callable[[], object]] = {
        "sync": lambda: some.embed(TEXTS),
        "async": lambda: asyncio.run(some.aembed(TEXTS)),
        "iter": lambda: list(some.embed_iter(TEXTS)),
    }
    with pytest.raises(InvalidRequestError):
        ways[way]()
    assert len(some.embed(TEXTS[:40])) == 40


def test_a_batch_of_chats_is_not_six_at_a_time(tmp_path: Path) -> None:
    with Emulator(delay=1.0) as emulator:
        path = tmp_path / "turnout.toml"
        path.write_text(emulator.settings_toml(), encoding="utf-8")
        model = ChatTurnout(settings=str(path))
        chain = RunnableLambda(lambda text: text) | model
        assert len(chain.batch([f"{n}" for n in range(24)])) == 24
        received = sorted(request.received_at for request in emulator.requests)
        assert sum(at < received[0] + 1.0 for at in received) > 12  # before the first was answered
        emulator.clear()
        model.batch([f"{n}" for n in range(4)], {"max_concurrency": 2})
        received = sorted(request.received_at for request in emulator.requests)
        assert received[-1] - received[0] > 0.9


def ready(path: Path, emulator: Emulator) -> None:
    """What the first calls load and connect takes none of the time that a test measures."""
    made, messages = str(path), [ChatMessage("hi")]
    ChatTurnout(settings=made).invoke("hi")
    asyncio.run(TurnoutLLM(settings=made).achat(messages))
    emulator.clear()
    limits.forget()


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_requests_a_minute_hold_for_everything_in_the_process(
    fresh_emulator: Emulator, tmp_path: Path, framework: str
) -> None:
    path = tmp_path / "turnout.toml"
    text = fresh_emulator.settings_toml().replace('deployment = "gpt-5-prod"', 'deployment = "gpt-5-prod", rpm = 600')
    path.write_text(text, encoding="utf-8")
    ready(path, fresh_emulator)
    if framework == "langchain":
        ChatTurnout(settings=str(path)).batch([f"{n}" for n in range(30)])
    else:

        async def all_at_once() -> None:
            await asyncio.gather(*(TurnoutLLM(settings=str(path)).achat([ChatMessage(f"{n}")]) for n in range(30)))

        asyncio.run(all_at_once())
    received = sorted(request.received_at for request in fresh_emulator.requests)
    assert received[-1] - received[0] > 1.0  # two seconds: ten a second, after a second's worth at once


def test_tokens_a_minute_are_counted_with_what_the_answer_took(fresh_emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    text = fresh_emulator.settings_toml().replace('deployment = "gpt-5-prod"', 'deployment = "gpt-5-prod", tpm = 6000')
    path.write_text(text, encoding="utf-8")
    ready(path, fresh_emulator)
    model = ChatTurnout(settings=str(path), backend="azure")
    for _ in range(3):
        answer = model.invoke("word " * 100)
        assert answer.usage_metadata
        assert answer.usage_metadata["total_tokens"] > 100
    received = [request.received_at for request in fresh_emulator.requests]
    assert received[2] - received[0] > 1.0  # a hundred a second


@pytest.mark.parametrize("way", ["sync", "async"])
def test_what_is_refused_at_random_is_asked_again_and_holds_up_little_else(tmp_path: Path, way: str) -> None:
    texts, took = [f"passage {n}" for n in range(400)], {}
    for share in (0.0, 0.1):
        chance = Random(7)
        with Emulator(delay=0.1) as emulator:
            path = tmp_path / "turnout.toml"
            path.write_text(emulator.settings_toml(), encoding="utf-8")
            some = embedder(load_settings(path), "bedrock", max_retries=0)
            some.embed(texts[:1])
            emulator.clear()
            emulator.rule(lambda _: Failure.rate_limited() if chance.random() < share else None)  # noqa: B023
            began = time.monotonic()
            vectors = some.embed(texts) if way == "sync" else asyncio.run(some.aembed(texts))
            took[share] = time.monotonic() - began
            statuses = [request.status for request in emulator.requests]
        assert len(vectors) == statuses.count(200) == len(texts)
        assert (statuses.count(429) > 0) == (share > 0)
    assert took[0.1] < 10 * took[0.0]  # where each refusal counted as a quota's it took 40 times as long
