"""Applications in which something goes wrong: refused, too long, broken off."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from tests.contract.apps.llama_index_parts import LAMP, LLAMA_INDEX, raised
from turnout.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    ServiceAnswerError,
)
from turnout_emulator import Answer, Failure, Raw

if TYPE_CHECKING:
    from tests.contract.apps.llama_index_parts import EmbeddingFactory, LLMFactory

SLOW = Answer("word " * 200, chunk_delay=0.1)  # twenty seconds


@LLAMA_INDEX.application(given=(Failure.content_filter(), Failure.content_filter()))
def content_filtered_prompt(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    raised(ContentFilterError, lambda: llm.complete("How do I derail a train?"))
    raised(ContentFilterError, lambda: list(llm.stream_complete("How do I derail a train?")))


@LLAMA_INDEX.application(given=(Answer("No.", finish="content_filter"), Answer("No.", finish="content_filter")))
def content_filtered_answer(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    llm = chat()
    raised(ContentFilterError, lambda: llm.complete("How do I derail a train?"))
    raised(ContentFilterError, lambda: list(llm.stream_complete("How do I derail a train?")))


@LLAMA_INDEX.application()
def too_long_prompt(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """What is too long for the model raises the one error, upon which the application asks with less."""
    raised(ContextOverflowError, lambda: chat().complete(LAMP + "a " * 1_100_000))
    assert "green" in str(chat().complete(LAMP))


@LLAMA_INDEX.application(given=(SLOW, SLOW))
def cancelled_stream(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The user stops the answer; the application goes on at once, and the model answers the next question."""
    llm = chat()

    async def stop_after_two() -> None:
        stream: Any = await llm.astream_complete("Talk.")
        number = 0
        async for _ in stream:
            number += 1
            if number == 2:
                break
        await stream.aclose()

    started = time.monotonic()
    asyncio.run(stop_after_two())
    stream: Any = llm.stream_complete("Talk.")
    next(stream)
    next(stream)
    stream.close()
    assert time.monotonic() - started < 10, "closing a stream waited for its end"
    assert "green" in str(llm.complete(LAMP))


@LLAMA_INDEX.application(given=(Failure("permission"), Failure("permission")))
def refused_credential(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    async def ask() -> None:
        await chat().acomplete("Hello")

    raised(PermissionDeniedError, lambda: chat().complete("Hello"))
    raised(PermissionDeniedError, lambda: asyncio.run(ask()))


@LLAMA_INDEX.application(given=tuple(Failure.rate_limited(retry_after=0.01) for _ in range(3)))
def throttled_call(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """When retries are used up, the application sees one error for every service."""
    raised(RateLimitError, lambda: chat(max_retries=2).complete("Hello"))


WAIT = 6.0


@LLAMA_INDEX.application(given=(Answer("Ready."), Answer("word " * 20, delay=WAIT)))
def cancelled_task(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A task that waits for an answer is cancelled; nobody waits for the answer."""

    started = []

    async def give_up() -> str:
        llm = chat()
        await llm.acomplete("Are you ready?")
        started.append(time.monotonic())
        task = asyncio.create_task(llm.acomplete("Talk."))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait([task], timeout=WAIT / 2)
        assert task.cancelled(), "the task went on"
        return str(await llm.acomplete(LAMP))

    assert "green" in asyncio.run(give_up())
    assert time.monotonic() - started[0] < WAIT, "the call that nobody waits for was waited for"


PAGE = Raw(200, {"content-type": "text/html"}, "<html><body><h1>Sign in to the network</h1></body></html>")


@LLAMA_INDEX.application(given=(PAGE, PAGE))
def answer_that_is_none(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """A proxy's page comes with success: one error for every service, whether the application streams or not."""
    llm = chat(max_retries=0)
    raised(ServiceAnswerError, lambda: llm.complete(LAMP))
    raised(ServiceAnswerError, lambda: list(llm.stream_complete(LAMP)))
    assert "green" in str(llm.complete(LAMP))


@LLAMA_INDEX.application(given=(Failure.authentication(), Failure.authentication()))
def expired_credential(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The application tells its user to sign in again; nothing waits on standard input."""

    async def ask() -> None:
        await chat().acomplete("Hello")

    raised(AuthenticationError, lambda: chat().complete("Hello"))
    raised(AuthenticationError, lambda: asyncio.run(ask()))


@LLAMA_INDEX.application()
def text_too_long_to_embed(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """The error says which text it is, of all that were given."""
    short = ["The depot opens at seven."] * 3
    texts = [*short, "word " * 130_000, "Keys are rotated in March."]
    try:
        embeddings().get_text_embedding_batch(texts)
    except ContextOverflowError as error:
        assert re.search(r"\btext 3\b", str(error)), error  # noqa: PT017
    else:
        msg = "no error"
        raise AssertionError(msg)
    assert len(embeddings().get_text_embedding_batch(short)) == 3


@LLAMA_INDEX.application()
def text_out_of_a_pdf(chat: LLMFactory, embeddings: EmbeddingFactory) -> None:
    """Half of a surrogate pair, which extraction from PDFs leaves in texts: answered, or named by its number."""
    assert "green" in str(chat().complete(LAMP.replace("lamp", "lamp \ud83d", 1)))
    try:
        vectors = embeddings().get_text_embedding_batch(["The bell is silent.", "The lamp \ud83d is green."])
    except InvalidRequestError as error:
        assert re.search(r"\btext 1\b", str(error)), error  # noqa: PT017
    else:
        assert len(vectors) == 2
