"""Chat completions whose answers are made by pydantic's validator instead of the SDK's constructor.

The SDK walks over the types of each field in Python: 67 µs for a streamed chunk, more than all else that it costs,
where the validator takes 6; twice that for a whole answer, a tenth of the call. What is made is equal; an answer that
isn't as the SDK's types have it is left to the SDK, once `turnout.transport.answers.readable` has found it to be one.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from turnout.transport.answers import readable
from turnout.transport.unreadable import UnreadableAnswerError, described

if TYPE_CHECKING:
    from collections.abc import Callable

    import openai


def hasten(client: openai.OpenAI | openai.AsyncOpenAI) -> None:
    """Have a client's `chat.completions.create` make its answers that way, raw ones and streams included."""
    base: Any = type(client.chat.completions)
    if base.__module__ != __name__:
        # A cached property of the SDK's: what is set takes the place of what it made.
        vars(client.chat)["completions"] = _completions(base)(client)


def _validated(model: Any, check: Callable[[Any, Any], None]) -> Any:
    """A type that the SDK is asked to parse into; what it gives are the model's own instances.

    Args:
        model: The SDK's own.
        check: Called with the JSON and the response that it came with.
    """
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
def answer_class() -> Any:
    """The type that whole answers are parsed into."""
    from openai.types.chat import ChatCompletion

    return _validated(ChatCompletion, lambda data, _: readable.chat_completion(data))


@cache
def chunk_class() -> Any:
    """The type that streams are asked for."""
    from openai.types.chat import ChatCompletionChunk

    return _validated(ChatCompletionChunk, lambda data, response: readable.chat_chunk(data, response.extensions))


@cache
def _completions(base: Any) -> Any:
    """A subclass of the SDK's `Completions` or `AsyncCompletions`."""
    import openai

    def quick(raw: Any, stream_class: Any, arguments: dict[str, Any]) -> Any:
        to = stream_class[chunk_class()] if arguments.get("stream") else answer_class()
        parse = raw.parse

        def parsed(to: Any = to) -> Any:
            made = parse(to=to)
            if made is None or isinstance(made, str):  # of what is no JSON the SDK gives the text
                raise UnreadableAnswerError(described(made))
            return made

        raw.parse = parsed
        return raw

    class Plain(base):  # type: ignore[misc] # the class comes when the SDK is first needed
        @cached_property
        def with_streaming_response(self) -> Any:
            return base(self._client).with_streaming_response

    class Quick(Plain):
        @cached_property
        def with_raw_response(self) -> Any:
            made = base(self._client).with_raw_response
            create = made.create
            made.create = lambda **arguments: quick(create(**arguments), openai.Stream, arguments)
            return made

        def create(self, **arguments: Any) -> Any:
            return self.with_raw_response.create(**arguments).parse()

    class AsyncQuick(Plain):
        @cached_property
        def with_raw_response(self) -> Any:
            made = base(self._client).with_raw_response
            create = made.create

            async def acreate(**arguments: Any) -> Any:
                return quick(await create(**arguments), openai.AsyncStream, arguments)

            made.create = acreate
            return made

        async def create(self, **arguments: Any) -> Any:
            return (await self.with_raw_response.create(**arguments)).parse()

    return AsyncQuick if base.__name__.startswith("Async") else Quick
