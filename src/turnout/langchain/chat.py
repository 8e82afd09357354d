"""`ChatTurnout`: a LangChain chat model whose cloud is a setting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config, get_config_list
from pydantic import ConfigDict, Field

from turnout.errors import SettingsError
from turnout.facts.providers import PROVIDERS
from turnout.hints import Failover, Route
from turnout.settings.fields import SettingsField, portable_settings
from turnout.settings.foreign_arguments import refuse_unknown

if TYPE_CHECKING:
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.language_models.model_profile import ModelProfile
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_core.prompt_values import PromptValue
    from langchain_core.tools import BaseTool

    from turnout.calls.chat import ChatCall
    from turnout.calls.failover import FailoverCall
    from turnout.settings import Settings
else:
    BaseTool = Any  # see `turnout.hints`

_THREADS = 64  # of one `batch`, where the config doesn't say; LangChain's default is six on two cores


class ChatTurnout(BaseChatModel):
    """The chat model that the settings name: on Azure, Bedrock or OpenAI.

    Attributes:
        model: A route (`default`, `fast`), or a model of one backend (`bedrock:us.amazon.nova-lite-v1:0`).
        backend: Another backend than the active one. For one call:
            `chain.with_config(configurable={"backend": "bedrock"})`, and `model` likewise.
        temperature: Sampling temperature; left out with a warning where the model takes none.
        top_p: Nucleus sampling, likewise.
        max_tokens: Tokens that the answer has at most, sent under the name that the model takes.
        stop: Stop sequences.
        seed: For repeatable sampling, where the wire has it.
        reasoning_effort: How hard a reasoning model thinks.
        timeout: Seconds to wait for the service's next bytes, over the backend's.
        max_retries: How often a failed call is repeated, over the backend's.
        deadline: Seconds that a call may take in all, its repetitions included, over the backend's.
        streaming: Whether `invoke` streams underneath, for callbacks that want tokens.
        extra: Passed to the wire as it is.
        on_failover: Called with a `turnout.Failover` when a call moves on to another deployment or cloud.
        settings: Settings, or the path of a settings file; left out, they are found.

    Example:
        ```python
        from turnout.langchain import ChatTurnout

        print(ChatTurnout().invoke("Say hello.").content)
        ```
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), hide_input_in_errors=True, defer_build=True)

    model: str = "default"
    backend: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, gt=0)
    stop: list[str] | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    timeout: float | None = Field(default=None, gt=0)
    max_retries: int | None = Field(default=None, ge=0, le=20)
    deadline: float | None = Field(default=None, gt=0)
    streaming: bool = False
    extra: dict[str, Any] = Field(default_factory=dict)
    on_failover: Callable[[Failover], object] | None = Field(default=None, exclude=True, repr=False)
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    if not TYPE_CHECKING:  # for type checkers the fields are the arguments

        def __init__(self, **arguments: Any) -> None:
            refuse_unknown(type(self).model_fields, arguments, "ChatTurnout")
            super().__init__(**arguments)

    @property
    def route(self) -> Route:
        """Where calls go, as the settings are now."""
        return self._resolved({})[0][0]

    @property
    def _llm_type(self) -> str:
        return "turnout"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What tells one answer from another in a cache: with the route, or two backends would share them."""
        from turnout.conversation.parameters import PARAMETERS

        route, own = self.route, vars(self)
        return {
            "backend": route.backend,
            "wire": route.wire,
            "deployment": route.deployment,
            "model": route.model,
            **{name: own[name] for name in (*PARAMETERS, "extra") if own.get(name) not in (None, [], {})},
        }

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """False: LangChain would then take the serialised form, which has no backend in it, as the cache's key."""
        return False

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where `langchain_core.load.load(…, valid_namespaces=["turnout"])` finds this class."""
        return ["turnout", "langchain"]

    def to_json(self) -> Any:
        """The model as LangChain serialises it: its arguments, without settings and secrets."""
        arguments = {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if not field.exclude and getattr(self, name) != field.get_default(call_default_factory=True)
        }
        return {"lc": 1, "type": "constructor", "id": [*self.get_lc_namespace(), "ChatTurnout"], "kwargs": arguments}

    def _resolve_model_profile(self) -> ModelProfile | None:
        facts = self.route.facts
        if not facts.known:
            return None
        profile: dict[str, Any] = {
            "max_input_tokens": facts.context,
            "max_output_tokens": facts.output,
            "text_inputs": True,
            "text_outputs": True,
            "image_inputs": facts.images,
            "tool_calling": facts.tools,
            "tool_choice": bool({"any", "tool"} & set(facts.tool_choice)),
            "structured_output": facts.structured,
            "reasoning_output": facts.reasoning,
            "temperature": facts.temperature,
        }
        return cast("ModelProfile", {k: v for k, v in profile.items() if v is not None})

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        """What a trace has of a call; without the way round by the base class's deprecated `dict`, which warns."""
        return {**self.asdict(), "stop": stop, **kwargs}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        try:
            (route, *_), _ = self._resolved(kwargs)
        except SettingsError:  # a trace says what was asked; the call itself says what is wrong
            return params
        params["ls_provider"] = PROVIDERS[route.provider].langsmith
        params["ls_model_name"] = route.model or route.deployment
        return params

    def get_num_tokens(self, text: str) -> int:
        """An estimate, about four characters a token: exact tables would have to be downloaded."""
        return self.get_num_tokens_from_messages([HumanMessage(text)])

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """An estimate, like `get_num_tokens`."""
        from langchain_core.messages.utils import count_tokens_approximately

        return count_tokens_approximately(messages, tools=list(tools) if tools else None)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        from turnout.langchain.messages.inputs import prompt_from

        return prompt_from(model_input)

    # --- one call's backend and model: config={"configurable": {"backend": …, "model": …}}

    def _configured(self, config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        chosen = ensure_config(config).get("configurable", {})
        return {**{name: chosen[name] for name in ("backend", "model") if chosen.get(name) is not None}, **kwargs}

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer; `backend` and `model` in `config["configurable"]` choose others for this call."""
        from turnout.langchain.calls import ResolvingOnce

        with ResolvingOnce(self):
            return super().invoke(input, config, stop=stop, **self._configured(config, kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer without blocking the event loop."""
        from turnout.langchain.calls import ResolvingOnce

        with ResolvingOnce(self):
            return await super().ainvoke(input, config, stop=stop, **self._configured(config, kwargs))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Answer in pieces."""
        yield from super().stream(input, config, stop=stop, **self._configured(config, kwargs))

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer in pieces, without blocking the event loop."""
        async for chunk in super().astream(input, config, stop=stop, **self._configured(config, kwargs)):
            yield chunk

    # Of version 3, events don't go by way of `stream`.

    def stream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Answer as events."""
        return super().stream_events(input, config, **self._configured(config, kwargs))

    def astream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Answer as events, without blocking the event loop."""
        return super().astream_events(input, config, **self._configured(config, kwargs))

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer many inputs, several at once: `max_concurrency` of the config, or 64."""
        configs = get_config_list(config, len(inputs))
        if configs and configs[0].get("max_concurrency") is None:
            configs[0] = {**configs[0], "max_concurrency": min(len(inputs), _THREADS)}
        return super().batch(inputs, configs, return_exceptions=return_exceptions, **kwargs)

    # --- tools and schemas, in a form that any wire can be made from

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Give the model tools.

        Args:
            tools: Pydantic classes, functions, LangChain tools, or schemas in OpenAI's format.
            tool_choice: `auto`, `none`, `any`/`required`/True, a tool's name, or OpenAI's dict.
            strict: Whether arguments are held to the schema exactly.
            **kwargs: Bound to each call.

        Raises:
            UnsupportedError: tool_choice names a tool that isn't there.
        """
        from turnout.langchain.tools import with_choice

        return self.bind(**with_choice(tools, tool_choice, strict=strict), **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str | None = None,
        strict: bool | None = None,
        tools: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Have answers as objects of a schema.

        Args:
            schema: A pydantic class (answers are its instances), or a TypedDict or JSON schema (answers are dicts).
            include_raw: Whether to give `{"raw", "parsed", "parsing_error"}` instead of raising what can't be parsed.
            method: `json_schema`, `function_calling` or `json_mode`; left out, the strongest that the model has,
                chosen when the call is made.
            strict: Whether the answer is held to the schema exactly.
            tools: Tools that the model may call as well.
            **kwargs: Bound to each call.

        Raises:
            UnsupportedError: The schema can't be used, or there is no such method.
        """
        from turnout.langchain.tools import structured

        return structured(self, schema, method, tools, include_raw=include_raw, strict=strict, bound=kwargs)

    # --- the call

    def _resolved(self, kwargs: dict[str, Any]) -> tuple[tuple[Route, ...], Settings]:
        from turnout.langchain.calls import resolved

        return resolved(self, kwargs)

    def _call(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> ChatCall[ChatResult, ChatGenerationChunk] | FailoverCall[ChatResult, ChatGenerationChunk]:
        from turnout.langchain.calls import new_call

        return new_call(self, messages, stop, kwargs)

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *_: Any, **kwargs: Any
    ) -> ChatResult:
        return self._call(messages, stop, kwargs).answer()

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *_: Any, **kwargs: Any
    ) -> ChatResult:
        return await self._call(messages, stop, kwargs).aanswer()

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *_: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        return self._call(messages, stop, kwargs).chunks()

    def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *_: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        return self._call(messages, stop, kwargs).achunks()

    def __getstate__(self) -> dict[Any, Any]:
        portable = self.model_copy(update={"settings": portable_settings(self.settings)})
        return super(ChatTurnout, portable).__getstate__()
