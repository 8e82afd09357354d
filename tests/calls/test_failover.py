"""A call moves on to what can answer it, and to nothing else: in both frameworks, and in each way of asking."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import turnout
from tests.support.frameworks import FRAMEWORKS, WAYS, Chat
from turnout.calls import circuit, failover
from turnout.calls.context import limiter_of
from turnout.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    ServiceConnectionError,
    ServiceTimeoutError,
)
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout_emulator import Answer, Close, Failure, Raw, Script, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

PLACES = """
[chat.default]
azure = [{ deployment = "gpt-5-prod", model = "gpt-5" }, { deployment = "mini", model = "gpt-5-mini" }]
bedrock = "us.anthropic.claude-sonnet-4-6"
"""
IN_ORDER = ["gpt-5-prod", "mini", "us.anthropic.claude-sonnet-4-6"]

pytestmark = pytest.mark.usefixtures("no_backoff", "healthy")


@pytest.fixture
def healthy() -> Iterator[None]:
    circuit.reset_health()
    yield
    circuit.reset_health()


@pytest.fixture
def settings_toml(fresh_emulator: Emulator) -> str:
    before, _, after = fresh_emulator.settings_toml().partition("[chat.default]")
    return 'fallbacks = ["bedrock"]\n' + before + PLACES + "[chat.fast]" + after.partition("[chat.fast]")[2]


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asked(emulator: Emulator) -> list[str]:
    return [str(request.model) for request in emulator.requests]


def health(emulator: Emulator) -> dict[str, turnout.Health]:
    """How the deployments of this emulator's `azure` are; other tests have others."""
    found = (one for one in turnout.health() if one.backend == "azure" and one.endpoint.startswith(emulator.azure.url))
    return {one.deployment: one for one in found}


def fail(emulator: Emulator, failure: Any, *models: str, times: int = 1) -> None:
    for model in models:
        emulator.queue(*([failure] * times), model=model)


@pytest.mark.usefixtures("settings_file")
def test_it_moves_on_in_order_and_says_every_attempt(fresh_emulator: Emulator, framework: str, way: str) -> None:
    fail(fresh_emulator, Failure("server_error"), "gpt-5-prod", times=3)
    fail(fresh_emulator, Failure.rate_limited(retry_after=30), "mini")
    moved: list[turnout.Failover] = []
    answer = Chat(framework, on_failover=moved.append).ask(way, "When does the depot open?")
    assert answer.text
    assert asked(fresh_emulator) == ["gpt-5-prod"] * 3 + IN_ORDER[1:]
    assert answer.metadata["backend"] == "bedrock"
    assert answer.metadata["attempts"] == 5
    said = [(one["error"], one["backend"], one["deployment"]) for one in answer.metadata["failed_attempts"]]
    assert said == [("ServerError", "azure", "gpt-5-prod")] * 3 + [("RateLimitError", "azure", "mini")]
    assert all(one["after"] >= 0 for one in answer.metadata["failed_attempts"])
    assert [(one.deployment, one.to_deployment) for one in moved] == [*pairwise(IN_ORDER)]
    assert [one.error.condition for one in moved] == ["ServerError", "RateLimitError"]


def test_a_place_that_lets_no_call_in_was_not_asked_and_did_not_fail(
    fresh_emulator: Emulator, settings_file: Path, framework: str, way: str
) -> None:
    made = load_settings(settings_file)
    Chat(framework).ask(way)  # what is imported at the first call takes longer than a share
    fresh_emulator.clear()
    limiter = limiter_of(resolve("default", backend="azure", settings=made), made)
    for _ in range(30):  # until one at a time is let in
        limiter.throttled(limiter.enter(), 0)
    limiter.enter()  # and is never answered
    answer = Chat(framework, deadline=1.5).ask(way)
    assert asked(fresh_emulator) == ["mini"]
    assert [one["error"] for one in answer.metadata["failed_attempts"]] == ["RateLimitError"]
    assert "gpt-5-prod" not in health(fresh_emulator) or not health(fresh_emulator)["gpt-5-prod"].failures


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize(
    "failure", [Failure("invalid_request"), Failure.authentication(), Failure.permission(), Failure.not_found()]
)
def test_what_is_wrong_everywhere_stays(fresh_emulator: Emulator, framework: str, way: str, failure: Failure) -> None:
    fail(fresh_emulator, failure, "gpt-5-prod")
    with pytest.raises(turnout.errors.ModelCallError) as caught:
        Chat(framework).ask(way)
    assert asked(fresh_emulator) == ["gpt-5-prod"]
    assert not isinstance(caught.value, ServerError)


