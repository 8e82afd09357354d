"""One retry policy, whichever wire, framework and way of asking."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.calls.conftest import Asker
from tests.support.parts import chats
from turnout.calls.context import limiter_of
from turnout.errors import (
    FailedAttempt,
    InvalidRequestError,
    ModelCallError,
    RateLimitError,
    ServerError,
    ServiceConnectionError,
    ServiceTimeoutError,
)
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout_emulator import Answer, Cut, Failure

if TYPE_CHECKING:
    from turnout_emulator import Emulator


BROKEN = Failure("server_error", retry_after=0.02)


def test_what_fails_is_asked_again_alike_and_the_answer_says_so(asker: Asker, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.rate_limited(retry_after=0.02), BROKEN, Answer("at last"))
    text, metadata = asker.ask()
    assert text == "at last"
    first, second, third = chats(fresh_emulator)
    assert (first.status, second.status, third.status) == (429, 500, 200)
    assert first.body == second.body == third.body
    assert metadata["attempts"] == 3
    assert [attempt["error"] for attempt in metadata["failed_attempts"]] == ["RateLimitError", "ServerError"]
    assert [attempt["status"] for attempt in metadata["failed_attempts"]] == [429, 500]


def test_an_answer_at_once_is_one_attempt(asker: Asker) -> None:
    _, metadata = asker.ask()
    assert metadata["attempts"] == 1
    assert "failed_attempts" not in metadata


def test_the_last_error_says_what_went_before(asker: Asker, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(BROKEN, Failure.rate_limited(retry_after=0.02), BROKEN)
    with pytest.raises(
        ServerError, match=r"attempt 3; before it: ServerError after .*, RateLimitError after"
    ) as caught:
        asker.ask()
    error = caught.value
    assert error.attempts == 3
    assert [attempt.error for attempt in error.failed_attempts] == ["ServerError", "RateLimitError"]
    again = pickle.loads(pickle.dumps(error))
    assert (again.attempts, again.failed_attempts, str(again)) == (3, error.failed_attempts, str(error))
    assert len(chats(fresh_emulator)) == 3


def test_a_call_says_how_often(asker: Asker, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(*[Failure.server_error()] * 3)
    with pytest.raises(ServerError) as caught:
        asker.ask(max_retries=0)
    assert caught.value.attempts == 1
    assert len(chats(fresh_emulator)) == 1


def test_what_would_fail_again_is_not_asked_again(asker: Asker, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.invalid_request())
    with pytest.raises(InvalidRequestError):
        asker.ask()
    assert len(chats(fresh_emulator)) == 1


def test_a_deadline_ends_a_call(asker: Asker, fresh_emulator: Emulator) -> None:
    asker.ask()  # what the first call loads isn't counted
    fresh_emulator.queue(Failure.hang(6), Failure.hang(6))  # one may go to what another test gave up waiting for
    began = time.monotonic()
    with pytest.raises(ServiceTimeoutError) as caught:
        asker.ask(deadline=0.15)
    assert time.monotonic() - began < 5  # the service would have taken longer
    assert caught.value.attempts == 1


def test_a_deadline_ends_a_stream_that_falls_silent(
    framework: str, wire: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    for way in ("stream", "async-stream"):
        fresh_emulator.clear()
        asker = Asker(framework, wire, way, wires_file)
        asker.ask()
        fresh_emulator.queue(Answer("one two three four", chunk_delay=6))
        began = time.monotonic()
        with pytest.raises(ServiceTimeoutError):
            asker.ask(deadline=0.3)
        assert time.monotonic() - began < 5, way  # before the next piece would have come


def test_a_deadline_is_for_all_attempts_together(asker: Asker, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(BROKEN, Failure.rate_limited(retry_after=30))
    with pytest.raises(RateLimitError) as caught:
        asker.ask(deadline=10, max_retries=5)
    assert caught.value.attempts == 2


def test_a_stream_is_not_begun_again_once_it_was_passed_on(
    framework: str, wire: str, wires_file: str, fresh_emulator: Emulator
) -> None:
    for way in ("stream", "async-stream"):
        fresh_emulator.clear()
        fresh_emulator.queue(Cut(after_chunks=9, answer=Answer("one two three four five six seven eight nine ten")))
        with pytest.raises(ServiceConnectionError):
            Asker(framework, wire, way, wires_file).ask()
        assert len(chats(fresh_emulator)) == 1


def test_a_call_within_a_stream_is_not_held_up_by_it(framework: str, wires_file: str) -> None:
    asker = Asker(framework, "chat", "whole", wires_file)
    made = load_settings(wires_file)
    limiter = limiter_of(resolve("default", backend="azure", settings=made), made)
    while int(limiter.window) > 1:
        limiter.throttled(limiter.enter(), 0)
    pieces: Any
    if framework == "langchain":
        pieces = ChatTurnout(settings=wires_file, backend="azure").stream("hi")
    else:
        pieces = TurnoutLLM(settings=wires_file, backend="azure").stream_chat([ChatMessage("hi")])
    next(pieces)
    assert asker.ask(deadline=20)[0]
    assert list(pieces)


def test_a_wait_that_is_too_long_is_not_waited(wires_file: str, fresh_emulator: Emulator, framework: str) -> None:
    fresh_emulator.queue(Failure.rate_limited(retry_after=3600))
    with pytest.raises(RateLimitError) as caught:
        Asker(framework, "chat", "whole", wires_file).ask()
    assert caught.value.retry_after == 3600
    assert caught.value.attempts == 1


def test_a_used_up_quota_is_no_passing_throttle(wires_file: str, fresh_emulator: Emulator, framework: str) -> None:
    fresh_emulator.queue(Failure("rate_limited", code="insufficient_quota"), service="openai")
    with pytest.raises(RateLimitError) as caught:
        ChatTurnout(settings=wires_file, backend="openai").invoke("hi")
    assert not caught.value.retryable
    assert len(chats(fresh_emulator)) == 1


def test_the_quota_of_a_day_is_no_passing_throttle(asker: Asker, fresh_emulator: Emulator) -> None:
    said = "Too many tokens per day, please wait before trying again."
    fresh_emulator.queue(*[Failure("rate_limited", message=said)] * 3)
    with pytest.raises(RateLimitError, match="The day's quota is used up, so no retry passes") as caught:
        asker.ask()
    assert not caught.value.retryable
    assert len(chats(fresh_emulator)) == 1


def test_a_failed_attempt_is_plain_data() -> None:
    error = RateLimitError("no", status=429, request_id="r1")
    assert isinstance(error, ModelCallError)
    attempt = FailedAttempt.of(error, after=0.12345)
    assert attempt.as_dict() == {"error": "RateLimitError", "status": 429, "request_id": "r1", "after": 0.123}
