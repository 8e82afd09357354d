"""What turnout uses of LangChain's integrations that isn't public: overridden or called here and nowhere else.

`tests/langchain/test_upstream.py` fails when one of these moves.
"""

from __future__ import annotations

from functools import cache, cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from turnout.langchain.messages.writing import write
from turnout.transport import greenlets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from langchain_anthropic import ChatAnthropic
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_openai import ChatOpenAI

    from turnout.conversation.request import Fitted
    from turnout.conversation.turns import Turn

T = TypeVar("T")

_FILTERS = "content_filter_results"
"""Name under which a generation's info has what Azure's filter found in an answer that it stopped, as Azure's JSON."""


# --- one attempt, under the callbacks and the cache of LangChain


class Wire:
    """LangChain's own class for a wire, with turnout's client in it.

    Args:
        wire: The wire.
        model: The class's instance. Converse's has no async form, so its sync one runs in a greenlet.
        arguments: Makes keyword arguments of its `_generate` of a request; left out, they are the wire's own names.
    """

    def __init__(
        self, wire: str, model: BaseChatModel, arguments: Callable[[Fitted], dict[str, Any]] = attrgetter("arguments")
    ) -> None:
        self._wire = wire
        self._model: Any = model
        self._arguments = arguments
        self._greenlets = wire == "bedrock-converse"

    def chat(self, turns: list[Turn], fitted: Fitted) -> ChatResult:
        """One answer."""
        made: ChatResult = self._model._generate(write(turns, self._wire), **self._arguments(fitted))  # noqa: SLF001
        return made

    async def achat(self, turns: list[Turn], fitted: Fitted) -> ChatResult:
        """One answer, without blocking the event loop."""
        if self._greenlets:
            return await greenlets.run(self.chat, turns, fitted)
        made = self._model._agenerate(write(turns, self._wire), **self._arguments(fitted))  # noqa: SLF001
        return cast("ChatResult", await made)

    def stream(self, turns: list[Turn], fitted: Fitted) -> Generator[ChatGenerationChunk]:
        """One answer in chunks."""
        made = self._model._stream(write(turns, self._wire), **self._arguments(fitted))  # noqa: SLF001
        return cast("Generator[ChatGenerationChunk]", made)

    def astream(self, turns: list[Turn], fitted: Fitted) -> AsyncGenerator[ChatGenerationChunk]:
        """One answer in chunks, without blocking the event loop."""
        if self._greenlets:
            return greenlets.iterate(lambda: self.stream(turns, fitted))
        made = self._model._astream(write(turns, self._wire), **self._arguments(fitted))  # noqa: SLF001
        return cast("AsyncGenerator[ChatGenerationChunk]", made)


# --- classes


@cache
def chat_anthropic() -> type[ChatAnthropic]:
    """`ChatAnthropic` that takes clients: it has no argument for one, and two properties where it makes its own."""
    from langchain_anthropic import ChatAnthropic

    class _WithClients(ChatAnthropic):
        clients: Any

        @cached_property
        def _client(self) -> Any:
            return self.clients.sync

        @cached_property
        def _async_client(self) -> Any:
            return self.clients.aio

    return _WithClients


@cache
def chat_openai() -> type[ChatOpenAI]:
    """`ChatOpenAI` that keeps what Azure's filter found on Chat Completions.

    The class reads of an answer what OpenAI's API has. Its subclasses say what else there is in `_create_chat_result`
    and `_convert_chunk_to_generation_chunk`, as langchain-openai's own Azure class does. On Responses the findings
    travel in `incomplete_details`, where `turnout.transport.answers.responses` puts them.
    """
    from langchain_openai import ChatOpenAI

    class _KeepingFilters(ChatOpenAI):
        def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
            result = super()._create_chat_result(response, generation_info)
            choices: Any = response["choices"] if isinstance(response, dict) else response.choices
            for generation, choice in zip(result.generations, choices, strict=False):
                reason = choice.get("finish_reason") if isinstance(choice, dict) else choice.finish_reason
                if reason != "content_filter":
                    continue
                found = _filters(choice if isinstance(choice, dict) else choice.model_dump(warnings=False))
                generation.generation_info = {**(generation.generation_info or {}), **found}
            return result

        def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *more: Any) -> ChatGenerationChunk | None:
            made = super()._convert_chunk_to_generation_chunk(chunk, *more)
            choices = chunk.get("choices") or chunk.get("chunk", {}).get("choices")
            if made is not None and choices and (found := _filters(choices[0])):
                made.generation_info = {**(made.generation_info or {}), **found}
            return made

    return _KeepingFilters


def _filters(choice: dict[str, Any]) -> dict[str, Any]:
    results = choice.get("content_filter_results")
    return {_FILTERS: results} if choice.get("finish_reason") == "content_filter" and results else {}


def filter_findings(metadata: Any) -> dict[str, Any]:
    """What Azure's filter found, in a generation's info and metadata, as Azure's JSON; nothing if it found nothing."""
    if metadata.get(_FILTERS):
        return {"choices": [{"content_filter_results": metadata[_FILTERS]}]}
    details = metadata.get("incomplete_details")
    return cast("dict[str, Any]", details) if isinstance(details, dict) and "content_filters" in details else {}


# --- stores


def lancedb_names(store: Any) -> tuple[str, str, str, str]:
    """What a `LanceDB` calls its table, and in it the columns of vectors and texts; and where its database is."""
    return store._table_name, store._vector_key, store._text_key, str(store._connection.uri)  # noqa: SLF001


# --- stores


def pgvectorstore_inner(store: Any) -> Any:
    """The asynchronous store that a `PGVectorStore` wraps: its engine, table and columns."""
    return store._PGVectorStore__vs  # noqa: SLF001


def run_pgvectorstore(store: Any, coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine on the event loop of a `PGVectorStore`, where its connections are."""
    result: T = store._engine._run_as_sync(coroutine)  # noqa: SLF001
    return result


async def arun_pgvectorstore(store: Any, coroutine: Coroutine[Any, Any, T]) -> T:
    """`run_pgvectorstore` without blocking the event loop."""
    result: T = await store._engine._run_as_async(coroutine)  # noqa: SLF001
    return result
