"""Applications in which something goes wrong: refused, too long, broken off."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tests.contract.apps.llama_index_parts import LAMP, LLAMA_INDEX, raised
from turnout.errors import ContentFilterError, ContextOverflowError, PermissionDeniedError, RateLimitError
from turnout_emulator import Answer, Failure

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
