"""`python -m tests.storm.own`: the same faults, with the frameworks' own classes and with turnout.

Each fault is met in each way of asking, at the first attempt and at every one. What became of the calls is printed as
JSON. It is a process of its own, since calls that hang are left behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from langchain_aws import ChatBedrockConverse
from langchain_openai import AzureChatOpenAI
from llama_index.core.base.llms.types import ChatMessage
from llama_index.llms.azure_openai import AzureOpenAI
from llama_index.llms.bedrock_converse import BedrockConverse

from tests.storm.calls import DEADLINE, PATIENCE, Call
from tests.storm.faults import TROUBLES, fitting
from tests.storm.rule import right
from tests.storm.running import Heart, Models
from tests.storm.server import serving
from tests.storm.settings import WIRES, text
from tests.support.frameworks import WAYS
from turnout.errors import ModelCallError
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HANGS = 6.0
"""Seconds from which a call hangs: it was told to wait 1.5 seconds for an answer, and to ask once more."""

_GIVEN_UP = HANGS + 3
_AT_ONCE = 24
_WIRE = {"AzureChatOpenAI": "dated", "AzureOpenAI": "dated", "ChatBedrockConverse": "converse"}
_WIRE |= {"BedrockConverse": "converse"}
CLASSES = list(_WIRE)


def _make(name: str, urls: Mapping[str, str], timeout: float) -> Any:
    """A class, as its documentation says, told how long to wait and to ask once more."""
    azure: dict[str, Any] = {"azure_endpoint": urls["azure"], "api_key": AZURE_KEY, "api_version": "2024-10-21"}
    azure |= {"timeout": timeout, "max_retries": 1}
    aws: dict[str, Any] = {"endpoint_url": urls["bedrock"], "region_name": "us-east-1"}
    aws |= {"aws_access_key_id": AWS_ACCESS_KEY, "aws_secret_access_key": AWS_SECRET_KEY}
    converse = "us.anthropic.claude-sonnet-4-6"
    if name == "AzureChatOpenAI":
        return AzureChatOpenAI(azure_deployment="gpt-5-prod", **azure)
    if name == "AzureOpenAI":
        return AzureOpenAI(model="gpt-5", engine="gpt-5-prod", **azure)
    if name == "ChatBedrockConverse":
        retries: Any = {"total_max_attempts": 2}
        limits = Config(read_timeout=timeout, connect_timeout=timeout, retries=retries, max_pool_connections=64)
        return ChatBedrockConverse(model_id=converse, config=limits, **aws)
    return BedrockConverse(model=converse, timeout=timeout, max_retries=1, **aws)


def _ask(model: Any, call: Call) -> None:
    """Ask a framework's own class in this thread."""
    question = call.questions[0]
    if call.framework == "langchain":
        for piece in model.stream(question) if call.way == "stream" else [model.invoke(question)]:
            call.got += str(piece.text)
    elif call.way == "stream":
        for piece in model.stream_chat([ChatMessage(question)]):
            call.got += piece.delta or ""
    else:
        call.got += model.chat([ChatMessage(question)]).message.content or ""


async def _aask(model: Any, call: Call) -> None:
    question = call.questions[0]
    if call.framework == "langchain" and call.way == "async-stream":
        async for piece in model.astream(question):
            call.got += str(piece.text)
    elif call.framework == "langchain":
        call.got += str((await model.ainvoke(question)).text)
    elif call.way == "async-stream":
        async for piece in await model.astream_chat([ChatMessage(question)]):
            call.got += piece.delta or ""
    else:
        call.got += (await model.achat([ChatMessage(question)])).message.content or ""


def _calls(first: int, framework: str, wire: str, ways: tuple[str, ...], kind: type[Call]) -> list[Call]:
    found: list[Call] = []
    for way in ways:
        for throttles in (False, True):
            streamed = "stream" in way
            for fault in fitting(kind="chat", streamed=streamed, wire=WIRES[wire][2], throttles=throttles):
                for where in ("first", "always"):
                    call = kind(first + len(found), framework, "chat", wire, way, "", "alone", fault, where)
                    call.expected, call.got = right(call.number), ""
                    if throttles:  # each at a deployment of its own: a throttled one is asked less by the others, too
                        call.group = f"-{len(found)}"
                    found.append(call)
    return found


