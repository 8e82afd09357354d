"""Errors of `ChatTurnout`: the same on every backend, and LangChain's own too."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core import exceptions as lc

from tests.support.parts import CONTEXT
from turnout import errors
from turnout.langchain import ChatTurnout
from turnout.langchain.errors import AS_LANGCHAIN
from turnout_emulator import Answer, Cut, Failure

if TYPE_CHECKING:
    from turnout_emulator import Emulator

FAILURES: list[tuple[Failure, type[errors.ModelCallError], type[lc.ModelError]]] = [
    (Failure.authentication(), errors.AuthenticationError, lc.ModelAuthenticationError),
    (Failure.permission(), errors.PermissionDeniedError, lc.ModelPermissionDeniedError),
    (Failure.not_found(), errors.NotFoundError, lc.ModelNotFoundError),
    (Failure.rate_limited(retry_after=3), errors.RateLimitError, lc.ModelRateLimitError),
    (Failure.invalid_request(), errors.InvalidRequestError, lc.ModelInvalidRequestError),
    (Failure.context_overflow(), errors.ContextOverflowError, lc.ContextOverflowError),
    (Failure.server_error(), errors.ServerError, lc.ModelAPIError),
]


@pytest.mark.parametrize(("failure", "ours", "langchains"), FAILURES)
def test_one_except_works_on_every_backend(
    backend: str,
    fresh_emulator: Emulator,
    failure: Failure,
    ours: type[errors.ModelCallError],
    langchains: type[lc.ModelError],
) -> None:
    model = ChatTurnout(max_retries=0)

    async def astream() -> None:
        [_ async for _ in model.astream("x")]

    calls: list[Any] = [
        lambda: model.invoke("x"),
        lambda: list(model.stream("x")),
        lambda: asyncio.run(model.ainvoke("x")),
        lambda: asyncio.run(astream()),
    ]
    for call in calls:
        fresh_emulator.queue(failure)
        with pytest.raises(ours) as caught:
            call()
        assert isinstance(caught.value, langchains)
        assert caught.value.backend == backend
        assert caught.value.original is not None
        assert caught.value.request_id
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert (str(again), again.status, again.retry_after) == (
            str(caught.value),
            caught.value.status,
            caught.value.retry_after,
        )


def test_a_stream_that_is_cut_is_an_error(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout(max_retries=0)
    fresh_emulator.queue(Cut(after_chunks=2))
    with pytest.raises(errors.ServiceConnectionError):
        list(model.stream(CONTEXT))


def test_every_error_of_a_call_is_langchains_too() -> None:
    leaves = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ModelCallError)
    }
    assert leaves - {errors.ModelCallError} == set(AS_LANGCHAIN)


@pytest.mark.usefixtures("settings_file")
def test_a_filtered_prompt_says_what_was_found(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.content_filter({"violence": "high"}))
    with pytest.raises(errors.ContentFilterError) as caught:
        ChatTurnout(backend="azure").invoke("x")
    assert caught.value.stage == "prompt"
    assert caught.value.categories == {"violence": "high"}
    assert pickle.loads(pickle.dumps(caught.value)).categories == {"violence": "high"}


def test_a_filtered_answer_is_an_error_streamed_or_not(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()
    for call in (lambda: model.invoke("x"), lambda: list(model.stream("x"))):
        fresh_emulator.queue(Answer("No.", finish="content_filter"))
        with pytest.raises(errors.ContentFilterError) as caught:
            call()
        assert isinstance(caught.value, lc.ModelInvalidRequestError)
        assert caught.value.stage == "completion"
