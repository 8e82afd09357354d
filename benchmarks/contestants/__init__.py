"""Who is measured: each does the same work in its own usual way."""

from __future__ import annotations

from benchmarks.contestants.base import Cloud, Contestant, Names, Place
from benchmarks.contestants.framework_langchain import LangChainAzure, LangChainBedrock, LangChainV1
from benchmarks.contestants.framework_llama_index import LlamaIndexAzure, LlamaIndexBedrock, LlamaIndexV1
from benchmarks.contestants.lite import LiteLLMAzure, LiteLLMBedrock
from benchmarks.contestants.ours import TurnoutLangChain, TurnoutLlamaIndex
from benchmarks.contestants.raw import RawAzure, RawBedrock
from benchmarks.contestants.sdk import SDKAzure, SDKBedrock

__all__ = ["Cloud", "Contestant", "Names", "Place", "contestants", "wrapped"]


def contestants(place: Place, cloud: Cloud, *, leave_out: frozenset[str] = frozenset()) -> list[Contestant]:
    """Everyone who can answer on a cloud, the raw client first; an SDK loads when one is first asked."""
    everyone: list[Contestant]
    if cloud == "Azure":
        everyone = [RawAzure(place), SDKAzure(place), LangChainAzure(place), TurnoutLangChain(place, cloud)]
        everyone += [LlamaIndexAzure(place), TurnoutLlamaIndex(place, cloud), LiteLLMAzure(place)]
    else:
        everyone = [RawBedrock(place), SDKBedrock(place), LangChainBedrock(place), TurnoutLangChain(place, cloud)]
        everyone += [LlamaIndexBedrock(place), TurnoutLlamaIndex(place, cloud), LiteLLMBedrock(place)]
    return [one for one in everyone if one.name not in leave_out]


def wrapped(place: Place, cloud: Cloud) -> list[Contestant]:
    """The classes that turnout wraps, where the frameworks have another for that cloud."""
    return [LangChainV1(place), LlamaIndexV1(place)] if cloud == "Azure" else []
