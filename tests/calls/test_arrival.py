"""Whose fault a failure is: the request's before an answer arrives, the answer's from then on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import langchain_openai.chat_models.base as langchain_openai
import pytest
from llama_index.core.base.llms.types import ChatMessage

from turnout.calls import context as calls
from turnout.calls import streams
from turnout.calls.classification import classify
from turnout.embedding.embedder import Embedder
from turnout.embedding.sending import EmbeddingCall
from turnout.errors import (
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    ServiceAnswerError,
    ServiceConnectionError,
    TurnoutError,
)
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutLLM
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout.transport.arrival import arrived
from turnout_emulator import Answer, Emulator, Failure, Raw

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

ASKED = [ChatMessage("When does the depot open?")]
HALF = "When does \ud83d the depot open?"  # of a surrogate pair, as text out of a PDF has it


pytestmark = pytest.mark.usefixtures("settings_file", "no_backoff")


WIRES = [("default", "azure"), ("responses", "azure"), ("claude", "azure"), ("default", "bedrock")]


class BugError(KeyError):
    """A mistake in code."""


def bug(*, after: bool) -> Any:
    if after:
        arrived()
    raise BugError


def new_attempts() -> Any:
    settings = load_settings()
    route = resolve(backend="azure", settings=settings)
    return calls.new_attempts(route, settings, lambda error: classify(error, calls.call_site(route, settings)))


async def abug(*, after: bool) -> Any:
    bug(after=after)


def pieces(*, after: bool) -> Generator[int]:
    yield bug(after=after)


async def apieces(*, after: bool) -> AsyncGenerator[int]:
    yield bug(after=after)


async def read(*, after: bool) -> None:
    async for _ in streams.astream(new_attempts(), lambda: apieces(after=after), bool):
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda after: new_attempts().run(lambda: bug(after=after)),
        lambda after: asyncio.run(new_attempts().arun(lambda: abug(after=after))),
        lambda after: list(streams.stream(new_attempts(), lambda: pieces(after=after), bool)),
        lambda after: asyncio.run(read(after=after)),
    ],
    ids=["whole", "async", "streamed", "streamed async"],
)
def test_what_fails_before_an_answer_arrives_stays_as_it_is(make: Callable[[bool], object]) -> None:
    with pytest.raises(BugError):
        make(False)
    with pytest.raises(ServiceAnswerError, match="BugError") as caught:
        make(True)
    assert isinstance(caught.value.original, BugError)
    assert caught.value.attempts == 3
    with pytest.raises(BugError):  # and the next call knows nothing of it
        make(False)


@pytest.mark.parametrize(("model", "backend"), WIRES[:3])
def test_what_has_no_json_is_named(fresh_emulator: Emulator, model: str, backend: str) -> None:
    half: dict[str, Any] = {"metadata": {"a": HALF}}
    asks: list[Callable[[], object]] = [
        lambda: ChatTurnout(model=model, backend=backend, extra=half).invoke("x"),
        lambda: asyncio.run(ChatTurnout(model=model, backend=backend, extra=half).ainvoke("x")),
        lambda: list(ChatTurnout(model=model, backend=backend, extra=half).stream("x")),
        lambda: TurnoutLLM(model=model, backend=backend, additional_kwargs=half).chat(ASKED),
        lambda: list(TurnoutLLM(model=model, backend=backend, additional_kwargs=half).stream_chat(ASKED)),
        lambda: ChatTurnout(model=model, backend=backend, extra={"metadata": {"a": float("nan")}}).invoke("x"),
    ]
    for ask in asks:
        with pytest.raises(InvalidRequestError, match="can't be written as JSON") as caught:
            ask()
        assert caught.value.attempts == 1
        assert not isinstance(caught.value, ValueError)
    assert not fresh_emulator.requests


@pytest.mark.parametrize("model", ["azure:embed-small", "bedrock:amazon.titan-embed-text-v2:0"])
def test_half_a_pair_in_a_text_to_embed_is_named(fresh_emulator: Emulator, model: str) -> None:
    with pytest.raises(InvalidRequestError, match="text 1 has half of a surrogate pair at character 10"):
        TurnoutEmbeddings(model=model).embed_documents(["fine", HALF])
    assert not fresh_emulator.requests


def test_a_bug_in_reading_says_what_it_was(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise LookupError("nowhere")

    monkeypatch.setattr(langchain_openai, "_construct_lc_result_from_responses_api", broken)
    with pytest.raises(ServiceAnswerError, match="LookupError: nowhere") as caught:
        ChatTurnout(model="responses", backend="azure").invoke("x")
    assert isinstance(caught.value.original, LookupError)
    assert (caught.value.attempts, len(fresh_emulator.requests)) == (3, 3)


def test_the_marker_is_each_attempts_own(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt's answer arrived; what the second fails with before one does is its own."""
    settings = load_settings()
    made = Embedder(resolve("azure:embed-small", kind="embedding", settings=settings), settings)
    fresh_emulator.queue(Raw(200, {"content-type": "application/json"}, "{}"))
    sound, asked = EmbeddingCall._request, []

    def request(self: Any, *arguments: Any) -> Any:
        asked.append(1)
        if len(asked) == 2:
            raise ZeroDivisionError
        return sound(self, *arguments)

    monkeypatch.setattr(EmbeddingCall, "_request", request)
    monkeypatch.setattr(EmbeddingCall, "_arequest", None)
    with pytest.raises(ZeroDivisionError):
        made.embed(["x"])


