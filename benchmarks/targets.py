"""What turnout is to reach: ratios of two figures of one run, and a few plain limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contestants import Names
from benchmarks.measures.reindexing import STORES

if TYPE_CHECKING:
    from benchmarks.results import Results

Key = tuple[str, str, str, str]
"""(measure, cloud, contestant, figure)."""

_OURS = {"LangChain": Names.OURS_LANGCHAIN, "LlamaIndex": Names.OURS_LLAMA_INDEX}
_AS_MANY = f"{Names.RAW}, as many in flight"


@dataclass(frozen=True, slots=True)
class Target:
    """`top / bottom` is at least, or at most, a limit.

    Attributes:
        title: What it is about.
        top: The figure above.
        bottom: The figure below; None for a plain limit on `top`.
        limit: The limit.
        at_least: Whether it is a lower limit.
        unit: What a plain limit is in.
    """

    title: str
    top: Key
    bottom: Key | None
    limit: float
    at_least: bool = False
    unit: str = "times"

    def value(self, results: Results) -> float | None:
        """The ratio, or the figure; None if it wasn't measured."""
        top = results.median(*self.top)
        bottom = 1.0 if self.bottom is None else results.median(*self.bottom)
        return None if top is None or not bottom else top / bottom

    def met(self, results: Results) -> bool | None:
        """Whether it is met; None if it wasn't measured."""
        value = self.value(results)
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


def targets() -> list[Target]:
    """All of them."""
    return [*_chats(), *_ingest(), *_throttled(), *_reindex(), *_one_call(), *_start(), *_streams(), *_memory()]


def _faster(title: str, measure: str, cloud: str, ours: str, other: str, times: float) -> Target:
    return Target(title, (measure, cloud, other, "wall"), (measure, cloud, ours, "wall"), times, at_least=True)


def _within(title: str, measure: str, cloud: str, ours: str, other: str, times: float, figure: str = "wall") -> Target:
    return Target(title, (measure, cloud, ours, figure), (measure, cloud, other, figure), times)


def _chats() -> list[Target]:
    found = []
    measure, what = "chats_1000", "1,000 async chats"
    for framework, ours in _OURS.items():
        for cloud, times in (("Azure", 6.0), ("Bedrock", 8.0)):
            title = f"{what}, {cloud}: turnout in {framework}"
            found.append(
                _faster(f"{title}, times as fast as {framework}'s class", measure, cloud, ours, framework, times)
            )
            found.append(_faster(f"{title}, times as fast as LiteLLM", measure, cloud, ours, Names.LITELLM, 1.0))
        title = f"{what}, Azure: turnout in {framework}, of the SDK on aiohttp"
        found.append(_within(title, measure, "Azure", ours, Names.SDK, 1.6))
        title = f"{what}, Bedrock: turnout in {framework}, of raw aiohttp with SigV4"
        found.append(_within(title, measure, "Bedrock", ours, Names.RAW, 4.0))
    return found


def _ingest() -> list[Target]:
    found = []
    few, few_async = "ingest_2000", "ingest_2000_async"
    for framework, ours in _OURS.items():
        title = f"2,000 chunks, Titan: turnout in {framework}"
        sync = ((few, "Titan", framework, "wall"), (few, "Titan", ours, "wall"))
        found.append(Target(f"{title}, times as fast as {framework}'s sync class", *sync, 30.0, at_least=True))
        found.append(
            _faster(
                f"{title}, async, times as fast as {framework}'s async class", few_async, "Titan", ours, framework, 5.0
            )
        )
        title = f"{title}, async, of the raw client with as many in flight"
        found.append(_within(title, few_async, "Titan", ours, _AS_MANY, 1.6))
    for framework, ours, model, count, times in (
        ("LangChain", Names.OURS_LANGCHAIN, "Cohere", 2000, 2.5),
        ("LlamaIndex", Names.OURS_LLAMA_INDEX, "Cohere", 2000, 15.0),
        ("LangChain", Names.OURS_LANGCHAIN, "Azure", 20_000, 2.0),
        ("LlamaIndex", Names.OURS_LLAMA_INDEX, "Azure", 2000, 15.0),
    ):
        title = f"{count:,} chunks, {model}: turnout in {framework}, times as fast as {framework}'s class"
        found.append(_faster(title, f"ingest_{count}", model, ours, framework, times))
    return found