@pytest.mark.usefixtures("settings_file")
def test_a_bad_credential_at_a_fallback_is_said(
    fresh_emulator: Emulator, settings_file: Path, framework: str, way: str
) -> None:
    settings_file.write_text(settings_file.read_text().replace("secret_access_key = ", "secret_access_key = 'x' # "))
    fail(fresh_emulator, Failure("server_error"), *IN_ORDER[:2], times=3)
    with pytest.raises(AuthenticationError) as caught:
        Chat(framework).ask(way)
    assert [attempt.deployment for attempt in caught.value.failed_attempts] == ["gpt-5-prod"] * 3 + ["mini"] * 3
    assert "ServerError of 'mini' on backend 'azure'" in str(caught.value)


@pytest.mark.usefixtures("settings_file")
def test_a_stream_that_began_ends_there(fresh_emulator: Emulator, framework: str) -> None:
    for way in ("stream", "async-stream"):
        fresh_emulator.clear()
        fresh_emulator.queue(Script(lambda whole: [whole.head, *whole.parts[:6], Close()]), model="gpt-5-prod")
        with pytest.raises(ServiceConnectionError, match="characters of the answer had been delivered") as caught:
            Chat(framework).ask(way, "When does the depot open?")
        assert caught.value.delivered > 0
        assert pickle.loads(pickle.dumps(caught.value)).delivered == caught.value.delivered
        assert asked(fresh_emulator) == ["gpt-5-prod"]


@pytest.mark.usefixtures("settings_file")
def test_a_stream_that_ends_before_its_first_word_moves(fresh_emulator: Emulator, framework: str) -> None:
    for way in ("stream", "async-stream"):
        fresh_emulator.clear()
        circuit.reset_health()
        fail(fresh_emulator, Script(lambda whole: [whole.head, Close()]), "gpt-5-prod", times=3)
        assert Chat(framework).ask(way).text
        assert asked(fresh_emulator) == ["gpt-5-prod"] * 3 + ["mini"]


@pytest.mark.parametrize("kind", ["content_filter", "context_overflow"])
def test_what_moves_only_if_so_set(
    fresh_emulator: Emulator, settings_file: Path, framework: str, way: str, kind: str
) -> None:
    failure = Failure.content_filter() if kind == "content_filter" else Failure.context_overflow()
    fail(fresh_emulator, failure, "gpt-5-prod", times=2)
    with pytest.raises(ContentFilterError if kind == "content_filter" else ContextOverflowError):
        Chat(framework).ask(way)
    settings_file.write_text(f"failover.{kind} = true\n" + settings_file.read_text())
    answer = Chat(framework).ask(way)
    # A model that takes no more than the one before isn't asked with what is too long.
    assert answer.metadata["deployment"] == (IN_ORDER[1] if kind == "content_filter" else IN_ORDER[2])


@pytest.mark.usefixtures("settings_file")
def test_a_deployment_that_fails_rests_and_is_probed(
    fresh_emulator: Emulator, framework: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "FIRST_REST", 0.5)
    fail(fresh_emulator, Failure("server_error"), "gpt-5-prod", times=6)
    chat = Chat(framework)
    chat.ask(way)
    chat.ask(way)
    found = health(fresh_emulator)
    assert (found["gpt-5-prod"].state, found["gpt-5-prod"].failures) == ("resting", 5)
    assert found["gpt-5-prod"].error == "ServerError"
    assert found["gpt-5-prod"].rest <= 0.5
    assert found["mini"].state == "ok"
    fresh_emulator.clear()
    chat.ask(way)
    assert asked(fresh_emulator) == ["mini"]
    time.sleep(0.5)
    fail(fresh_emulator, Failure("server_error"), "gpt-5-prod")
    chat.ask(way)
    assert asked(fresh_emulator) == ["mini", "gpt-5-prod", "mini"]  # the probe failed
    assert health(fresh_emulator)["gpt-5-prod"].state == "resting"
    turnout.reset_health("azure", "gpt-5-prod")
    chat.ask(way)
    assert asked(fresh_emulator)[-1] == "gpt-5-prod"
    assert {one.state for one in health(fresh_emulator).values()} == {"ok"}