def _run(calls: list[Call], ask: Callable[[Call], None], aask: Callable[[Call], Any]) -> None:
    """Make the calls, so many at once; those that hang are left behind."""
    turns = threading.Semaphore(_AT_ONCE)

    def in_thread(call: Call) -> None:
        call.began = time.monotonic()
        try:
            ask(call)
        except BaseException as error:  # noqa: BLE001 - looked at afterwards
            call.error = error
        call.took = time.monotonic() - call.began

    def attended(call: Call) -> None:
        thread = threading.Thread(target=in_thread, args=(call,), daemon=True)
        with turns:
            thread.start()
            thread.join(_GIVEN_UP)
            call.took = call.took or inf

    async def on_loop(call: Call, turn: asyncio.Semaphore) -> None:
        async with turn:
            call.began = time.monotonic()
            try:
                async with asyncio.timeout(_GIVEN_UP) as limit:
                    await aask(call)
            except BaseException as error:  # noqa: BLE001 - likewise
                call.error = error
            call.took = inf if limit.expired() else time.monotonic() - call.began

    async def all_on_loop() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4 * _AT_ONCE))
        turn = asyncio.Semaphore(_AT_ONCE)
        beating.append(asyncio.create_task(heart.abeat()))
        await asyncio.gather(*(on_loop(call, turn) for call in calls if "async" in call.way))

    heart, beating = Heart(), list[asyncio.Task[None]]()
    threads = [threading.Thread(target=attended, args=(call,)) for call in calls if "async" not in call.way]
    with heart.beating():
        for thread in threads:
            thread.start()
        loop = asyncio.new_event_loop()  # asyncio.run would wait for the threads that hang
        loop.run_until_complete(all_on_loop())
        for thread in threads:
            thread.join()
    heart.judge(calls)


class _Ours(Call):
    """A call of turnout, which has as long as the others until it hangs."""

    @property
    def deadline(self) -> float:
        return HANGS - 1


def _became(call: Call) -> str:
    if call.took - call.lost > HANGS:
        return "hangs"
    if call.error is not None:
        return "error"
    return "right" if call.got == call.expected else "wrong"


def _ways(name: str) -> Iterator[str]:
    for way in WAYS:  # its async needs a fork of boto3, which isn't installed
        if name != "BedrockConverse" or "async" not in way:
            yield way


def main() -> None:
    """Make the calls and print what became of them."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ |= {"NO_PROXY": "127.0.0.1,localhost", "AWS_EC2_METADATA_DISABLED": "true"}
    table: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    number = 0
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        server.begin()
        for name in CLASSES:
            framework = "langchain" if "Chat" in name else "llama_index"
            ways = tuple(_ways(name))
            slow, other = _make(name, server.urls, DEADLINE), _make(name, server.urls, PATIENCE)
            of = {True: slow, False: other}
            calls = _calls(number, framework, _WIRE[name], ways, Call)
            number += len(calls)
            _run(
                calls,
                lambda call, of=of: _ask(of[call.slow], call),  # type: ignore[misc] # of a lambda's default
                lambda call, of=of: _aask(of[call.slow], call),  # type: ignore[misc]
            )
            for call in calls:
                table[call.fault][name][_became(call)] += 1
            ours = _calls(number, framework, _WIRE[name], ways, _Ours)
            number += len(ours)
            path = Path(folder) / f"{name}.toml"
            groups, waits = {call.group: None for call in ours}, f"timeout = {DEADLINE}"
            path.write_text(text(server.urls, fallbacks=False, groups=groups, more=waits), encoding="utf-8")
            models = Models({"alone": path})
            _run(
                ours,
                lambda call, models=models: _turnout(call, models),  # type: ignore[misc] # likewise
                lambda call, models=models: _aturnout(call, models),  # type: ignore[misc]
            )
            for call in ours:
                became = _became(call)
                if call.error is not None and not isinstance(call.error, ModelCallError):
                    became = "untyped error"
                table[call.fault]["turnout"][became] += 1
    json.dump({name: table[name] for name in TROUBLES if name in table}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


def _turnout(call: Call, models: Models) -> None:
    for piece in models.of(call).pieces(call.way, call.questions[0]):
        call.got += piece.text


async def _aturnout(call: Call, models: Models) -> None:
    async for piece in models.of(call).apieces(call.way, call.questions[0]):
        call.got += piece.text


if __name__ == "__main__":
    main()
