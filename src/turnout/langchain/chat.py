"""`ChatTurnout`: a LangChain chat model whose cloud is a setting."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import SystemMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import ensure_config, get_config_list
from pydantic import ConfigDict, Field

from turnout import media
from turnout.clients.calls import new_call
from turnout.errors import SettingsError, UnsupportedError
from turnout.langchain.answers import Stream, has_content, portable_result, used_tokens
from turnout.langchain.errors import translate, translated
from turnout.langchain.history import aportable_history, portable_history
from turnout.langchain.prompts import prompt_from
from turnout.langchain.requests import Request
from turnout.langchain.state import SettingsField, current, without_secrets
from turnout.langchain.structured import METHODS, StructuredOutputParser, described, target_class
from turnout.langchain.tools import offered
from turnout.langchain.wires import agenerate, begin_astream, begin_stream, delegate, wire
from turnout.parameters import PARAMETERS, tool_choice_name
from turnout.resilience import astream, stream
from turnout.routes import Route, resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.language_models.model_profile import ModelProfile
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_core.prompt_values import PromptValue
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.tools import BaseTool

    from turnout import resilience
    from turnout.settings import Settings

_OF_A_CALL = ("timeout", "max_retries", "deadline")
_THREADS = 64  # of one `batch`, where the config doesn't say; LangChain's default is six on two cores


@dataclass(frozen=True, slots=True)
class _Call:
    """What is known of a call before anything is sent."""

    route: Route
    settings: Settings
    arguments: dict[str, Any]
    request: Request

    @property
    def has_tools(self) -> bool:
        """Whether the model is offered tools."""
        return bool(self.request.tools)

    def told(self, messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
        """The conversation, with what the model is told because it can't be forced."""
        instruction = self.request.instruction
        return messages if instruction is None else [*messages, SystemMessage(instruction)]

    def check(self, *, called: bool) -> None:
        """Refuse an answer without the tool call that was asked for.

        Raises:
            UnsupportedError: The model can't be forced to call a tool, was told to, and didn't.
        """
        if self.request.must_call is not None and not called:
            msg = (
                f"{self.route.deployment!r} on backend {self.route.backend!r} can't be forced to call a tool, was told "
                f"to call {self.request.must_call!r}, and answered without; use a model that takes tool_choice"
            )
            raise UnsupportedError(msg)


def _called(result: ChatResult) -> bool:
    return any(getattr(generation.message, "tool_calls", None) for generation in result.generations)