def _throttled() -> list[Target]:
    found = []
    for framework, ours in _OURS.items():
        for measure, what, times in (
            ("throttled_1", "1 % refused at random", 0.8),
            ("throttled_5", "5 % refused at random", 0.8),
            ("throttled_10", "10 % refused at random", 0.8),
            ("throttled_30", "30 % refused at random", 0.8),
            ("quota_100", "quota of 100 a second", 1.0),
        ):
            rates: tuple[Key, Key] = (
                (measure, "Titan", ours, "rate"),
                (measure, "Titan", Names.SDK_THREADS, "rate"),
            )
            title = f"Titan, {what}: turnout in {framework}, times as fast as boto3 in 32 threads"
            found.append(Target(title, *rates, times, at_least=True))
    return found


def _reindex() -> list[Target]:
    return [
        _within(
            f"Reindex of 20,000 chunks, {name}: turnout, of a plain loop",
            "reindex_20000",
            name,
            Names.OURS_LANGCHAIN if store.framework == "langchain" else Names.OURS_LLAMA_INDEX,
            Names.SDK,
            1.1,
        )
        for name, store in STORES.items()
    ]


def _one_call() -> list[Target]:
    wrapped = {
        ("LangChain", "Azure"): Names.WRAPPED_LANGCHAIN,
        ("LlamaIndex", "Azure"): Names.WRAPPED_LLAMA_INDEX,
        ("LangChain", "Bedrock"): Names.LANGCHAIN,
        ("LlamaIndex", "Bedrock"): Names.LLAMA_INDEX,
    }
    return [
        _within(
            f"One call, {'async' if measure.endswith('async') else 'sync'}, {cloud}: CPU of turnout in {framework}, "
            "of the wrapped class",
            measure,
            cloud,
            _OURS[framework],
            other,
            1.05,
            "cpu",
        )
        for measure in ("one_call", "one_call_async")
        for (framework, cloud), other in wrapped.items()
    ]


def _start() -> list[Target]:
    found = []
    for framework, ours in _OURS.items():
        for cloud in ("Azure", "Bedrock"):
            title = f"Second construction, {cloud}, turnout in {framework}"
            found.append(Target(title, ("construct", cloud, ours, "wall"), None, 0.001, unit="s"))
            memory: Key = ("construct_memory", cloud, ours, "mb")
            found.append(Target(f"{title}: memory", memory, None, 0.1, unit="MB"))
    found.append(Target("`import turnout`", ("import", "", "turnout", "wall"), None, 0.020, unit="s"))
    for module, bases in (
        ("turnout.langchain", "langchain-core's bases"),
        ("turnout.llama_index", "llama-index-core's bases"),
    ):
        title = f"`import {module}`, of {bases}"
        found.append(Target(title, ("import", "", module, "wall"), ("import", "", bases, "wall"), 1.05))
        for cloud, other in (("Azure", "AWS"), ("Bedrock", "Azure and OpenAI")):
            key: Key = ("other_cloud", cloud, module, "modules")
            title = f"First answer on {cloud} with `{module}`: modules of {other}"
            found.append(Target(title, key, None, 0, unit="modules"))
    return found


def _streams() -> list[Target]:
    found = []
    for framework, ours in _OURS.items():
        for cloud in ("Azure", "Bedrock"):
            title = f"100 streams, {cloud}: turnout in {framework}"
            found.append(_within(f"{title}, total, of the raw client", "streams_100", cloud, ours, Names.RAW, 2.0))
            worst: Key = ("streams_100", cloud, ours, "first")
            alone: Key = ("stream_alone", cloud, ours, "first")
            found.append(Target(f"{title}, worst first token, of the unloaded one", worst, alone, 1.5))
    return found


def _memory() -> list[Target]:
    return [
        Target(
            f"1,000 in flight, {cloud}, turnout in {framework}: memory over idle",
            ("in_flight_memory", cloud, ours, "mb"),
            None,
            100,
            unit="MB",
        )
        for framework, ours in _OURS.items()
        for cloud in ("Azure", "Bedrock")
    ]
