"""One call of either framework, in one way, to any model of any service; and what reached the service."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import PromptTemplate

from tests.contract.same import Message, to_langchain, to_llama_index, user
from turnout.errors import UnsupportedError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout.settings import Settings
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from turnout_emulator import Emulator, Received

HELLO = user("Hello")
WAYS = ("whole", "async-stream")


class Asking:
    """Asks in one framework and one way.

    A target is written like `bedrock amazon.nova-lite-v1:0`, with a wire, a home or a dated API version behind it where
    the settings name one.
    """

    def __init__(self, emulator: Emulator, framework: str, way: str) -> None:
        self.emulator = emulator
        self.langchain = framework == "langchain"
        self.streams = way == "async-stream"

    def sent(self, target: str, *messages: Message, **options: Any) -> Received:
        """What reached the service, which took it; turnout says nothing of it."""
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return self._answered(target, messages, options)

    def sent_but(self, said: str, target: str, *messages: Message, **options: Any) -> Received:
        """What reached the service, which took it; turnout says something of it."""
        with pytest.warns(UserWarning, match=said):
            return self._answered(target, messages, options)

    def answered(self, target: str, *messages: Message, **options: Any) -> Received:
        """What reached the service, which took it, whether or not turnout says something of it.

        Of an answer's further calls LangChain's users are told; LlamaIndex drops them itself.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self._answered(target, messages, options)

    def refused(self, said: str, target: str, *messages: Message, **options: Any) -> None:
        """Nothing is sent, because no service would take it."""
        with pytest.raises(UnsupportedError, match=said):
            self._answered(target, messages, options)
        assert not self._chats()

    def _answered(self, target: str, messages: tuple[Message, ...], options: dict[str, Any]) -> Received:
        self.emulator.clear()
        self.ask(settings(self.emulator, target), *messages, **options)
        (received,) = self._chats()
        assert received.status == 200
        return received

    def found(self, target: str, schema: Any, text: str, **options: Any) -> tuple[Any, Received]:
        """The object that an answer is, and what reached the service."""
        self.emulator.clear()
        found = asyncio.run(self._object(settings(self.emulator, target), schema, text, options))
        (received,) = self._chats()
        assert received.status == 200
        return found, received

    def _chats(self) -> list[Received]:
        return [received for received in self.emulator.requests if received.operation == "chat"]

    def ask(self, made: Settings, *messages: Message, **options: Any) -> None:
        """Ask with settings."""
        asyncio.run(self._ask(made, list(messages or (HELLO,)), options))

    async def _ask(self, made: Settings, messages: list[Message], options: dict[str, Any]) -> None:
        if self.langchain:
            model, asked = ChatTurnout(settings=made), [to_langchain(message) for message in messages]
            if self.streams:
                assert [piece async for piece in model.astream(asked, **options)]
            else:
                await asyncio.to_thread(model.invoke, asked, **options)
            return
        llm, turns = TurnoutLLM(settings=made), [to_llama_index(message) for message in messages]
        if self.streams:
            assert [piece async for piece in await llm.astream_chat(turns, **options)]
        else:
            await asyncio.to_thread(llm.chat, turns, **options)

    async def _object(self, made: Settings, schema: Any, text: str, options: dict[str, Any]) -> Any:
        if self.langchain:
            chain = ChatTurnout(settings=made, **options).with_structured_output(schema)
            return await chain.ainvoke(text) if self.streams else await asyncio.to_thread(chain.invoke, text)
        llm, prompt = TurnoutLLM(settings=made, **options), PromptTemplate(text)
        if self.streams:
            return await llm.astructured_predict(schema, prompt)
        return await asyncio.to_thread(llm.structured_predict, schema, prompt)


def settings(emulator: Emulator, target: str) -> Settings:
    """Settings with one backend and one model."""
    provider, model, *more = target.split()
    backend = {
        "azure": {"endpoint": emulator.azure.url, "api_key": AZURE_KEY},
        "bedrock": {
            "endpoint": emulator.bedrock.url,
            "mantle_endpoint": emulator.mantle.url,
            "region": "us-east-1",
            "access_key_id": AWS_ACCESS_KEY,
            "secret_access_key": AWS_SECRET_KEY,
        },
    }[provider]
    chosen = {"deployment": model, "model": model}
    for word in more:
        if word[0].isdigit():
            backend["api_version"] = word
        else:
            chosen["home" if word in {"runtime", "mantle"} else "wire"] = word
    return Settings.model_validate(
        {
            "backend": provider,
            "backends": {provider: {"provider": provider, **backend}},
            "chat": {"default": {provider: chosen}},
            "source": "turnout.toml",
        }
    )


def as_messages(received: Received) -> dict[str, Any]:
    """A request to Claude, or another model on Converse, under the names that Messages has for its parameters."""
    body: dict[str, Any] = dict(received.body)
    if received.wire != "bedrock-converse":
        return body
    named = {"maxTokens": "max_tokens", "topP": "top_p", "stopSequences": "stop_sequences"}
    inference = {named.get(name, name): value for name, value in body.get("inferenceConfig", {}).items()}
    chosen = body.get("toolConfig", {}).get("toolChoice")
    choice = {} if chosen is None else {"tool_choice": {"type": next(iter(chosen))}}
    return {**body, **inference, **choice, **body.get("additionalModelRequestFields", {})}
