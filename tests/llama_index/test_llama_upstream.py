"""What turnout takes of the integrations that is not public: each of these fails when upstream moves it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.llms.bedrock_converse import BedrockConverse
from llama_index.llms.openai import OpenAI
from llama_index_instrumentation import root_dispatcher
from pydantic import Field
from turnout.llama_index.upstream.bedrock import ConverseModel
from turnout.llama_index.upstream.decorated import undecorated
from turnout.llama_index.upstream.openai import OpenAIModel


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


@pytest.mark.parametrize("name", ["_chat", "_achat", "_stream_chat", "_astream_chat", "_get_model_kwargs"])
def test_openai_has_the_methods(name: str) -> None:
    assert inspect.isfunction(inspect.unwrap(getattr(OpenAI, name)))


class FakeCompletions:
    """Takes what the class sends, and answers as the SDK does."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}
        self.chat = self
        self.completions = self

    def create(self, **sent: Any) -> Any:
        from openai.types.chat import ChatCompletion

        self.sent = sent
        return ChatCompletion.model_validate(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-5",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
            }
        )


def openai_model(client: Any) -> OpenAIModel:
    class Clients:
        sync = client
        aio = client

    return OpenAIModel.with_client(Clients())  # type: ignore[arg-type]


def test_openai_sends_what_it_is_given_and_no_more(heard: Heard) -> None:
    client = FakeCompletions()
    response = openai_model(client).once([ChatMessage("Well?")], model="gpt-5-prod", seed=7)
    assert response.message.content == "Yes."
    assert client.sent == {
        "messages": [{"role": "user", "content": "Well?"}],
        "stream": False,
        "model": "gpt-5-prod",
        "seed": 7,
    }
    assert not [name for name in heard.names if name.startswith("LLM")]


def test_openai_reads_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-of-someone-else")
    monkeypatch.setenv("OPENAI_API_BASE", "https://elsewhere.example")
    model = openai_model(FakeCompletions())
    assert "a-secret-of-someone-else" not in str(vars(model))
    assert "elsewhere" not in str(vars(model))


class FakeRuntime:
    """Takes what the class sends, and answers as botocore does."""

    def __init__(self) -> None:
        self.sent: dict[str, Any] = {}
        self.attempts = 0
        self.exceptions = type(
            "E",
            (),
            dict.fromkeys(
                (
                    "ThrottlingException",
                    "InternalServerException",
                    "ServiceUnavailableException",
                    "ModelTimeoutException",
                ),
                TimeoutError,
            ),
        )

    def converse(self, **sent: Any) -> Any:
        self.attempts += 1
        self.sent = sent
        if sent["modelId"] == "failing":
            raise TimeoutError
        return {"output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}}, "stopReason": "end_turn"}


def test_converse_sends_what_it_is_given_and_no_more(heard: Heard) -> None:
    runtime = FakeRuntime()
    model = ConverseModel.with_client("anthropic.claude-sonnet-4-6", runtime)
    response = model.once([ChatMessage("Well?")], model="us.anthropic.claude-sonnet-4-6", max_tokens=None)
    assert response.message.content == "Yes."
    assert runtime.sent == {
        "modelId": "us.anthropic.claude-sonnet-4-6",
        "messages": [{"role": "user", "content": [{"text": "Well?"}]}],
        "inferenceConfig": {"maxTokens": None},
    }
    assert not [name for name in heard.names if name.startswith("LLM")]


def test_converse_does_not_retry_by_itself() -> None:
    runtime = FakeRuntime()
    with pytest.raises(TimeoutError):
        ConverseModel.with_client("x", runtime).once([ChatMessage("Well?")], model="failing", max_tokens=None)
    assert runtime.attempts == 1


@pytest.mark.parametrize("model", ["us.someone.new-model-v1:0", "eu.unheard-of", "anthropic.claude-sonnet-4-6", ""])
def test_converse_takes_any_model(model: str) -> None:
    response = ConverseModel.with_client(model, FakeRuntime()).once([ChatMessage("x")], model="m", max_tokens=None)
    assert str(response) == "assistant: Yes."


def test_converse_asks_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    model = ConverseModel.with_client("anthropic.claude-sonnet-4-6", FakeRuntime())
    assert str(model.once([ChatMessage("x")], model="m", max_tokens=None)) == "assistant: Yes."


def test_the_undecorated_methods_are_found() -> None:
    for name in ("chat", "stream_chat"):
        function = undecorated(getattr(BedrockConverse, name))
        assert function.__name__ == name
        assert function.__code__.co_varnames[:3] == ("self", "messages", "kwargs")


def test_a_method_that_is_decorated_otherwise_is_refused() -> None:
    def plain() -> None: ...

    with pytest.raises(TypeError, match="not decorated as it was"):
        undecorated(plain)
