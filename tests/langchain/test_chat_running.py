"""How `ChatTurnout` runs: one run for a call, many at once, cancelled, after its clients were closed."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage

from tests.support.parts import CONTEXT
from turnout.langchain import ChatTurnout
from turnout_emulator import Answer

if TYPE_CHECKING:
    from turnout_emulator import Emulator


class Counter(BaseCallbackHandler):
    def __init__(self) -> None:
        self.starts = self.tokens = self.ends = 0

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.starts += 1

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        self.tokens += 1

    def on_llm_end(self, *_: Any, **__: Any) -> None:
        self.ends += 1


def test_one_call_is_one_run(backend: str) -> None:
    seen = Counter()
    ChatTurnout().invoke("hello", {"callbacks": [seen]})
    assert (seen.starts, seen.ends) == (1, 1)
    chunks = len(list(ChatTurnout().stream("hello", {"callbacks": [seen]})))
    assert (seen.starts, seen.ends) == (2, 2)
    assert chunks - 1 <= seen.tokens <= chunks


def test_many_at_once_from_threads_and_loops(backend: str) -> None:
    model = ChatTurnout()
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: model.invoke(CONTEXT).content, range(24)))

    async def many() -> list[str]:
        return [str(m.content) for m in await asyncio.gather(*(model.ainvoke(CONTEXT) for _ in range(24)))]

    for _ in range(2):
        answers |= set(asyncio.run(many()))
    assert answers == {"The depot opens at seven."}
    gc.collect()


def test_a_cancelled_stream_leaves_nothing_behind(backend: str, fresh_emulator: Emulator) -> None:
    model = ChatTurnout()

    async def first() -> str:
        async for chunk in model.astream(CONTEXT):
            if chunk.content:
                return str(chunk.content)
        return ""

    fresh_emulator.queue(Answer(text="one two three four five", chunk_delay=0.01))
    assert asyncio.run(first())
    for chunk in model.stream(CONTEXT):
        if chunk.content:
            break
    gc.collect()
    assert model.invoke(CONTEXT).content == "The depot opens at seven."


def test_after_closing_all_clients_calls_go_on(backend: str) -> None:
    from turnout import runtime

    model = ChatTurnout()
    before = model.invoke(CONTEXT).content
    runtime.close()
    assert model.invoke(CONTEXT).content == before
    assert asyncio.run(model.ainvoke(CONTEXT)).content == before


@pytest.mark.usefixtures("settings_file")
def test_counting_tokens_downloads_nothing() -> None:
    assert 2 <= ChatTurnout().get_num_tokens("The depot opens at seven.") <= 20
    assert ChatTurnout().get_num_tokens_from_messages([HumanMessage("hello")]) > 0
