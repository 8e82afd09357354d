"""Nothing that turnout does on an event loop blocks it: BlockBuster raises where something would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from blockbuster import BlockBuster
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from tests.calls.conftest import WIRES
from tests.contract.apps.pictures import gallery
from tests.providers.test_clients import entra
from turnout import runtime
from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.llama_index import TurnoutEmbedding, TurnoutLLM
from turnout.settings import BedrockBackend, Settings, load_settings
from turnout_emulator import Failure
from turnout_emulator.accounts import ROLE_ARN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout_emulator import Emulator


SETTINGS = {"is_now", "_snapshot", "_stamp", "_located", "_read_toml", "_read_dotenv", "_load"}


@pytest.fixture
def watched() -> Iterator[BlockBuster]:
    buster = BlockBuster("turnout", excluded_modules=["turnout_emulator"])
    # Settings are looked at afresh on each call: a few looks at local files, and one read when they have changed.
    # The table of models comes with the package, and is read once.
    for look in ("os.stat", "os.getcwd", "io.TextIOWrapper.read", "io.BufferedReader.read", "io.FileIO.read"):
        if look in buster.functions:
            buster.functions[look].can_block_in("turnout/settings/load.py", SETTINGS)
            buster.functions[look].can_block_in("turnout/facts/models.py", {"_document"})
    buster.activate()
    yield buster
    buster.deactivate()


def in_langchain(settings: str, backend: str, model: str) -> Any:
    chat = ChatTurnout(settings=settings, backend=backend, model=model)

    async def ask() -> None:
        await chat.ainvoke("hi")
        async for _ in chat.astream([HumanMessage("hi")]):
            pass

    return ask


def in_llama_index(settings: str, backend: str, model: str) -> Any:
    llm = TurnoutLLM(settings=settings, backend=backend, model=model)

    async def ask() -> None:
        await llm.achat([ChatMessage("hi")])
        async for _ in await llm.astream_chat([ChatMessage("hi")]):
            pass

    return ask


@pytest.mark.parametrize("make", [in_langchain, in_llama_index])
def test_calls_do_not_block(
    make: Any, wire: str, wires_file: str, fresh_emulator: Emulator, watched: BlockBuster
) -> None:
    """The first call of all, which makes the clients, a repeated one and a throttled one."""
    runtime.close()
    ask = make(wires_file, *WIRES[wire])

    async def calls() -> None:
        for _ in range(5):  # so many answers a second that a refusal doesn't make the limiter wait for a second each
            await ask()
        fresh_emulator.queue(Failure.rate_limited(retry_after=0.02), Failure("server_error", retry_after=0.02))
        await asyncio.gather(*(ask() for _ in range(3)))

    asyncio.run(calls())


@pytest.mark.parametrize("backend", ["azure", "bedrock", "openai"])
def test_embedding_does_not_block(backend: str, wires_file: str, watched: BlockBuster) -> None:
    runtime.close()

    async def calls() -> None:
        texts = [f"text {n}" for n in range(20)]
        await TurnoutEmbeddings(settings=wires_file, backend=backend).aembed_documents(texts)
        await TurnoutEmbedding(settings=wires_file, backend=backend).aget_text_embedding_batch(texts)

    asyncio.run(calls())


def test_tokens_and_their_refresh_do_not_block(
    wires_file: str, fresh_emulator: Emulator, watched: BlockBuster, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.close()
    for name, value in {**fresh_emulator.environment("entra"), **fresh_emulator.environment("sts")}.items():
        monkeypatch.setenv(name, value)
    key = load_settings(wires_file).backends["bedrock"]
    assert isinstance(key, BedrockBackend)
    assert key.secret_access_key is not None
    made = Settings.model_validate(
        {
            "backends": {
                "azure": {"provider": "azure", "endpoint": fresh_emulator.azure.url, **entra(fresh_emulator)},
                "bedrock": {
                    "provider": "bedrock",
                    "endpoint": fresh_emulator.bedrock.url,
                    "sts_endpoint": fresh_emulator.sts.url,
                    "region": "us-east-1",
                    "access_key_id": key.access_key_id,
                    "secret_access_key": key.secret_access_key,
                    "auth": "assumed-role",
                    "role_arn": ROLE_ARN,
                },
            },
            "chat": {
                "default": {
                    "azure": {"deployment": "gpt-5-prod", "model": "gpt-5"},
                    "bedrock": "us.anthropic.claude-sonnet-4-6",
                }
            },
        }
    )

    async def calls() -> None:
        for backend in ("azure", "bedrock"):
            await ChatTurnout(settings=made, backend=backend).ainvoke("hi")

    asyncio.run(calls())
    assert {request.operation for request in fresh_emulator.requests} >= {"chat", "token"}


def test_a_picture_by_address_does_not_block(wires_file: str, fresh_emulator: Emulator, watched: BlockBuster) -> None:
    made = load_settings(wires_file).model_copy(update={"allow_private_media": True})

    async def call(address: str) -> None:
        content: list[str | dict[str, Any]] = [{"type": "image", "url": address}]
        await ChatTurnout(settings=made, backend="bedrock").ainvoke([HumanMessage(content)])

    with gallery() as address:
        asyncio.run(call(address))


def test_what_watches_sees(watched: BlockBuster) -> None:
    import time

    from blockbuster import BlockingError

    async def sleep() -> None:
        time.sleep(0.001)  # noqa: ASYNC251 - what must be found out

    blocking = BlockBuster()
    blocking.activate()
    try:
        with pytest.raises(BlockingError):
            asyncio.run(sleep())
    finally:
        blocking.deactivate()