class ChatTurnout(BaseChatModel):
    """The chat model that the settings name: on Azure, Bedrock or OpenAI.

    Attributes:
        model: A route (`default`, `fast`), or a model of one backend (`bedrock:us.amazon.nova-lite-v1:0`).
        backend: Another backend than the active one. For one call:
            `chain.with_config(configurable={"backend": "bedrock"})`.
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
        settings: Settings, or the path of a settings file; left out, they are found.

    Example:
        ```python
        from turnout.langchain import ChatTurnout

        print(ChatTurnout().invoke("Say hello.").content)
        ```
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

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
    settings: SettingsField = Field(default=None, exclude=True, repr=False)

    @property
    def route(self) -> Route:
        """Where calls go, as the settings are now."""
        return self._resolved({})[0]

    @property
    def _llm_type(self) -> str:
        return "turnout"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What tells one answer from another in a cache: with the route, or two backends would share them."""
        route = self.route
        return {
            "backend": route.backend,
            "wire": route.wire,
            "deployment": route.deployment,
            "model": route.model,
            **{name: getattr(self, name) for name in (*PARAMETERS, "extra") if getattr(self, name, None)},
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

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        try:
            route, _ = self._resolved(kwargs)
        except SettingsError:  # a trace says what was asked; the call itself says what is wrong
            return params
        params["ls_provider"] = {"azure": "azure", "bedrock": "amazon_bedrock", "openai": "openai"}[route.provider]
        params["ls_model_name"] = route.model or route.deployment
        return params

    def get_num_tokens(self, text: str) -> int:
        """An estimate, about four characters a token: exact tables would have to be downloaded."""
        return count_tokens_approximately([("user", text)])

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """An estimate, like `get_num_tokens`."""
        return count_tokens_approximately(messages, tools=list(tools) if tools else None)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        return prompt_from(model_input)

    # --- one call's backend: config={"configurable": {"backend": …}}

    def _configured(self, config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        backend = ensure_config(config).get("configurable", {}).get("backend")
        return {"backend": backend, **kwargs} if backend is not None else kwargs

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer; `config["configurable"]["backend"]` chooses another backend for this call."""
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
        converted = offered(tools, strict=strict)
        choice = tool_choice_name(tool_choice)
        names = [tool.get("function", {}).get("name") for tool in converted]
        if choice is not None and choice not in {"auto", "none", "any", *names}:
            msg = f"tool_choice {tool_choice!r} is no tool that was given; there is {', '.join(map(repr, names))}"
            raise UnsupportedError(msg)
        chosen = {"tool_choice": choice} if choice is not None else {}
        return self.bind(tools=converted, **chosen, **kwargs)

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
        if method is not None and method not in METHODS:
            msg = f"method {method!r} is none of {', '.join(METHODS)}"
            raise UnsupportedError(msg)
        function = described(schema)
        bound = {"tools": offered(tools)} if tools else {}
        model = self.bind(
            structured_output={"schema": function, "method": method, "strict": strict},
            ls_structured_output_format={"kwargs": {"method": method or "auto"}, "schema": function},
            **bound,
            **kwargs,
        )
        parser = StructuredOutputParser(name=function["name"], target=target_class(schema))
        if not include_raw:
            return model | parser
        parsed = RunnablePassthrough.assign(
            parsed=RunnableLambda(lambda answer: answer["raw"]) | parser, parsing_error=lambda _: None
        )
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")

    # --- the call

    def _resolved(self, kwargs: dict[str, Any]) -> tuple[Route, Settings]:
        settings = current(self.settings)
        route = resolve(
            kwargs.get("model") or self.model, backend=kwargs.get("backend") or self.backend, settings=settings
        )
        return route, settings

    def _delegate(self, route: Route, settings: Settings, kwargs: dict[str, Any]) -> BaseChatModel:
        """The class that carries the call; another timeout means another client."""
        backend = settings.backends[route.backend]
        timeout = kwargs.get("timeout", self.timeout)
        if timeout is not None and timeout != backend.timeout:
            backend = backend.model_copy(update={"timeout": timeout})
        return delegate(route, backend)

    def _attempts(self, call: _Call, messages: list[BaseMessage], kwargs: dict[str, Any]) -> resilience.Call:
        route, settings = call.route, call.settings
        return new_call(
            route,
            settings,
            lambda error: translate(error, route, settings),
            max_retries=kwargs.get("max_retries", self.max_retries),
            deadline=kwargs.get("deadline", self.deadline),
            tokens=lambda: count_tokens_approximately(messages) + (call.request.parameters["max_tokens"] or 0),
            used=used_tokens,
        )

    def _request(self, settings: Settings, stop: list[str] | None, kwargs: dict[str, Any]) -> Request:
        handled = {"backend", "model", "ls_structured_output_format", *_OF_A_CALL}
        kwargs = {k: v for k, v in kwargs.items() if k not in handled}
        parameters = {
            name: kwargs.pop(name, None) if name in kwargs else getattr(self, name, None) for name in PARAMETERS
        }
        parameters["stop"] = stop or parameters["stop"]
        if isinstance(parameters["stop"], str):
            parameters["stop"] = [parameters["stop"]]
        for alias in ("max_completion_tokens", "max_output_tokens"):
            if alias in kwargs:
                parameters["max_tokens"] = kwargs.pop(alias)
        wanted = kwargs.pop("structured_output", None) or {}
        return Request(
            parameters=parameters,
            policy=settings.unsupported,
            tools=offered(kwargs.pop("tools", None) or []),
            tool_choice=tool_choice_name(kwargs.pop("tool_choice", None)),
            schema=wanted.get("schema"),
            method=wanted.get("method"),
            strict=wanted.get("strict"),
            extra={**self.extra, **kwargs.pop("extra", {}), **kwargs},
        )

    def _prepared(self, stop: list[str] | None, kwargs: dict[str, Any]) -> _Call:
        route, settings = self._resolved(kwargs)
        request = self._request(settings, stop, kwargs)
        arguments = wire(route).arguments(route, request)
        return _Call(route, settings, arguments, request)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        call = self._prepared(stop, kwargs)
        with translated(call.route, call.settings):
            model = self._delegate(call.route, call.settings, kwargs)
            fetch = partial(media.fetch, allow_private=True) if call.settings.allow_private_media else None
            history = portable_history(call.told(messages), call.route, has_tools=call.has_tools, fetch=fetch)
            attempts = self._attempts(call, history, kwargs)
            result = attempts.run(lambda: model._generate([*history], **call.arguments))  # noqa: SLF001
            portable_result(result, call.route, attempts.report())
            call.check(called=_called(result))
            return result

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        call = self._prepared(stop, kwargs)
        with translated(call.route, call.settings):
            model = self._delegate(call.route, call.settings, kwargs)
            fetch = partial(media.afetch, allow_private=True) if call.settings.allow_private_media else None
            history = await aportable_history(call.told(messages), call.route, has_tools=call.has_tools, fetch=fetch)
            attempts = self._attempts(call, history, kwargs)
            result = await attempts.arun(lambda: agenerate(call.route, model, [*history], call.arguments))
            portable_result(result, call.route, attempts.report())
            call.check(called=_called(result))
            return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._prepared(stop, kwargs)
        with translated(call.route, call.settings):
            model = self._delegate(call.route, call.settings, kwargs)
            fetch = partial(media.fetch, allow_private=True) if call.settings.allow_private_media else None
            history = portable_history(call.told(messages), call.route, has_tools=call.has_tools, fetch=fetch)
            attempts = self._attempts(call, history, kwargs)
            shape = Stream(call.route, attempts.report)
            for chunk in stream(attempts, lambda: begin_stream(model, [*history], call.arguments), has_content):
                yield shape.portable(chunk)
            shape.end()
            call.check(called=shape.called)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._prepared(stop, kwargs)
        with translated(call.route, call.settings):
            model = self._delegate(call.route, call.settings, kwargs)
            fetch = partial(media.afetch, allow_private=True) if call.settings.allow_private_media else None
            history = await aportable_history(call.told(messages), call.route, has_tools=call.has_tools, fetch=fetch)
            attempts = self._attempts(call, history, kwargs)
            shape = Stream(call.route, attempts.report)
            pieces = astream(
                attempts, lambda: begin_astream(call.route, model, [*history], call.arguments), has_content
            )
            async with aclosing(pieces):
                async for chunk in pieces:
                    yield shape.portable(chunk)
            shape.end()
            call.check(called=shape.called)

    def __getstate__(self) -> dict[Any, Any]:
        return without_secrets(super().__getstate__())