CODES: dict[str, type[TurnoutError]] = {
    "rate_limit_exceeded": RateLimitError,
    "server_error": ServerError,
    "content_filter": ContentFilterError,
    "context_length_exceeded": ContextOverflowError,
    "invalid_prompt": InvalidRequestError,
    "a_code_of_tomorrow": ServerError,
}


def failed(form: str, code: str) -> Raw:
    """A response that failed, as its status or as an event."""
    error = {"code": code, "message": "It broke."}
    response = {"id": "r", "object": "response", "model": "m", "status": "failed", "output": [], "error": error}
    if form == "whole":
        return Raw(200, {}, response)
    events = {
        "error": {"type": "error", "sequence_number": 1, "param": None, **error},
        "failed": {"type": "response.failed", "sequence_number": 1, "response": response},
    }
    return Raw(200, {"content-type": "text/event-stream"}, f"event: x\ndata: {json.dumps(events[form])}\n\n")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("form", ["whole", "error", "failed"])
def test_a_response_that_failed_has_the_kind_of_its_code(fresh_emulator: Emulator, form: str, code: str) -> None:
    arguments: dict[str, Any] = {"model": "responses", "backend": "azure", "max_retries": 0}
    whole: list[Callable[[], object]] = [
        lambda: ChatTurnout(**arguments).invoke("x"),
        lambda: asyncio.run(ChatTurnout(**arguments).ainvoke("x")),
        lambda: TurnoutLLM(**arguments).chat(ASKED),
        lambda: asyncio.run(TurnoutLLM(**arguments).achat(ASKED)),
    ]

    async def lang() -> None:
        async for _ in ChatTurnout(**arguments).astream("x"):
            pass

    async def llama() -> None:
        async for _ in await TurnoutLLM(**arguments).astream_chat(ASKED):
            pass

    streamed: list[Callable[[], object]] = [
        lambda: list(ChatTurnout(**arguments).stream("x")),
        lambda: asyncio.run(lang()),
        lambda: list(TurnoutLLM(**arguments).stream_chat(ASKED)),
        lambda: asyncio.run(llama()),
    ]
    for ask in whole if form == "whole" else streamed:
        fresh_emulator.queue(failed(form, code))
        with pytest.raises(CODES[code], match=r"It broke\.") as caught:
            ask()
        assert (caught.value.condition, caught.value.code) == (CODES[code].__name__, code)  # type: ignore[attr-defined]
        assert not fresh_emulator.pending


def test_a_long_answer_is_cut_in_the_message(fresh_emulator: Emulator) -> None:
    page = Raw(200, {"content-type": "text/html"}, "<p>sign in</p>" * 10_000)
    refusal = Failure("server_error", message="no room " * 10_000)
    for queued in (page, refusal):
        for backend in ("azure", "bedrock"):
            for ask in (
                lambda backend=backend: ChatTurnout(backend=backend, max_retries=0).invoke("x"),
                lambda backend=backend: TurnoutLLM(backend=backend, max_retries=0).chat(ASKED),
            ):
                fresh_emulator.queue(queued)
                with pytest.raises(ServerError) as caught:
                    ask()
                assert len(str(caught.value)) < 2_500


def test_what_broke_off_after_its_first_words_is_not_repeated(fresh_emulator: Emulator) -> None:
    begun = 'data: {"choices": [{"index": 0, "delta": {"content": "The "}, "finish_reason": null}]}\n\n'
    rest = {"ended": "", "unreadable": "data: {\n\n", "an error": 'data: {"error": {"message": "x"}}\n\n'}
    kinds = {"ended": ServiceConnectionError, "unreadable": ServiceAnswerError, "an error": ServerError}
    for name, more in rest.items():
        for ask in (
            lambda: ChatTurnout(backend="azure").stream("x"),
            lambda: TurnoutLLM(backend="azure").stream_chat(ASKED),
        ):
            fresh_emulator.queue(Raw(200, {"content-type": "text/event-stream"}, begun + more), Answer("Another."))
            pieces = iter(ask())
            next(pieces)
            with pytest.raises(kinds[name]) as caught:
                list(pieces)
            assert caught.value.attempts == 1
            assert fresh_emulator.pending == 1
            fresh_emulator.clear()
