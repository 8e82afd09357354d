"""The models, deployments and inference profiles that the emulated services have."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from turnout_emulator.refusals import RequestRefused

Kind = Literal["chat", "embeddings"]


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """A model of Azure OpenAI and OpenAI.

    Attributes:
        name: The model's name.
        served: What the service answers as `model`.
        kind: What it does.
        context: Tokens in prompt and answer together, or in one embedding input.
        reasoning: Refuses `max_tokens` and any `temperature` but 1, as the gpt-5 and o series do.
        dimensions: Length of its vectors.
        shortens: Whether `dimensions` may be asked for.
        wires: The protocols that it is served in, where they aren't all that the service has.
        path: Where Mantle serves it.
        profiles: Geographies that have an inference profile for it; Bedrock Runtime takes no bare id then.
        open_weight: Shows its reasoning as it is, and takes `reasoning_effort` beside every sampling parameter.
        efforts: The reasoning efforts that it takes; when empty, all that the API knows.
        chat_tools: Whether it takes tools on Chat Completions: always, without an effort, or with the effort `none`.
        parallel_calls: Whether it takes `parallel_tool_calls`, as the o series doesn't.
    """

    name: str
    served: str
    kind: Kind = "chat"
    context: int = 128_000
    reasoning: bool = False
    dimensions: int = 0
    shortens: bool = False
    wires: Collection[str] = ("openai-chat", "openai-responses")
    path: str = ""
    profiles: Collection[str] = ()
    open_weight: bool = False
    efforts: Sequence[str] = ()
    chat_tools: Literal["always", "without_effort", "effort_none"] = "always"
    parallel_calls: bool = True


@dataclass(frozen=True, slots=True)
class AnthropicModel:
    """A Claude model of Azure Foundry or Bedrock.

    Attributes:
        name: The model's name.
        served: What the service answers as `model`.
        context: Tokens that it reads.
        output: Tokens that it writes at most.
        thinking: How it can be told to think: `enabled` (a budget of tokens), `adaptive`.
        efforts: The efforts that it takes.
        sampling: Whether it takes `temperature` and `top_p` together, one of them, or none.
        prefill: Whether a conversation may end with the beginning of the answer.
        forced: When a tool may be forced.
        converse_strict: Whether a tool may be strict on Converse.
    """

    name: str
    served: str
    context: int = 200_000
    output: int = 64_000
    thinking: Collection[str] = ("enabled",)
    efforts: Sequence[str] = ()
    sampling: Literal["both", "one", "none"] = "one"
    prefill: bool = True
    forced: Literal["always", "not_thinking", "never"] = "not_thinking"
    converse_strict: bool = False


@dataclass(frozen=True, slots=True)
class CohereModel:
    """An embedding model of Cohere's on Azure Foundry.

    Attributes:
        name: The model's name.
        space: The model on Bedrock whose vectors are its own, or the name of its space.
        context: Tokens that it reads.
        dimensions: Length of its vectors.
        sizes: Lengths that may be asked for.
        openai: Whether OpenAI's API serves it too, without a purpose (github.com/BerriAI/litellm/issues/11126).
    """

    name: str
    space: str
    context: int = 128_000
    dimensions: int = 1024
    sizes: Collection[int] = ()
    openai: bool = True


@dataclass(frozen=True, slots=True)
class BedrockModel:
    """A model of Amazon Bedrock.

    Attributes:
        id: The foundation model's id.
        family: Who made it, which decides how its requests are checked.
        kind: What it does.
        context: Tokens that it reads.
        on_demand: Whether the bare id can be called; otherwise only an inference profile.
        profiles: Geographies that have an inference profile for it.
        tools: Whether it takes tools.
        tool_streams: Whether it takes tools in ConverseStream.
        tool_choice: The members of `toolChoice` that it takes.
        media: Kinds of media blocks that it takes.
        stop: Whether it takes stop sequences.
        reasoning: Whether a Nova model can be told to reason.
        reasoning_back: Whether a conversation may hold its reasoning.
        thinking_calls: Which tools it calls while it reasons because it was told to: all, none, or none that is forced.
        results_alone: Whether the turn of a tool's result may hold nothing else.
        claude: What is particular to the Claude model that it is.
        dimensions: Length of its vectors.
        sizes: Lengths that may be asked for instead.
    """

    id: str
    family: str
    kind: Kind = "chat"
    context: int = 128_000
    on_demand: bool = True
    profiles: Collection[str] = ()
    tools: bool = True
    tool_streams: bool = True
    tool_choice: Collection[str] = ()
    media: Collection[str] = ()
    stop: bool = True
    reasoning: bool = False
    reasoning_back: bool = True
    thinking_calls: Literal["all", "unforced", "none"] = "all"
    results_alone: bool = False
    claude: AnthropicModel | None = None
    dimensions: int = 0
    sizes: Collection[int] = ()


_TABLES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


def _entries(table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a table, each with the facts of the one that it is like."""
    entries: dict[str, dict[str, Any]] = {}
    for name, facts in _TABLES[table].items():
        entries[name] = {**entries.get(facts.get("like", ""), {}), **facts}
        yield name, {fact: value for fact, value in entries[name].items() if fact != "like"}


