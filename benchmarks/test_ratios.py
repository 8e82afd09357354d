"""Ratios of durations with generous margins, the best of a few turns of each. `make bench` checks them first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from tests.langchain.history_support import WIRES, portable_history, route

from benchmarks.contestants import Names, contestants
from benchmarks.contestants.sdk import SDKThreads
from benchmarks.measures.at_once import at_once
from benchmarks.measures.bench import Bench
from benchmarks.measures.construction import construction_and_answer_time, construction_time
from benchmarks.measures.ingest import chunks
from benchmarks.measures.streams import streams
from benchmarks.measures.throttled import throttled
from benchmarks.timing import Round, Stopwatch
from turnout.llama_index import TurnoutLLM

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import BaseMessage

    from benchmarks.contestants import Cloud, Contestant, Place
    from benchmarks.results import Row
    from benchmarks.server import Server

PAIRS = {Names.LANGCHAIN: Names.OURS_LANGCHAIN, Names.LLAMA_INDEX: Names.OURS_LLAMA_INDEX}
"""A framework's own classes → turnout in that framework."""

pytestmark = pytest.mark.filterwarnings("ignore")  # the contestants' own: clients left open, pools that are full


def quickest(run: Callable[[], object], times: int = 5) -> float:
    """Seconds that it takes at best, which the machine's other work changes least."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)


def pairs(place: Place, cloud: Cloud) -> list[Contestant]:
    return [one for one in contestants(place, cloud) if one.name in {*PAIRS, *PAIRS.values()}]


def best(rows: list[Row], figure: str) -> dict[str, float]:
    assert not [row.note for row in rows if row.note], [(row.contestant, row.note) for row in rows]
    return {row.contestant: min(row.figures[figure]) for row in rows}


def test_async_bedrock_is_not_held_up_by_a_thread_pool(server: Server, place: Place) -> None:
    server.set(delay=0.1)
    rows = asyncio.run(at_once(pairs(place, "Bedrock"), "Bedrock", calls=80, rounds=2, once=PAIRS))
    found = best(rows, "wall")
    for theirs, ours in PAIRS.items():
        assert found[theirs] > 2 * found[ours], found


def test_async_azure_takes_less_cpu_than_the_frameworks_classes(server: Server, place: Place) -> None:
    server.set(delay=0.05)
    found = best(asyncio.run(at_once(pairs(place, "Azure"), "Azure", calls=80, rounds=2)), "cpu")
    for theirs, ours in PAIRS.items():
        assert found[theirs] > found[ours], found


def test_titan_gets_many_texts_at_a_time(server: Server, place: Place) -> None:
    server.set(delay=0.03)
    texts = chunks(60)

    def work(one: Contestant) -> dict[str, float]:
        one.embed("Titan", texts[:1])
        with Stopwatch() as watch:
            assert len(one.embed("Titan", texts)) == len(texts)
        return watch.figures()

    found = best(Round("ingest", "Titan", 2, once=PAIRS).run(pairs(place, "Bedrock"), work), "wall")
    for theirs, ours in PAIRS.items():
        assert found[theirs] > 5 * found[ours], found


def test_refusals_at_random_do_not_stop_a_model_that_takes_one_text(server: Server, place: Place) -> None:
    bench = Bench(server, place, quick=True)
    everyone = [SDKThreads(place), *(one for one in pairs(place, "Bedrock") if one.name == Names.OURS_LANGCHAIN)]
    for share in (0.05, 0.3):
        rows = throttled(bench, everyone, "throttled", 600, {"share": share})
        found = {row.contestant: max(row.figures["rate"]) for row in rows}
        assert found[Names.OURS_LANGCHAIN] > found[Names.SDK_THREADS] / 6, (share, found)


def test_first_tokens_come_early_in_every_one_of_many_streams(server: Server, place: Place) -> None:
    server.set(delay=0.05, gap=0.001)
    everyone = [one for one in pairs(place, "Bedrock") if "LlamaIndex" in one.name]
    rows = asyncio.run(streams(everyone, "Bedrock", 20, rounds=1, alone=1))
    found = best(rows[-len(everyone) :], "first")
    assert found[Names.LLAMA_INDEX] > 2 * found[Names.OURS_LLAMA_INDEX], found


@pytest.mark.parametrize("cloud", ["Azure", "Bedrock"])
def test_a_second_chat_model_shares_what_the_first_made(server: Server, place: Place, cloud: Cloud) -> None:
    server.set()
    found = best(Round("construct", cloud, 2).run(pairs(place, cloud), construction_time), "wall")
    assert found[Names.LANGCHAIN] > 20 * found[Names.OURS_LANGCHAIN], found
    if cloud == "Bedrock":  # LlamaIndex's Azure class makes its client when it is first asked
        assert found[Names.LLAMA_INDEX] > 20 * found[Names.OURS_LLAMA_INDEX], found
    found = best(Round("construct_and_ask", cloud, 2).run(pairs(place, cloud), construction_and_answer_time), "wall")
    for theirs, ours in PAIRS.items():
        assert found[theirs] > 3 * found[ours], found


@pytest.mark.usefixtures("settings_file")
def test_a_second_llm_costs_less_than_a_call() -> None:
    llm = TurnoutLLM(backend="azure")
    llm.complete("hi")
    assert quickest(partial(TurnoutLLM, backend="azure"), 20) < quickest(lambda: llm.complete("hi"), 20) / 2


def test_a_plain_history_costs_a_few_copies() -> None:
    said = {"backend": "there", "wire": "openai-chat", "model_provider": "openai"}
    messages: list[BaseMessage] = []
    for number in range(500):
        messages += [HumanMessage(f"Question {number}"), AIMessage(f"Answer {number}", response_metadata=said)]
    copies = quickest(lambda: [message.model_copy(deep=True) for message in messages])
    for wire in WIRES:
        cost = quickest(partial(portable_history, messages, route(wire), has_tools=False))
        assert cost < 6 * copies, f"{cost / copies:.1f} deep copies on {wire}"


def test_the_version_takes_a_part_of_what_importing_an_sdk_takes() -> None:
    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], check=True, timeout=120, stdout=subprocess.DEVNULL)

    assert (
        quickest(lambda: run("-m", "turnout.cli", "--version"), 3) < quickest(lambda: run("-c", "import openai"), 3) / 2
    )
