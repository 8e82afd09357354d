"""One tree of errors on every backend, streamed or not."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.contract.llama_index.llama_parts import FRANCE
from tests.support.parts import chats
from turnout import errors as e
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout_emulator import Answer, Cut, Failure

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")

QUESTION = [ChatMessage(FRANCE)]

KINDS = [
    (Failure.permission(), e.PermissionDeniedError),
    (Failure.not_found(), e.NotFoundError),
    (Failure.rate_limited(), e.RateLimitError),
    (Failure.invalid_request(), e.InvalidRequestError),
    (Failure.context_overflow(), e.ContextOverflowError),
    (Failure.server_error(), e.ServerError),
    (Failure.overloaded(), e.ModelCallError),
]


@pytest.fixture(params=KINDS, ids=[failure.kind for failure, _ in KINDS])
def failing(request: pytest.FixtureRequest, fresh_emulator: Emulator) -> type[e.ModelCallError]:
    failure, kind = request.param
    fresh_emulator.queue(failure)
    error: type[e.ModelCallError] = kind
    return error


def is_right(error: BaseException, kind: type[e.ModelCallError], backend: str) -> None:
    assert isinstance(error, kind)
    assert error.backend == backend
    assert error.deployment == TurnoutLLM().route.deployment
    assert error.original is not None
    assert error.__cause__ is error.original
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def test_chat(failing: type[e.ModelCallError], backend: str) -> None:
    with pytest.raises(failing) as caught:
        TurnoutLLM(max_retries=0).chat(QUESTION)
    is_right(caught.value, failing, backend)


async def test_achat(failing: type[e.ModelCallError], backend: str) -> None:
    with pytest.raises(failing) as caught:
        await TurnoutLLM(max_retries=0).achat(QUESTION)
    is_right(caught.value, failing, backend)


def test_stream(failing: type[e.ModelCallError], backend: str) -> None:
    with pytest.raises(failing) as caught:
        list(TurnoutLLM(max_retries=0).stream_chat(QUESTION))
    is_right(caught.value, failing, backend)


async def test_astream(failing: type[e.ModelCallError], backend: str) -> None:
    with pytest.raises(failing) as caught:
        [piece async for piece in await TurnoutLLM(max_retries=0).astream_chat(QUESTION)]
    is_right(caught.value, failing, backend)


LONG = Answer(text="one two three four five six seven eight nine ten")


@pytest.mark.parametrize("clean", [False, True], ids=["dropped", "ended early"])
def test_a_stream_that_is_cut_is_no_whole_answer(clean: bool, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Cut(after_chunks=4, answer=LONG, clean=clean))
    pieces = []
    with pytest.raises(e.ServiceConnectionError):
        pieces.extend(TurnoutLLM(max_retries=0).stream_chat(QUESTION))
    assert not str(pieces[-1:]).endswith("ten")


@pytest.mark.parametrize("clean", [False, True], ids=["dropped", "ended early"])
async def test_an_async_stream_that_is_cut_is_no_whole_answer(clean: bool, fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Cut(after_chunks=4, answer=LONG, clean=clean))
    with pytest.raises(e.ServiceConnectionError):
        [piece async for piece in await TurnoutLLM(max_retries=0).astream_chat(QUESTION)]


def test_an_error_inside_a_stream(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Cut(after_chunks=3, answer=LONG, failure=Failure.server_error()))
    with pytest.raises(e.ServerError):
        list(TurnoutLLM(max_retries=0).stream_chat(QUESTION))


def test_a_refused_credential(backend: str, settings_file: Path, fresh_emulator: Emulator) -> None:
    text = settings_file.read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith(("api_key", "secret_access_key")):
            text = text.replace(line, line.split("=")[0] + '= "wrong-wrong-wrong"')
    settings_file.write_text(text, encoding="utf-8")
    with pytest.raises((e.AuthenticationError, e.PermissionDeniedError), match=f"backend {backend!r}") as caught:
        TurnoutLLM().chat(QUESTION)
    assert "wrong-wrong" not in str(caught.value)
    with pytest.raises((e.AuthenticationError, e.PermissionDeniedError)):
        TurnoutEmbedding().get_query_embedding("x")


def test_a_missing_deployment_is_named(backend: str) -> None:
    with pytest.raises(e.NotFoundError, match="no-such-model"):
        TurnoutLLM(f"{backend}:no-such-model").chat(QUESTION)


def test_a_timeout(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.hang(5))
    with pytest.raises(e.ServiceTimeoutError):
        TurnoutLLM(timeout=0.3, max_retries=0).chat(QUESTION)


def test_retries_are_the_clients_alone(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(*[Failure.server_error()] * 4)
    with pytest.raises(e.ServerError):
        TurnoutLLM(max_retries=1).chat(QUESTION)
    assert len(chats(fresh_emulator)) == 2


def test_a_retry_succeeds(fresh_emulator: Emulator) -> None:
    fresh_emulator.queue(Failure.server_error())
    assert "Paris" in str(TurnoutLLM(max_retries=2).chat(QUESTION))
    assert len(chats(fresh_emulator)) == 2
