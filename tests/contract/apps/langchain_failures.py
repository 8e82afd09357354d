"""Applications in which something goes wrong: refused, too long, broken off."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelInvalidRequestError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)

from tests.contract.apps.langchain_parameters import LAMP
from tests.contract.apps.langchain_parts import LANGCHAIN
from turnout_emulator import Answer, Failure, Raw

if TYPE_CHECKING:
    from tests.contract.apps.langchain_parts import ChatFactory, EmbeddingsFactory

REFUSED = re.compile(r"filter|polic|safety|guardrail", re.IGNORECASE)
SLOW = Answer("word " * 200, chunk_delay=0.1)  # twenty seconds
WAIT = 6.0


@LANGCHAIN.application(given=(Failure.content_filter(), Failure.content_filter()))
def content_filtered_prompt(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The application tells its user that the question was refused, whether it streams or not."""
    model = chat()

    def ask() -> str:
        return model.invoke("How do I derail a train?").text

    def stream() -> str:
        return "".join(chunk.text for chunk in model.stream("How do I derail a train?"))

    for call in (ask, stream):
        try:
            said = call()
        except ModelInvalidRequestError as error:
            assert REFUSED.search(str(error)), error  # noqa: PT017
        else:
            msg = f"the refusal came as an answer: {said!r}"
            raise AssertionError(msg)


@LANGCHAIN.application()
def too_long_prompt(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """What is too long for the model raises the one error, upon which the application asks with less."""
    text = "The lamp is green.\n\n"
    try:
        chat().invoke(text + "a " * 1_100_000)
    except ContextOverflowError:
        pass
    else:
        msg = "no error"
        raise AssertionError(msg)
    assert "green" in chat().invoke(text + "Which colour is the lamp?").text


@LANGCHAIN.application(given=(SLOW, SLOW))
def cancelled_stream(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The user stops the answer; the application goes on at once, and the model answers the next question."""
    model = chat()

    async def stop_after_two() -> None:
        stream = model.astream("Talk.")
        number = 0
        async for _ in stream:
            number += 1
            if number == 2:
                break
        await stream.aclose()  # type: ignore[attr-defined]

    def stop_sync() -> None:
        stream: Any = model.stream("Talk.")
        next(stream)
        next(stream)
        stream.close()

    started = time.monotonic()
    asyncio.run(stop_after_two())
    stop_sync()
    assert time.monotonic() - started < 10, "closing a stream waited for its end"
    assert "green" in model.invoke("The lamp is green.\n\nWhich colour is the lamp?").text


@LANGCHAIN.application(given=(Answer("Ready."), Answer("word " * 20, delay=WAIT)))
def cancelled_task(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A task that waits for an answer is cancelled; nobody waits for the answer."""

    started = []

    async def give_up() -> str:
        model = chat()
        await model.ainvoke("Are you ready?")
        started.append(time.monotonic())
        task = asyncio.create_task(model.ainvoke("Talk."))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait([task], timeout=WAIT / 2)
        assert task.cancelled(), "the task went on"
        return (await model.ainvoke("The lamp is green.\n\nWhich colour is the lamp?")).text

    assert "green" in asyncio.run(give_up())
    assert time.monotonic() - started[0] < WAIT, "the call that nobody waits for was waited for"


@LANGCHAIN.application(given=(Failure("permission"), Failure("permission")))
def refused_credential(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """One `except` for a model that may not be used, sync and async."""

    async def ask() -> None:
        await chat().ainvoke("Hello")

    for call in (lambda: chat().invoke("Hello"), lambda: asyncio.run(ask())):
        try:
            call()
        except (ModelPermissionDeniedError, ModelAuthenticationError):
            continue
        msg = "no error"
        raise AssertionError(msg)


@LANGCHAIN.application(given=tuple(Failure.rate_limited(retry_after=0.01) for _ in range(2)))
def throttled_call(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """When retries are used up, the application sees one error for every service."""
    try:
        chat(max_retries=1).invoke("Hello")
    except ModelRateLimitError:
        return
    msg = "no error"
    raise AssertionError(msg)


@LANGCHAIN.application()
def two_event_loops(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A notebook or a script calls `asyncio.run` twice with one model."""
    model = chat()

    async def stream() -> str:
        return "".join([chunk.text async for chunk in model.astream("The lamp is green.\n\nWhich colour is the lamp?")])

    for _ in range(2):
        assert "green" in asyncio.run(stream())


PAGE = Raw(200, {"content-type": "text/html"}, "<html><body><h1>Sign in to the network</h1></body></html>")


@LANGCHAIN.application(given=(PAGE, PAGE))
def answer_that_is_none(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """A proxy's page comes with success: one error for every service, whether the application streams or not."""
    model = chat(max_retries=0)
    for call in (lambda: model.invoke(LAMP), lambda: list(model.stream(LAMP))):
        try:
            said = call()
        except ModelAPIError:
            continue
        msg = f"the page came as an answer: {said!r}"
        raise AssertionError(msg)
    assert "green" in model.invoke(LAMP).text


@LANGCHAIN.application(given=(Failure.authentication(), Failure.authentication()))
def expired_credential(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The application tells its user to sign in again; nothing waits on standard input."""

    async def ask() -> None:
        await chat().ainvoke("Hello")

    for call in (lambda: chat().invoke("Hello"), lambda: asyncio.run(ask())):
        try:
            call()
        except ModelAuthenticationError:
            continue
        msg = "no error"
        raise AssertionError(msg)


@LANGCHAIN.application()
def text_too_long_to_embed(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """The error says which text it is, of all that were given."""
    short = ["The depot opens at seven."] * 3
    texts = [*short, "word " * 130_000, "Keys are rotated in March."]
    try:
        embeddings().embed_documents(texts)
    except ContextOverflowError as error:
        assert re.search(r"\btext 3\b", str(error)), error  # noqa: PT017
    else:
        msg = "no error"
        raise AssertionError(msg)
    assert len(embeddings().embed_documents(short)) == 3


@LANGCHAIN.application()
def text_out_of_a_pdf(chat: ChatFactory, embeddings: EmbeddingsFactory) -> None:
    """Half of a surrogate pair, which extraction from PDFs leaves in texts: answered, or named by its number."""
    assert "green" in chat().invoke(LAMP.replace("lamp", "lamp \ud83d", 1)).text
    try:
        vectors = embeddings().embed_documents(["The bell is silent.", "The lamp \ud83d is green."])
    except ModelInvalidRequestError as error:
        assert re.search(r"\btext 1\b", str(error)), error  # noqa: PT017
    else:
        assert len(vectors) == 2
