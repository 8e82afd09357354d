"""What Azure's content filter says of an answer, kept where LangChain's class leaves it out.

`ChatOpenAI` reads of an answer what OpenAI's API has. On Chat Completions its subclasses say what else there is in
`_create_chat_result` and `_convert_chunk_to_generation_chunk`, as langchain-openai's own Azure class does. On Responses
it lets through a list of members, of which `incomplete_details` is one: the verdicts travel in it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_openai import ChatOpenAI

VERDICTS = "content_filter_said"
"""Name under which a generation's info has what the filter said of an answer that it stopped, as Azure's JSON."""


@cache
def chat_class() -> type[ChatOpenAI]:
    """`ChatOpenAI` that keeps the verdicts on Chat Completions."""
    from langchain_openai import ChatOpenAI

    class Keeping(ChatOpenAI):
        def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
            result = super()._create_chat_result(response, generation_info)
            choices: Any = response["choices"] if isinstance(response, dict) else response.choices
            for generation, choice in zip(result.generations, choices, strict=False):
                reason = choice.get("finish_reason") if isinstance(choice, dict) else choice.finish_reason
                if reason != "content_filter":
                    continue
                said = _verdicts(choice if isinstance(choice, dict) else choice.model_dump(warnings=False))
                generation.generation_info = {**(generation.generation_info or {}), **said}
            return result

        def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *more: Any) -> ChatGenerationChunk | None:
            made = super()._convert_chunk_to_generation_chunk(chunk, *more)
            choices = chunk.get("choices") or chunk.get("chunk", {}).get("choices")
            if made is not None and choices and (said := _verdicts(choices[0])):
                made.generation_info = {**(made.generation_info or {}), **said}
            return made

    return Keeping


def _verdicts(choice: dict[str, Any]) -> dict[str, Any]:
    results = choice.get("content_filter_results")
    if choice.get("finish_reason") != "content_filter" or not results:
        return {}
    return {VERDICTS: {"choices": [{"content_filter_results": results}]}}


class KeepingClient:
    """An SDK client, sync or async, whose Responses keep the verdicts.

    Args:
        client: `openai.OpenAI` or `openai.AsyncOpenAI`; everything but `responses` is its own.
    """

    def __init__(self, client: Any) -> None:
        import openai
        from openai.resources.responses import AsyncResponses, Responses

        self._client = client
        made = _aio(AsyncResponses) if isinstance(client, openai.AsyncOpenAI) else _sync(Responses)
        self.responses = made(client)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@cache
def _sync(responses: Any) -> Any:
    class KeepingResponses(responses):  # type: ignore[misc] # the class comes when the SDK is first needed
        def create(self, **arguments: Any) -> Any:
            return _kept(super().create(**arguments))

    return KeepingResponses


@cache
def _aio(responses: Any) -> Any:
    class KeepingResponses(responses):  # type: ignore[misc] # likewise
        async def create(self, **arguments: Any) -> Any:
            return _kept(await super().create(**arguments))

    return KeepingResponses


def _kept(answered: Any) -> Any:
    """What the SDK's method gave: a response, a raw one that is still to be parsed, or a stream."""
    import openai

    if isinstance(answered, openai.Stream):
        return _Events(answered)
    if isinstance(answered, openai.AsyncStream):
        return _AsyncEvents(answered)
    # A raw response gives the same object each time that it is parsed.
    _keep(answered.parse() if hasattr(answered, "http_response") else answered)
    return answered


def _keep(response: Any) -> None:
    details, extra = getattr(response, "incomplete_details", None), getattr(response, "model_extra", None)
    if details is not None and extra and extra.get("content_filters"):
        details.content_filters = extra["content_filters"]


class _Events:
    """A stream of the SDK's events."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        for event in self._stream:
            _keep(getattr(event, "response", None))
            yield event


class _AsyncEvents:
    """A stream of the SDK's events, read without blocking."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stream.__aexit__(*error)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self._stream:
            _keep(getattr(event, "response", None))
            yield event


def said(metadata: Any) -> dict[str, Any]:
    """The verdicts in a generation's info and metadata, as Azure's JSON; nothing if there are none."""
    found = metadata.get(VERDICTS)
    if isinstance(found, dict):
        return found
    details = metadata.get("incomplete_details")
    return cast("dict[str, Any]", details) if isinstance(details, dict) and "content_filters" in details else {}
