"""A cloud goes in the middle of many running calls: each ends in a right answer from the other, or says what it had."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

import turnout
from turnout.calls import circuit
from turnout.errors import ModelCallError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from turnout_emulator import Emulator

CALLS = 60
"""Of each framework, of whole and of streamed answers."""

ANSWER = "The depot opens at seven and closes at nine, on every day of the week but Sunday."


_SERVER = """
import itertools, signal, sys
from turnout_emulator import Answer, Emulator

numbers = itertools.count()

def answer(request):
    if request.operation == "chat":  # some at once, others in a while
        return Answer(sys.argv[1], delay=0.2 + next(numbers) % 10 / 2, chunk_delay=0.1)

with Emulator(ports={"azure": int(sys.argv[2])}) as emulator:
    emulator.rule(answer)
    print(emulator.settings_toml(), end="\\n---\\n", flush=True)
    signal.pause()
"""


class Cloud:
    """An emulator in a process of its own, which can be killed."""

    def __init__(self, port: int = 0) -> None:
        arguments = [sys.executable, "-c", _SERVER, ANSWER, str(port)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.settings = "".join(iter(self._process.stdout.readline, "---\n"))
        found = re.search(r'endpoint = "(http://127.0.0.1:(\d+))"', self.settings)
        assert found is not None
        self.url, self.port = found[1], int(found[2])

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def states(self) -> list[str]:
        """How its deployments are."""
        return [one.state for one in turnout.health() if one.endpoint.startswith(self.url)]


@pytest.fixture
def azure(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Azure, to be killed; Bedrock is at the emulator of all tests."""
    circuit.reset_health()
    cloud = Cloud()
    emulator.rule(lambda request: Answer(ANSWER) if request.operation == "chat" else None)
    path = tmp_path / "turnout.toml"
    text = emulator.settings_toml().replace(emulator.azure.url, cloud.url)
    path.write_text('fallbacks = ["bedrock"]\n' + text)
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    yield cloud
    emulator.clear()
    cloud.kill()
    circuit.reset_health()


async def langchain_call(chat: ChatTurnout, number: int, *, streamed: bool) -> Any:
    question = f"question {number}"
    try:
        if not streamed:
            answer = await chat.ainvoke(question)
            return answer.text, answer.response_metadata["backend"]
        whole: Any = None
        async for chunk in chat.astream(question):
            whole = chunk if whole is None else whole + chunk
    except ModelCallError as error:
        return error
    return whole.text, whole.response_metadata["backend"]


async def llama_index_call(llm: TurnoutLLM, number: int, *, streamed: bool) -> Any:
    asked = [ChatMessage(f"question {number}")]
    try:
        if not streamed:
            answer = await llm.achat(asked)
            return answer.message.content, answer.additional_kwargs["backend"]
        last: Any = None
        async for piece in await llm.astream_chat(asked):
            last = piece
    except ModelCallError as error:
        return error
    return last.message.content, last.additional_kwargs["backend"]


def test_azure_is_killed_in_the_middle(azure: Cloud) -> None:
    chat, llm = ChatTurnout(), TurnoutLLM()

    async def all_of_them() -> list[Any]:
        calls = [langchain_call(chat, n, streamed=bool(n % 2)) for n in range(2 * CALLS)]
        calls += [llama_index_call(llm, n, streamed=bool(n % 2)) for n in range(2 * CALLS)]
        running = [asyncio.create_task(call) for call in calls]
        for _, finished in zip(range(CALLS // 2), asyncio.as_completed(running), strict=False):
            await finished
        await asyncio.to_thread(azure.kill)
        return await asyncio.gather(*running)

    results = asyncio.run(all_of_them())
    answers = [result for result in results if isinstance(result, tuple)]
    broken = [result for result in results if isinstance(result, ModelCallError)]
    assert len(answers) + len(broken) == 4 * CALLS
    assert {text for text, _ in answers} == {ANSWER}
    assert sum(backend == "bedrock" for _, backend in answers) > CALLS
    for error in broken:
        assert error.delivered > 0, error
        assert "characters of the answer had been delivered" in str(error)
    assert azure.states == ["resting"]


def test_recovery_shows(azure: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "FIRST_REST", 0.2)
    chat = ChatTurnout()
    assert chat.invoke("x").response_metadata["backend"] == "azure"
    azure.kill()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: chat.invoke(f"question {n}"), range(16)))
    assert {answer.response_metadata["backend"] for answer in answers} == {"bedrock"}
    assert azure.states != ["ok"]
    again = Cloud(azure.port)
    try:
        ends = time.monotonic() + 60
        while chat.invoke("x").response_metadata["backend"] != "azure" and time.monotonic() < ends:
            time.sleep(0.1)
        assert azure.states == ["ok"]
    finally:
        again.kill()
