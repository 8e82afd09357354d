"""How a process and its loops end: with no warning of a session, a connection or a generator that was left open.

Each is a process of its own, in Python's development mode, of whose stderr nothing may be left. It is forked from one
that has imported the framework and the SDKs, and nothing of turnout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.frameworks import FRAMEWORKS
from tests.support.warm import WarmProcess, warm_process
from turnout_emulator import Answer, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

BEGIN = """
import asyncio, gc, logging, sys
logging.getLogger("asyncio").setLevel(logging.ERROR)  # slow steps of a loop aren't what is looked for
framework, backend = sys.argv[1:]
if framework == "langchain":
    from turnout.langchain import ChatTurnout
    chat = ChatTurnout(backend=backend)
    def ask(): return chat.ainvoke("hi")
    def astream(): return chat.astream("hi")
    def stream(): return chat.stream("hi")
else:
    from llama_index.core.llms import ChatMessage
    from turnout.llama_index import TurnoutLLM
    llm = TurnoutLLM(backend=backend)
    def ask(): return llm.achat([ChatMessage("hi")])
    async def astream():
        async for piece in await llm.astream_chat([ChatMessage("hi")]):
            yield piece
    def stream(): return llm.stream_chat([ChatMessage("hi")])

async def begin(pieces):
    return await anext(aiter(pieces))
"""
SCRIPTS = {
    "a loop that is closed without its generators": """
for _ in range(2):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask())
    loop.close()
    gc.collect()
""",
    "a loop that is closed in a stream": """
pieces = astream()
loop = asyncio.new_event_loop()
loop.run_until_complete(begin(pieces))
loop.close()
asyncio.run(ask())
""",
    "an exit in a stream": """
async def main():
    async for _ in astream():
        sys.exit()
asyncio.run(main())
""",
    "an exit beside a stream": """
async def main():
    kept.append(astream())
    await begin(kept[0])
kept = []
asyncio.run(main())
pieces = iter(stream())
next(pieces)
""",
    "loops in loops": """
import nest_asyncio
nest_asyncio.apply()
async def main():
    loop = asyncio.get_running_loop()
    loop.run_until_complete(ask())
    async def streamed():
        return [piece async for piece in astream()]
    assert len(loop.run_until_complete(streamed())) > 1
    asyncio.run(ask())
asyncio.run(main())
asyncio.run(main())
asyncio.get_event_loop().close()
""",
}


@pytest.fixture(scope="module", params=FRAMEWORKS)
def warm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, WarmProcess]]:
    """A framework, and a process that has imported it."""
    framework = str(request.param)
    with warm_process(framework, tmp_path_factory.mktemp("ends")) as made:
        yield framework, made


@pytest.mark.parametrize("backend", ["azure", "bedrock"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_end(
    name: str, warm: tuple[str, WarmProcess], backend: str, fresh_emulator: Emulator, settings_file: Path
) -> None:
    framework, process = warm
    fresh_emulator.rule(lambda _: Answer("one two three four five six", chunk_delay=0.02))
    done = process.run(BEGIN + SCRIPTS[name], framework, backend)
    assert done.stderr == ""
    assert done.returncode == 0
