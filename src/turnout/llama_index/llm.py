"""`TurnoutLLM`: a LlamaIndex LLM whose cloud is a setting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms import generic_utils
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from llama_index.core.types import PydanticProgramMode
from pydantic import ConfigDict, Field

from turnout.conversation.answers import tool_arguments
from turnout.errors import TurnoutError
from turnout.hints import Failover, Route
from turnout.llama_index.answers import unfit
from turnout.llama_index.messages import tool_calls_of
from turnout.llama_index.structured import StructuredPredict
from turnout.settings import Settings
from turnout.settings.fields import SettingsField, portable_settings, resolved_settings
from turnout.settings.foreign_arguments import refuse_unknown

if TYPE_CHECKING:
    from turnout.calls.chat import ChatCall
    from turnout.calls.failover import FailoverCall


class TurnoutLLM(StructuredPredict):
    """The LLM that the settings name: on Azure, Bedrock or OpenAI.

    Every method takes `backend=` and `model=` for one call, and any of the parameters below.

    Attributes:
        model: A route (`default`, `fast`), or a model of one backend (`bedrock:us.amazon.nova-lite-v1:0`).
        backend: Another backend than the active one.
        temperature: Sampling temperature; left out with a warning where the model takes none.
        max_tokens: Tokens that the answer has at most, sent under the name that the model takes.
        top_p: Nucleus sampling.
        stop: Stop sequences.
        timeout: Seconds that one call may wait for the service's next bytes; left out, the backend's.
        max_retries: How often a failed call is repeated; left out, the backend's.
        deadline: Seconds that a call may take in all, its repetitions included; left out, the backend's.
        reasoning_effort: How hard a reasoning model thinks.
        seed: For repeatable sampling, where the wire has it.
        additional_kwargs: Passed to the wire as it is.
        on_failover: Called with a `turnout.Failover` when a call moves on to another deployment or cloud.
        settings: Settings, or the path of a settings file; left out, they are found.

    Example:
        ```python
        from turnout.llama_index import TurnoutLLM

        print(TurnoutLLM().complete("Say hello."))
        ```
    """

    model_config = ConfigDict(
        extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    model: str = "default"
    backend: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, gt=0)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stop: list[str] | None = None
    timeout: float | None = Field(default=None, gt=0)
    max_retries: int | None = Field(default=None, ge=0, le=20)
    deadline: float | None = Field(default=None, gt=0)
    reasoning_effort: str | None = None
    seed: int | None = None
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    on_failover: Callable[[Failover], object] | None = Field(default=None, exclude=True, repr=False)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    def __init__(self, model: str = "default", **arguments: Any) -> None:
        refuse_unknown(type(self).model_fields, arguments, "TurnoutLLM")
        super().__init__(model=model, **arguments)

    @classmethod
    def class_name(cls) -> str:
        """The name in serialised form."""
        return "TurnoutLLM"

    @property
    def route(self) -> Route:
        """Where calls go, as the settings are now."""
        return self._resolved()[0][0]

    @property
    def metadata(self) -> LLMMetadata:
        """What is known about the model; cautious defaults where nothing is. Never raises."""
        try:
            route = self.route
            facts, name = route.facts, route.model or route.deployment
        except TurnoutError:
            from turnout.facts.models import ModelFacts

            facts, name = ModelFacts(name=self.model), self.model
        return LLMMetadata(
            context_window=facts.context,
            num_output=self.max_tokens or -1,
            is_chat_model=True,
            is_function_calling_model=facts.tools,
            model_name=name,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation.

        Args:
            messages: The conversation; it is not changed.
            **kwargs: Parameters of this call: `backend`, `model`, `temperature`, `tools`, `tool_choice`, ….

        Raises:
            SettingsError: The route or backend doesn't exist.
            CredentialError: No credential was found.
            ModelCallError: The service refused or failed.
        """
        return self._call(messages, kwargs).answer()

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation without blocking the event loop."""
        return await self._call(messages, kwargs).aanswer()

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer a conversation in pieces; each holds all so far, the last one the usage."""
        return self._call(messages, kwargs).chunks()

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Answer a conversation in pieces, without blocking the event loop."""
        return self._call(messages, kwargs).achunks()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002
        """Answer a prompt."""
        return generic_utils.chat_response_to_completion_response(self._call(prompt, kwargs).answer())

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002
        """Answer a prompt without blocking the event loop."""
        return generic_utils.chat_response_to_completion_response(await self._call(prompt, kwargs).aanswer())

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: ARG002
        """Answer a prompt in pieces."""
        return generic_utils.stream_chat_response_to_completion_response(self._call(prompt, kwargs).chunks())

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:  # noqa: ARG002
        """Answer a prompt in pieces, without blocking the event loop."""
        return generic_utils.astream_chat_response_to_completion_response(self._call(prompt, kwargs).achunks())

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        if isinstance(user_msg, str):
            user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
        asked = [] if user_msg is None else [user_msg]
        made = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        if strict is not None:
            for tool in made:
                tool["function"]["strict"] = strict
                tool["function"]["parameters"]["additionalProperties"] = False
        choice = "any" if tool_choice is None and tool_required else tool_choice
        return {
            "messages": [*(chat_history or ()), *asked],
            "tools": made,
            "tool_choice": choice,
            "allow_parallel_tool_calls": allow_parallel_tool_calls,
            **kwargs,
        }

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in an answer, or in a piece of one.

        Raises:
            StructuredOutputError: There is none, and `error_on_no_tool_call` is set.
        """
        del kwargs  # for other integrations
        calls = tool_calls_of(response.message)
        if not calls and error_on_no_tool_call:
            why = f"expected at least one tool call, but the model answered in words: {response.message.content!r}"
            raise unfit(why, response.additional_kwargs)
        found = ((call.tool_call_id or "", call.tool_name, tool_arguments(call.tool_kwargs)[0]) for call in calls)
        return [ToolSelection(tool_id=call_id, tool_name=name, tool_kwargs=asked) for call_id, name, asked in found]

    def _is_native(self) -> bool:
        return self.pydantic_program_mode is PydanticProgramMode.DEFAULT

    def _resolved(self, model: str | None = None, backend: str | None = None) -> tuple[tuple[Route, ...], Settings]:
        from turnout.routing import resolve_places

        settings = resolved_settings(self.settings)
        return resolve_places(model or self.model, backend=backend or self.backend, settings=settings), settings

    def _call(
        self, asked: str | Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> ChatCall[ChatResponse, ChatResponse] | FailoverCall[ChatResponse, ChatResponse]:
        from turnout.llama_index.calls import new_call

        kwargs, messages = dict(kwargs), generic_utils.prompt_to_messages(asked) if isinstance(asked, str) else asked
        places, settings = self._resolved(kwargs.pop("model", None), kwargs.pop("backend", None))
        return new_call(places, settings, messages, vars(self), kwargs)

    def __getstate__(self) -> dict[str, Any]:
        # Of a copy: the base class takes what doesn't pickle out of the object itself.
        travelling = self.model_copy(update={"settings": portable_settings(self.settings)})
        return super(TurnoutLLM, travelling).__getstate__()
