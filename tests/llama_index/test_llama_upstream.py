"""What turnout takes of LlamaIndex's integrations: each of these fails when upstream moves it."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.llms.azure_openai import AzureOpenAI
from llama_index.llms.openai import OpenAI
from llama_index_instrumentation import root_dispatcher
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import Field

from turnout.facts.providers import PROVIDERS
from turnout.llama_index import TurnoutLLM
from turnout.llama_index.upstream import openai_llm
from turnout.llama_index.wires import wires
from turnout.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Heard(BaseEventHandler):
    names: list[str] = Field(default_factory=list)

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.names.append(event.class_name())


@pytest.fixture
def heard() -> Any:
    handler = Heard()
    root_dispatcher.add_event_handler(handler)
    yield handler
    root_dispatcher.event_handlers.remove(handler)


@pytest.mark.parametrize("kind", [OpenAI, AzureOpenAI])
@pytest.mark.parametrize("name", ["_chat", "_achat", "_stream_chat", "_astream_chat", "_get_model_kwargs"])
def test_the_classes_have_the_methods(kind: type[OpenAI], name: str) -> None:
    assert inspect.isfunction(inspect.unwrap(getattr(kind, name)))


HEAD = {"id": "1", "created": 1, "model": "gpt-5"}
CHOICE = {"index": 0, "finish_reason": "stop"}
SAID = {"role": "assistant", "content": "Yes."}


class FakeCompletions:
    """Takes what the class sends, and answers as the SDK does."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}
        self.chat = self
        self.completions = self

    def create(self, **sent: Any) -> Any:
        self.sent = sent
        if sent["stream"]:
            chunk = {**HEAD, "object": "chat.completion.chunk", "choices": [{**CHOICE, "delta": SAID}]}
            return [ChatCompletionChunk.model_validate(chunk)]
        answer = {**HEAD, "object": "chat.completion", "choices": [{**CHOICE, "message": SAID}]}
        return ChatCompletion.model_validate(answer)


class FakeAsyncCompletions(FakeCompletions):
    async def create(self, **sent: Any) -> Any:
        answer = super().create(**sent)

        async def chunks() -> AsyncIterator[Any]:
            for chunk in answer:
                yield chunk

        return chunks() if sent["stream"] else answer


@pytest.fixture(params=["openai", "azure"])
def name(request: pytest.FixtureRequest) -> str:
    return PROVIDERS[request.param].llama_index


async def test_what_is_sent_and_no_more(name: str, heard: Heard) -> None:
    sync, aio = FakeCompletions(), FakeAsyncCompletions()
    llm = openai_llm(SimpleNamespace(sync=sync, aio=aio), name)  # type: ignore[arg-type]
    question, arguments = [ChatMessage("Well?")], {"model": "gpt-5-prod", "seed": 7}
    said = [llm.send(question, stream=False, **arguments), await llm.asend(question, stream=False, **arguments)]
    whole = [sync.sent, aio.sent]
    with llm.send(question, stream=True, **arguments) as pieces:
        said += pieces
    async with await llm.asend(question, stream=True, **arguments) as apieces:
        said += [piece async for piece in apieces]
    assert [one.message.content for one in said] == ["Yes."] * 4
    sent = {"messages": [{"role": "user", "content": "Well?"}], "model": "gpt-5-prod", "seed": 7}
    assert whole == [{**sent, "stream": False}] * 2
    assert [sync.sent, aio.sent] == [{**sent, "stream": True}] * 2
    assert not [name for name in heard.names if name.startswith("LLM")]


def test_nothing_is_read_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION"):
        monkeypatch.setenv(variable, "a-secret-of-someone-else")
    for variable in ("OPENAI_API_BASE", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.setenv(variable, "https://elsewhere.example")
    llm = openai_llm(SimpleNamespace(sync=FakeCompletions(), aio=None), name)  # type: ignore[arg-type]
    llm.send([ChatMessage("Well?")], stream=False, model="x")
    assert "a-secret-of-someone-else" not in str(vars(llm))
    assert "elsewhere" not in str(vars(llm))


@pytest.mark.usefixtures("settings_file")
@pytest.mark.parametrize(("backend", "kind"), [("azure", AzureOpenAI), ("openai", OpenAI)])
def test_azure_is_asked_by_its_own_class(backend: str, kind: type[OpenAI]) -> None:
    route = TurnoutLLM(backend=backend).route
    wire: Any = wires.get_or_make(route, load_settings().backends[backend])
    assert isinstance(wire.create.__self__, kind)
    assert isinstance(wire.create.__self__, AzureOpenAI) is (backend == "azure")
