"""Chat completions whose answers are made by pydantic's validator instead of the SDK's constructor.

The SDK walks over the types of each field in Python: 67 µs for a streamed chunk, more than all else that it costs,
where the validator takes 6; twice that for a whole answer, a tenth of the call. What is made is equal; an answer that
isn't as the SDK's types have it is left to the SDK, once `turnout.transport.answers.validation` has found it to be one.
"""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from turnout.transport.answers import validation
from turnout.transport.answers.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import Callable


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
    import openai

    is_async = base.__name__.startswith("Async")

    def raw(create: Any, **arguments: Any) -> Any:
        return _validating(create(**arguments), openai.Stream, arguments)

    async def araw(create: Any, **arguments: Any) -> Any:
        return _validating(await create(**arguments), openai.AsyncStream, arguments)

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
