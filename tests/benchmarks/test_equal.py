"""The fast way gives what the slow way gives: vector by vector against the frameworks' classes and the SDK, and message
by message against the frameworks' classes, one after another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from benchmarks.contestants import Names, Place, contestants

from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout_emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contestants import Cloud, Contestant

    from turnout_emulator import Emulator

TEXTS = [f"Track {index % 120} opens at {index % 24}." for index in range(140)]
"""More than one of Cohere's requests; some are there twice."""
QUESTIONS = [f"Context: Depot {i} opens at {i} sharp.\n\nQuestion: When does depot {i} open?" for i in range(24)]

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # clients that the contestants leave open


@pytest.fixture
def emulated(
    fresh_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Place:
    urls = fresh_emulator.azure.url, fresh_emulator.bedrock.url
    place = Place(urls[0], AZURE_KEY, AWS_ACCESS_KEY, AWS_SECRET_KEY, bedrock_url=urls[1])
    path = tmp_path_factory.mktemp("settings") / "turnout.toml"
    path.write_text(place.settings(), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_CONFIG", str(path))
    return place


def of(place: Place, cloud: Cloud, *names: str) -> list[Contestant]:
    return [one for one in contestants(place, cloud) if one.name in names]


@pytest.mark.parametrize("model", ["Azure", "Titan", "Cohere"])
def test_the_vectors_are_the_slow_ways(emulated: Place, model: str) -> None:
    cloud: Cloud = "Azure" if model == "Azure" else "Bedrock"
    texts = TEXTS if model == "Cohere" else TEXTS[-40:] + TEXTS[:1]
    slow = {
        one.name: [list(one.embed(model, [text])[0]) for text in texts]
        for one in of(emulated, cloud, Names.SDK, Names.LANGCHAIN)
    }
    ours = of(emulated, cloud, Names.OURS_LANGCHAIN, Names.OURS_LLAMA_INDEX)
    fast = {f"{one.name}, sync": one.embed(model, texts) for one in ours}
    fast |= {f"{one.name}, async": asyncio.run(_aembed(one, model, texts)) for one in ours}
    assert len(fast) == 4
    for theirs, expected in slow.items():
        for name, vectors in fast.items():
            assert len(vectors) == len(texts)
            different = [i for i, pair in enumerate(zip(vectors, expected, strict=True)) if list(pair[0]) != pair[1]]
            assert not different, f"{name} differs from {theirs} in {different[:5]}"


async def _aembed(one: Contestant, model: str, texts: list[str]) -> Sequence[Sequence[float]]:
    return await one.aembed(model, texts)


@pytest.mark.parametrize("cloud", ["Azure", "Bedrock"])
async def test_the_messages_are_the_slow_ways(emulated: Place, cloud: Cloud) -> None:
    from langchain_core.language_models import BaseChatModel

    (theirs,) = of(emulated, cloud, Names.LANGCHAIN)
    model = theirs.construct()
    assert isinstance(model, BaseChatModel)
    slow = [model.invoke(question) for question in QUESTIONS]
    assert len({answer.text for answer in slow}) == len(QUESTIONS)

    fast = await ChatTurnout(backend=cloud.lower()).abatch([*QUESTIONS])
    assert [answer.text for answer in fast] == [answer.text for answer in slow]
    assert [_counted(answer.usage_metadata) for answer in fast] == [_counted(answer.usage_metadata) for answer in slow]

    streamed = await asyncio.gather(*(_stream(ChatTurnout(backend=cloud.lower()), question) for question in QUESTIONS))
    assert streamed == [answer.text for answer in slow]

    llm = TurnoutLLM(backend=cloud.lower())
    completed = await asyncio.gather(*(llm.acomplete(question) for question in QUESTIONS))
    assert [str(answer) for answer in completed] == [answer.text for answer in slow]


def _counted(usage: object) -> tuple[int, int]:
    assert isinstance(usage, dict)
    return usage["input_tokens"], usage["output_tokens"]


async def _stream(model: ChatTurnout, question: str) -> str:
    return "".join([chunk.text async for chunk in model.astream(question)])
