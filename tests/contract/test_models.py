"""Models with rules of their own: what vendors document as refused is asked of turnout, in both frameworks.

Nothing that reaches a service breaks a rule: not by the emulator's, and not by the specifications that the judge beside
the checkout has. An application that asks for what a model hasn't gets an answer and a warning.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from tests.contract.judging import violations
from turnout.errors import UnsupportedError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Emulator, catalogue
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ASKED = "Look the depot Xa up. Its name is Xa, and it has 2 tracks. name: Xa, tracks: 2"


class Depot(BaseModel):
    """A depot."""

    name: str = Field(min_length=2, max_length=30)
    tracks: int = Field(default=3, ge=1, le=20)


def depot(name: str, tracks: int = 3) -> str:
    """Look a depot up."""
    return "x"


WORDY = "Look a depot up. " * 100
SYSTEM = [("system", "Be short."), ("user", "Hi")]
PREFILLED = [("user", "Say a colour."), ("assistant", "The colour is")]


class LangChain:
    """The probes in LangChain."""

    @staticmethod
    def talk(messages: Any = "Hi", **options: Any) -> Any:
        kinds: dict[str, Any] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
        read = messages if isinstance(messages, str) else [kinds[role](text) for role, text in messages]
        return ChatTurnout(**options).invoke(read)

    @staticmethod
    def stream(**options: Any) -> Any:
        return list(ChatTurnout(**options).stream("Hi"))

    @staticmethod
    def tools(
        choice: str | None = None, description: str | None = None, call: dict[str, Any] | None = None, **o: Any
    ) -> Any:
        made = tool(depot) if description is None else tool(description=description)(depot)
        return ChatTurnout(**o).bind_tools([made], tool_choice=choice, **(call or {})).invoke(ASKED)

    @staticmethod
    def stream_tools(**options: Any) -> Any:
        return list(ChatTurnout(**options).bind_tools([tool(depot)]).stream(ASKED))

    @staticmethod
    def schema(**options: Any) -> Any:
        return ChatTurnout(**options).with_structured_output(Depot).invoke(ASKED)

    @staticmethod
    def json_schema(**options: Any) -> Any:
        return ChatTurnout(**options).invoke(ASKED, response_format=Depot)


class LlamaIndex:
    """The probes in LlamaIndex."""

    @staticmethod
    def talk(messages: Any = "Hi", **options: Any) -> Any:
        turns = [("user", messages)] if isinstance(messages, str) else messages
        return TurnoutLLM(**options).chat([ChatMessage(text, role=role) for role, text in turns])

    @staticmethod
    def stream(**options: Any) -> Any:
        return list(TurnoutLLM(**options).stream_chat([ChatMessage("Hi")]))

    @staticmethod
    def tools(
        choice: str | None = None, description: str | None = None, call: dict[str, Any] | None = None, **o: Any
    ) -> Any:
        made = FunctionTool.from_defaults(depot, description=description)
        more = dict(call or {})
        allowed = more.pop("parallel_tool_calls", None)
        more |= {} if allowed is None else {"allow_parallel_tool_calls": allowed}
        more |= {} if choice is None else {"tool_choice": choice}
        return TurnoutLLM(**o).chat_with_tools([made], user_msg=ASKED, **more)

    @staticmethod
    def stream_tools(**options: Any) -> Any:
        return list(TurnoutLLM(**options).stream_chat_with_tools([FunctionTool.from_defaults(depot)], user_msg=ASKED))

    @staticmethod
    def schema(**options: Any) -> Any:
        return TurnoutLLM(**options).structured_predict(Depot, PromptTemplate(ASKED))

    @staticmethod
    def json_schema(**options: Any) -> Any:
        return TurnoutLLM(**options).chat([ChatMessage(ASKED)], response_format=Depot)


PROBES: dict[str, Callable[[Any], Any]] = {
    "plain": lambda side: side.talk(max_tokens=9),
    "stream": lambda side: side.stream(),
    "system": lambda side: side.talk(SYSTEM, reasoning_effort="low"),
    "tools": lambda side: side.tools(),
    "streamed tools": lambda side: side.stream_tools(),
    "tools, effort": lambda side: side.tools(reasoning_effort="low"),
    "forced": lambda side: side.tools("any"),
    "forced by name": lambda side: side.tools("depot"),
    "forced, effort": lambda side: side.tools("any", reasoning_effort="high"),
    "one tool": lambda side: side.tools(call={"parallel_tool_calls": False}),
    "strict tool": lambda side: side.tools(call={"strict": True}),
    "wordy tool": lambda side: side.tools(description=WORDY),
    "schema": lambda side: side.schema(),
    "schema, effort": lambda side: side.schema(reasoning_effort="low"),
    "json schema": lambda side: side.json_schema(),
    "sampling": lambda side: side.talk(temperature=0.2, top_p=0.9),
    "sampling, effort": lambda side: side.talk(temperature=0.2, max_tokens=3000, reasoning_effort="high"),
    "stop": lambda side: side.talk(stop=["END", "\n"]),
    "prefill": lambda side: side.talk(PREFILLED),
    "effort none": lambda side: side.talk(reasoning_effort="none"),
    "effort minimal": lambda side: side.talk(reasoning_effort="minimal"),
    "effort max": lambda side: side.talk(reasoning_effort="max"),
}
AZURE = ("gpt-4.1", "gpt-5", "gpt-5.4", "gpt-5.5", "gpt-5.6-terra", "gpt-6-astra", "gpt-6.1-terra", "gpt-5-pro", "gpt-5.3-codex", "o3", "o3-mini")  # fmt: skip
CLAUDE = ("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-4-7", "claude-opus-5-5", "claude-fable-5-2", "claude-haiku-5-5", "claude-mythos-5-1")  # fmt: skip
BEDROCK = ("us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-opus-4-7", "us.anthropic.claude-opus-5-5", "us.anthropic.claude-sonnet-5-5", "us.anthropic.claude-mythos-5-1", "amazon.nova-lite-v1:0", "us.amazon.nova-2-lite-v1:0", "us.meta.llama3-3-70b-instruct-v1:0", "us.meta.llama4-maverick-17b-instruct-v1:0", "mistral.mistral-large-2407-v1:0", "openai.gpt-oss-120b-1:0", "qwen.qwen3-32b-v1:0", "deepseek.v3-v1:0", "us.deepseek.r1-v1:0", "minimax.minimax-m2.5", "global.xai.grok-4.7", "zai.glm-5.3", "moonshotai.kimi-k2.5")  # fmt: skip
DATED = tuple((version, model) for version in ("2024-10-21", "2024-06-01") for model in ("gpt-4.1", "o3-mini", "gpt-5"))
PLACES = [
    *(("azure", model, None) for model in AZURE + CLAUDE),
    *(("bedrock", model, None) for model in BEDROCK),
    *(("azure", model, version) for version, model in DATED),
]


@pytest.fixture(scope="module")
def services() -> Iterator[Emulator]:
    """An emulator that has every one of these models."""
    openai = {name: catalogue.OPENAI_MODELS.get(name) or catalogue.OpenAIModel(name, name, reasoning=name != "gpt-4.1") for name in AZURE}  # fmt: skip
    claude = {name: catalogue.ANTHROPIC_MODELS.get(name) or catalogue.AnthropicModel(name, name, output=128_000) for name in CLAUDE}  # fmt: skip
    bedrock = dict(catalogue.BEDROCK_MODELS)
    template = bedrock["anthropic.claude-sonnet-4-6"]
    for model in BEDROCK:
        base = model.removeprefix("us.").removeprefix("global.")
        if base not in bedrock:
            family = base.split(".", maxsplit=1)[0]
            bedrock[base] = replace(template, id=base, profiles=("us", "global"), on_demand=True, family=family)
    deployments = {name: name for name in (*openai, *claude)}
    with Emulator(
        deployments=deployments, openai_models=openai, anthropic_models=claude, bedrock_models=bedrock
    ) as emulator:
        yield emulator


@pytest.fixture(params=[LangChain, LlamaIndex], ids=["langchain", "llama_index"])
def side(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize(("provider", "model", "version"), PLACES, ids=str)
def test_nothing_that_is_sent_breaks_a_rule(
    services: Emulator,
    side: Any,
    provider: str,
    model: str,
    version: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "turnout.toml"
    credential = f'api_key = "{AZURE_KEY}"'
    if provider == "bedrock":
        credential = f'region = "us-east-1"\naccess_key_id = "{AWS_ACCESS_KEY}"\nsecret_access_key = "{AWS_SECRET_KEY}"'
    endpoint = (services.bedrock if provider == "bedrock" else services.azure).url
    dated = f'api_version = "{version}"' if version else ""
    target = f"{provider} = {{ deployment = {json.dumps(model)}, model = {json.dumps(model)} }}"
    path.write_text(
        f'[backends.{provider}]\nendpoint = "{endpoint}"\n{credential}\n{dated}\n[chat.default]\n{target}\n', "utf-8"
    )
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    services.clear()
    wrong = []
    for name, probe in PROBES.items():
        begun = len(services.requests)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                probe(side)
            except UnsupportedError as error:
                if len(services.requests) > begun and "answered without" not in str(error):
                    wrong.append(f"{name}: sent, and then {error}")
            except Exception as error:  # noqa: BLE001 - all of them are listed
                wrong.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
    assert wrong == []
    assert violations(services.requests) == []
