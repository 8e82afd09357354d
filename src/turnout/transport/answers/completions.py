"""Chat completions whose answers are made by pydantic's validator instead of the SDK's constructor.

The SDK walks over the types of each field in Python: 67 µs for a streamed chunk, more than all else that it costs,
where the validator takes 6; twice that for a whole answer, a tenth of the call. What is made is equal; an answer that
isn't as the SDK's types have it is left to the SDK, once `turnout.transport.answers.validation` has found it to be one.
"""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.transport.answers import validation
from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def _validated(model: Any, check: Callable[[Any, Any], None]) -> Any:
    """A type that the SDK is asked to parse into; what it makes are the model's own instances."""
    from pydantic import ValidationError

    class Validated(model):  # type: ignore[misc] # the class comes when the SDK is first needed
        @classmethod
        def build(cls, *, response: Any, data: Any) -> Any:  # the SDK's way to let a type make itself
            check(data, response)
            try:
                return model.model_validate(data, strict=True)
            except ValidationError:
                return model.construct(**data)

    return Validated


@cache
def _types() -> tuple[Any, Any]:
    """The types of whole answers and of chunks."""
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    return (
        _validated(ChatCompletion, lambda data, _: validation.chat_completion(data)),
        _validated(ChatCompletionChunk, lambda data, response: validation.chat_chunk(data, response.extensions)),
    )


@cache
def _streams() -> tuple[Any, Any]:
    """The SDK's streams, which end with their iteration: who leaves it early gives the connection back at once.

    The SDK's own refer to what they iterate over, and that to them, so that they last until garbage is collected.
    """
    from openai import AsyncStream, Stream

    chunk = TypeVar("chunk")

    class Closing(Stream[chunk]):
        def __iter__(self) -> Iterator[chunk]:
            try:
                yield from self._iterator
            finally:
                self.close()

    class AsyncClosing(AsyncStream[chunk]):
        async def __aiter__(self) -> AsyncIterator[chunk]:
            try:
                async for item in self._iterator:
                    yield item
            finally:
                await self.close()

    return Closing, AsyncClosing


def _validating(raw: Any, stream_class: Any, arguments: dict[str, Any]) -> Any:
    whole, chunk = _types()
    to = stream_class[chunk] if arguments.get("stream") else whole
    parse = raw.parse

    def parsed(to: Any = to) -> Any:
        made = parse(to=to)
        if made is None or isinstance(made, str):  # of what is no JSON the SDK gives the text
            raise UnreadableAnswerError(described(made))
        return made

    raw.parse = parsed
    return raw


@cache
def completions_class(base: Any) -> Any:
    """The SDK's class of completions whose answers are validated and checked, raw ones and streams included."""
    is_async = base.__name__.startswith("Async")

    def raw(create: Any, **arguments: Any) -> Any:
        return _validating(create(**arguments), _streams()[0], arguments)

    async def araw(create: Any, **arguments: Any) -> Any:
        return _validating(await create(**arguments), _streams()[1], arguments)

    class Completions(base):  # type: ignore[misc] # likewise
        @cached_property
        def with_streaming_response(self) -> Any:
            return base(self._client).with_streaming_response

        @cached_property
        def with_raw_response(self) -> Any:
            made = base(self._client).with_raw_response
            made.create = partial(araw if is_async else raw, made.create)
            return made

        def create(self, **arguments: Any) -> Any:
            return self.with_raw_response.create(**arguments).parse()

    class AsyncCompletions(Completions):
        async def create(self, **arguments: Any) -> Any:
            return (await self.with_raw_response.create(**arguments)).parse()

    return AsyncCompletions if is_async else Completions
