"""Answers as objects of a pydantic class: the wire picks the strongest way that the model has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.streaming_utils import process_streaming_content_incremental
from llama_index.core.program.utils import process_streaming_objects
from llama_index.core.prompts import PromptTemplate
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel

from turnout.llama_index.answers import unfit
from turnout.llama_index.messages import tool_calls_of

Model = TypeVar("Model", bound=BaseModel)
dispatcher = get_dispatcher(__name__)
_Arguments = dict[str, Any] | None

STRUCTURED = "structured_output"
"""Argument of a call that asks for an object, be it as a tool's call."""

_DECIDED_HERE = ("tool_required", "tool_choice", "allow_parallel_tool_calls", "tools", "response_format")
"""Arguments of a call that structured output sets itself."""


class StructuredPredict(FunctionCallingLLM):
    """The structured half of `TurnoutLLM`.

    The base class asks for a tool call everywhere, doesn't force it in streams, and loses the system prompt in async.
    """

    @abstractmethod
    def _is_native(self) -> bool:
        """Whether the wire picks the way; otherwise LlamaIndex does, which may ask for the schema in words."""

    def structured_predict(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: _Arguments = None, **prompt_args: Any
    ) -> Model:
        """Answer with an object.

        Args:
            output_cls: The pydantic class.
            prompt: The prompt.
            llm_kwargs: Arguments of the call.
            **prompt_args: What the prompt is filled with.

        Raises:
            StructuredOutputError: The answer is no such object.
            ModelCallError: The service refused or failed.
        """
        if not self._is_native():
            with _validating(output_cls):
                found: Model = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return found
        _start(output_cls, prompt, prompt_args)
        return _end(self.chat(**self._request(output_cls, prompt, llm_kwargs, prompt_args)), output_cls)

    async def astructured_predict(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: _Arguments = None, **prompt_args: Any
    ) -> Model:
        """Answer with an object, without blocking the event loop."""
        if not self._is_native():
            with _validating(output_cls):
                found: Model = await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return found
        _start(output_cls, prompt, prompt_args)
        return _end(await self.achat(**self._request(output_cls, prompt, llm_kwargs, prompt_args)), output_cls)

    def _structured_stream_call(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: _Arguments = None, **prompt_args: Any
    ) -> Generator[Any, None, None]:
        if not self._is_native():
            yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
            return
        found = piece = None
        for piece in self.stream_chat(**self._request(output_cls, prompt, llm_kwargs, prompt_args)):
            found = self._partial(piece, output_cls, found)
            yield found
        if piece is not None:
            _read(piece, output_cls)

    async def _structured_astream_call(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: _Arguments = None, **prompt_args: Any
    ) -> AsyncGenerator[Any, None]:
        if not self._is_native():
            pieces: AsyncGenerator[Any, None]
            pieces = await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
            return pieces

        async def objects() -> AsyncGenerator[Any, None]:
            found = piece = None
            async for piece in await self.astream_chat(**self._request(output_cls, prompt, llm_kwargs, prompt_args)):
                found = self._partial(piece, output_cls, found)
                yield found
            if piece is not None:
                _read(piece, output_cls)

        return objects()

    def _request(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: _Arguments, prompt_args: dict[str, Any]
    ) -> dict[str, Any]:
        """The arguments of the chat that answers with an object."""
        kept = {name: value for name, value in (llm_kwargs or {}).items() if name not in _DECIDED_HERE}
        messages = self._extend_messages(prompt.format_messages(llm=self, **prompt_args))
        return {"messages": messages, **kept, STRUCTURED: output_cls, "allow_parallel_tool_calls": False}

    def _partial(self, piece: ChatResponse, output_cls: type[Model], before: Any) -> Any:
        """The object as far as a piece has it."""
        if not tool_calls_of(piece.message):
            return process_streaming_content_incremental(piece, output_cls, before)
        objects = [before] if before is not None else None
        return process_streaming_objects(piece, output_cls, cur_objects=objects, flexible_mode=True, llm=self)


def _start(output_cls: type[BaseModel], prompt: PromptTemplate, prompt_args: dict[str, Any]) -> None:
    event = LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
    dispatcher.event(event)


def _end(response: ChatResponse, output_cls: type[Model]) -> Model:
    found = _read(response, output_cls)
    dispatcher.event(LLMStructuredPredictEndEvent(output=found))
    return found


def _read(response: ChatResponse, output_cls: type[Model]) -> Model:
    """The object in a whole answer; of a stream's, the parts that there were came before."""
    calls = tool_calls_of(response.message)
    with _validating(output_cls, response.additional_kwargs):
        if calls:
            return output_cls.model_validate(cast("dict[str, Any]", calls[0].tool_kwargs))
        return output_cls.model_validate_json(response.message.content or "")


@contextmanager
def _validating(output_cls: type[BaseModel], metadata: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """Raise turnout's error for pydantic's, or a parser's."""
    try:
        yield
    except ValueError as error:
        raise unfit(f"it doesn't fit {output_cls.__name__}: {error}", metadata) from error