@pytest.mark.usefixtures("settings_file")
def test_retry_after_sets_the_rest(fresh_emulator: Emulator, framework: str, way: str) -> None:
    fail(fresh_emulator, Failure.rate_limited(retry_after=20), "gpt-5-prod")
    chat = Chat(framework)
    chat.ask(way)
    found = health(fresh_emulator)["gpt-5-prod"]
    assert found.state == "resting"
    assert 10 < found.rest <= 20
    chat.ask(way)
    assert asked(fresh_emulator) == ["gpt-5-prod", "mini", "mini"]


def test_the_circuit_can_be_switched_off(fresh_emulator: Emulator, settings_file: Path, framework: str) -> None:
    settings_file.write_text("failover.circuit = false\n" + settings_file.read_text())
    fail(fresh_emulator, Failure("server_error"), "gpt-5-prod", times=18)
    chat = Chat(framework)
    for _ in range(6):
        chat.ask("whole")
    assert asked(fresh_emulator) == [*["gpt-5-prod"] * 3, "mini"] * 6


@pytest.mark.parametrize("way", ["whole", "async"])
def test_what_is_paused_for_others_is_not_waited_for(
    fresh_emulator: Emulator, settings_file: Path, framework: str, way: str
) -> None:
    settings_file.write_text("failover = { circuit = false, wait = 0.2 }\n" + settings_file.read_text())
    fail(fresh_emulator, Failure.rate_limited(retry_after=20), "gpt-5-prod")
    chat = Chat(framework)
    chat.ask("whole")
    began = time.monotonic()
    answer = chat.ask(way)
    assert time.monotonic() - began < 10
    assert [one["error"] for one in answer.metadata["failed_attempts"]] == ["RateLimitError"]
    assert asked(fresh_emulator) == ["gpt-5-prod", "mini", "mini"]


@pytest.mark.usefixtures("settings_file")
def test_a_short_throttle_is_waited_out(fresh_emulator: Emulator, framework: str, way: str) -> None:
    fail(fresh_emulator, Failure.rate_limited(retry_after=0.1), "gpt-5-prod")
    Chat(framework).ask(way)
    assert asked(fresh_emulator) == ["gpt-5-prod"] * 2


@pytest.mark.usefixtures("settings_file")
def test_a_silent_place_takes_no_more_than_its_share(fresh_emulator: Emulator, framework: str, way: str) -> None:
    fail(fresh_emulator, Answer("Late.", delay=5), "gpt-5-prod")
    began = time.monotonic()
    answer = Chat(framework, deadline=1.5).ask(way)
    took = time.monotonic() - began
    assert answer.metadata["deployment"] == "mini"
    assert [one["error"] for one in answer.metadata["failed_attempts"]] == ["ServiceTimeoutError"]
    assert 0.4 < took < 1.5


@pytest.mark.usefixtures("settings_file")
def test_nothing_is_asked_after_the_deadline(fresh_emulator: Emulator, framework: str, way: str) -> None:
    fail(fresh_emulator, Answer("Late.", delay=5), *IN_ORDER)
    began = time.monotonic()
    with pytest.raises(ServiceTimeoutError) as caught:
        Chat(framework, deadline=0.9).ask(way)
    assert time.monotonic() - began < 2.5
    assert [attempt.deployment for attempt in caught.value.failed_attempts] == IN_ORDER[:2]