def find_anthropic(model_id: str, models: Mapping[str, AnthropicModel]) -> AnthropicModel | None:
    """The Claude model that a foundation-model id names with a date and version: the longest name that fits."""
    found = [name for name in models if re.match(rf"anthropic\.{re.escape(name)}($|-\d{{8}}|-v\d)", model_id)]
    return models[max(found, key=len)] if found else None


AZURE_DEPLOYMENTS: Mapping[str, str] = _TABLES["deployments"]
OPENAI_MODELS = {name: OpenAIModel(name, **facts) for name, facts in _entries("openai")}
ANTHROPIC_MODELS = {name: AnthropicModel(name, **facts) for name, facts in _entries("anthropic")}
COHERE_MODELS = {name: CohereModel(name, **facts) for name, facts in _entries("cohere")}
MANTLE_MODELS = {name: OpenAIModel(name, **facts) for name, facts in _entries("mantle")}
RUNTIME_MODELS = {name: OpenAIModel(name, **facts) for name, facts in _entries("runtime")}
BEDROCK_MODELS = {
    name: BedrockModel(
        name,
        **{**_TABLES["families"].get(facts["family"], {}), **facts},
        claude=find_anthropic(name, ANTHROPIC_MODELS),
    )
    for name, facts in _entries("bedrock")
}

GEOGRAPHIES = frozenset({"us", "eu", "apac", "global"})

_ARN = re.compile(
    r"arn:aws[\w-]*:bedrock:[\w-]*:\d*:"
    r"(?P<kind>foundation-model|inference-profile|application-inference-profile|provisioned-model)/(?P<id>.+)"
)


def find_bedrock(model_id: str, models: Mapping[str, BedrockModel], profiles: Mapping[str, str]) -> BedrockModel:
    """The model behind an id, an inference-profile id or an ARN; a request for any other is refused.

    Args:
        model_id: As the client named it.
        models: The models that exist, by foundation-model id.
        profiles: Application inference profiles and provisioned models: ARN or id to foundation-model id.
    """
    arn = _ARN.fullmatch(model_id)
    bare = arn["id"] if arn is not None else model_id
    custom = arn is not None and arn["kind"] in ("application-inference-profile", "provisioned-model")
    profile = profiles.get(model_id) or (profiles.get(bare) if custom else None)
    if profile is not None:
        return models[profile]
    if bare in models and not custom:
        if not models[bare].on_demand:
            raise RequestRefused("needs_profile")
        return models[bare]
    geography, _, bare = bare.partition(".")
    if custom or bare not in models or geography not in models[bare].profiles:
        raise RequestRefused("unknown_model")
    return models[bare]


def geography_of(profile: str) -> tuple[str, str]:
    """The geography of an inference profile's id, `""` of a bare one, and the foundation model's id."""
    geography, _, bare = profile.partition(".")
    return (geography, bare) if geography in GEOGRAPHIES else ("", profile)