@pytest.mark.usefixtures("settings_file")
def test_the_last_error_says_them_all(
    fresh_emulator: Emulator, framework: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    fail(fresh_emulator, Raw(502, {"content-type": "text/html"}, b"<p>bad gateway</p>"), *IN_ORDER, times=3)
    with caplog.at_level(logging.WARNING, "turnout"), pytest.raises(ServerError) as caught:
        Chat(framework).ask(way)
    assert caught.value.backend == "bedrock"
    assert caught.value.attempts == 9
    assert [attempt.deployment for attempt in caught.value.failed_attempts] == [
        *(["gpt-5-prod"] * 3),
        *(["mini"] * 3),
        *([IN_ORDER[2]] * 2),
    ]
    assert [record.getMessage().partition(" to ")[2] for record in caplog.records] == [
        "'mini' on backend 'azure': ServerError",
        "'us.anthropic.claude-sonnet-4-6' on backend 'bedrock': ServerError",
    ]


@pytest.mark.usefixtures("settings_file")
def test_a_hook_that_fails_ends_no_call(fresh_emulator: Emulator, framework: str) -> None:
    def hook(_: turnout.Failover) -> None:
        raise ValueError("no pager")

    fail(fresh_emulator, Failure.rate_limited(retry_after=20), "gpt-5-prod")
    assert Chat(framework, on_failover=hook).ask("whole").text


def test_a_call_begins_where_the_settings_say(
    fresh_emulator: Emulator, settings_file: Path, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_file.write_text(settings_file.read_text().replace('["bedrock"]', '["azure", "bedrock"]', 1))
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock")
    fail(fresh_emulator, Failure.rate_limited(retry_after=20), IN_ORDER[2])
    assert Chat(framework).ask("whole").metadata["deployment"] == "gpt-5-prod"
    assert asked(fresh_emulator) == [IN_ORDER[2], "gpt-5-prod"]


def test_a_route_has_fallbacks_of_its_own(fresh_emulator: Emulator, settings_file: Path, framework: str) -> None:
    settings_file.write_text(settings_file.read_text().replace("[chat.default]", "[chat.default]\nfallbacks = []"))
    fail(fresh_emulator, Failure("server_error"), *IN_ORDER[:2], times=3)
    with pytest.raises(ServerError):
        Chat(framework).ask("whole")
    assert asked(fresh_emulator) == ["gpt-5-prod"] * 3 + ["mini"] * 3


def weighted(settings_file: Path, *weights: float) -> None:
    text = settings_file.read_text()
    for deployment, weight in zip(("gpt-5-prod", "mini"), weights, strict=True):
        text = text.replace(f'deployment = "{deployment}",', f'deployment = "{deployment}", weight = {weight},', 1)
    settings_file.write_text(text)


def test_weights_spread_the_calls(fresh_emulator: Emulator, settings_file: Path, framework: str) -> None:
    weighted(settings_file, 3, 1)
    failover._random.seed(11)
    chat = Chat(framework)
    for number in range(60):
        chat.ask("whole", f"question {number}")
    assert 33 <= asked(fresh_emulator).count("gpt-5-prod") <= 56


def test_a_weight_of_nothing_begins_nowhere(fresh_emulator: Emulator, settings_file: Path, framework: str) -> None:
    weighted(settings_file, 0, 1)
    fail(fresh_emulator, Failure.rate_limited(retry_after=20), "mini")
    assert Chat(framework).ask("whole").metadata["deployment"] == "gpt-5-prod"
    assert asked(fresh_emulator) == ["mini", "gpt-5-prod"]


@pytest.mark.usefixtures("settings_file")
def test_a_warm_cache_keeps_a_conversation(fresh_emulator: Emulator, framework: str, way: str) -> None:
    question = f"question {framework} {way}"
    chat = Chat(framework)
    fail(fresh_emulator, Failure("server_error"), "gpt-5-prod", times=3)
    fresh_emulator.queue(Answer("Warm.", usage=Usage(input_tokens=20, output_tokens=2, cached_tokens=7)), model="mini")
    assert chat.ask(way, question).text == "Warm."
    circuit.reset_health()
    chat.ask(way, question)
    chat.ask(way, "another question")
    assert asked(fresh_emulator) == [*["gpt-5-prod"] * 3, "mini", "mini", "gpt-5-prod"]


@pytest.mark.usefixtures("settings_file")
def test_many_calls_at_once(fresh_emulator: Emulator) -> None:
    fail(fresh_emulator, Failure("server_error", delay=0.05), "gpt-5-prod", times=200)
    from turnout.langchain import ChatTurnout

    async def all_of_them() -> list[Any]:
        chat = ChatTurnout()
        return await asyncio.gather(*(chat.ainvoke(f"question {number}") for number in range(50)))

    answers = asyncio.run(all_of_them())
    assert {answer.response_metadata["deployment"] for answer in answers} == {"mini"}
    assert len(asked(fresh_emulator)) < 120  # the circuit spares the rest their repetitions
    assert not isinstance(answers[0], RateLimitError | InvalidRequestError)
