"""The models, deployments and inference profiles that the emulated services have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
        open_weight: Shows its reasoning as it is, and takes `reasoning_effort` beside every sampling parameter.
    """

    name: str
    served: str
    kind: Kind = "chat"
    context: int = 128_000
    reasoning: bool = False
    dimensions: int = 0
    shortens: bool = False
    wires: frozenset[str] = frozenset({"openai-chat", "openai-responses"})
    path: str = ""
    open_weight: bool = False


@dataclass(frozen=True, slots=True)
class AnthropicModel:
    """A Claude model of Azure Foundry.

    Attributes:
        name: The model's name.
        served: What the service answers as `model`.
        context: Tokens that it reads.
        output: Tokens that it writes at most.
        thinking: Whether it can show its thinking.
        either_sampling: Refuses `temperature` and `top_p` together, as the models since Opus 4.1 do.
        prefill: Whether a conversation may end with the beginning of the answer.
    """

    name: str
    served: str
    context: int = 200_000
    output: int = 64_000
    thinking: bool = True
    either_sampling: bool = True
    prefill: bool = True


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
        tool_choice: The members of `toolChoice` that it takes.
        media: Kinds of media blocks that it takes.
        dimensions: Length of its vectors.
        sizes: Lengths that may be asked for instead.
    """

    id: str
    family: str
    kind: Kind = "chat"
    context: int = 128_000
    on_demand: bool = True
    profiles: tuple[str, ...] = ()
    tools: bool = True
    tool_choice: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    dimensions: int = 0
    sizes: tuple[int, ...] = ()


_EMBEDDING = {
    "text-embedding-3-small": OpenAIModel(
        "text-embedding-3-small", "text-embedding-3-small", "embeddings", 8192, dimensions=1536, shortens=True
    ),
    "text-embedding-3-large": OpenAIModel(
        "text-embedding-3-large", "text-embedding-3-large", "embeddings", 8192, dimensions=3072, shortens=True
    ),
    "text-embedding-ada-002": OpenAIModel(
        "text-embedding-ada-002", "text-embedding-ada-002-v2", "embeddings", 8192, dimensions=1536
    ),
}

OPENAI_MODELS: Mapping[str, OpenAIModel] = {
    "gpt-4o": OpenAIModel("gpt-4o", "gpt-4o-2024-11-20"),
    "gpt-4o-mini": OpenAIModel("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    "gpt-4.1": OpenAIModel("gpt-4.1", "gpt-4.1-2025-04-14", context=1_047_576),
    "gpt-4.1-mini": OpenAIModel("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", context=1_047_576),
    "gpt-4.1-nano": OpenAIModel("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", context=1_047_576),
    "gpt-5": OpenAIModel("gpt-5", "gpt-5-2025-08-07", context=400_000, reasoning=True),
    "gpt-5-mini": OpenAIModel("gpt-5-mini", "gpt-5-mini-2025-08-07", context=400_000, reasoning=True),
    "gpt-5-nano": OpenAIModel("gpt-5-nano", "gpt-5-nano-2025-08-07", context=400_000, reasoning=True),
    "gpt-5.4": OpenAIModel("gpt-5.4", "gpt-5.4", context=272_000, reasoning=True),
    "o3": OpenAIModel("o3", "o3-2025-04-16", context=200_000, reasoning=True),
    "o4-mini": OpenAIModel("o4-mini", "o4-mini-2025-04-16", context=200_000, reasoning=True),
    **_EMBEDDING,
}

AZURE_DEPLOYMENTS: Mapping[str, str] = {
    "gpt-5-prod": "gpt-5",
    "mini": "gpt-5-mini",
    "gpt-4o": "gpt-4o",
    "gpt-4o-mini": "gpt-4o-mini",
    "gpt-4.1": "gpt-4.1",
    "embed-small": "text-embedding-3-small",
    "embed-large": "text-embedding-3-large",
    "ada": "text-embedding-ada-002",
    "claude-prod": "claude-sonnet-4-6",
    "claude-fast": "claude-haiku-4-5",
}

# Model overview and "what's new" pages of platform.claude.com: output limits, sampling, prefill.
ANTHROPIC_MODELS: Mapping[str, AnthropicModel] = {
    model.name: model
    for model in (
        AnthropicModel("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        AnthropicModel("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        AnthropicModel("claude-opus-4-1", "claude-opus-4-1-20250805", output=32_000),
        AnthropicModel("claude-sonnet-4-6", "claude-sonnet-4-6", output=128_000),
        AnthropicModel("claude-opus-4-6", "claude-opus-4-6", output=128_000, prefill=False),
    )
}


def _frontier(name: str) -> OpenAIModel:
    """A model that Mantle serves through the Responses API alone, under `/openai/v1`."""
    only = frozenset({"openai-responses"})
    return OpenAIModel(name, name, context=272_000, reasoning=True, wires=only, path="/openai/v1")


def _open_weight(name: str) -> OpenAIModel:
    return OpenAIModel(name, name, path="/v1", open_weight=True)


# Which model is served where and how: the model cards of the Bedrock user guide, and recorded exchanges.
MANTLE_MODELS: Mapping[str, OpenAIModel] = {
    model.name: model
    for model in (
        _frontier("openai.gpt-5.4"),
        _frontier("openai.gpt-5.5"),
        _open_weight("openai.gpt-oss-120b"),
        _open_weight("openai.gpt-oss-20b"),
    )
}

_ALL = frozenset({"auto", "any", "tool"})
_SEEING = frozenset({"image", "document"})
_WATCHING = frozenset({"image", "document", "video"})
_CLAUDE_PROFILES = ("us", "eu", "apac", "global")


def _claude(model: str, *, on_demand: bool = False, context: int = 200_000, tools: bool = True) -> BedrockModel:
    return BedrockModel(
        f"anthropic.{model}",
        "anthropic",
        context=context,
        on_demand=on_demand,
        profiles=() if model == "claude-v2" else _CLAUDE_PROFILES,
        tools=tools,
        tool_choice=_ALL if tools else frozenset(),
        media=_SEEING if tools else frozenset({"document"}),
    )


def _nova(
    model: str, *, context: int = 300_000, on_demand: bool = True, media: frozenset[str] = _WATCHING
) -> BedrockModel:
    return BedrockModel(
        f"amazon.{model}",
        "nova",
        context=context,
        on_demand=on_demand,
        profiles=("us", "eu", "apac", "global"),
        tool_choice=_ALL,
        media=media,
    )


def _llama(model: str, *, on_demand: bool = False, media: frozenset[str] = frozenset({"document"})) -> BedrockModel:
    return BedrockModel(
        f"meta.{model}",
        "llama",
        on_demand=on_demand,
        profiles=("us", "eu"),
        tool_choice=frozenset({"auto"}),
        media=media,
    )


def _mistral(model: str, *, on_demand: bool = True, media: frozenset[str] = frozenset({"document"})) -> BedrockModel:
    return BedrockModel(
        f"mistral.{model}",
        "mistral",
        on_demand=on_demand,
        profiles=("us", "eu"),
        tool_choice=frozenset({"auto", "any"}),
        media=media,
    )


def _other(
    model: str,
    family: str,
    *,
    tools: bool = True,
    media: frozenset[str] = frozenset(),
    profiles: tuple[str, ...] = (),
    on_demand: bool = True,
) -> BedrockModel:
    return BedrockModel(model, family, tools=tools, media=media, profiles=profiles, on_demand=on_demand)


def _embedding(
    model: str,
    family: str,
    *,
    context: int,
    dimensions: int,
    sizes: tuple[int, ...] = (),
    profiles: tuple[str, ...] = (),
) -> BedrockModel:
    return BedrockModel(
        model,
        family,
        kind="embeddings",
        context=context,
        dimensions=dimensions,
        sizes=sizes,
        profiles=profiles,
        tools=False,
    )


# Ids and which of them take the bare id: the model cards and the inference-profile table of the Bedrock user guide,
# and the ids in recorded exchanges. What each takes as toolChoice: API_runtime_ToolChoice.html.
BEDROCK_MODELS: Mapping[str, BedrockModel] = {
    model.id: model
    for model in (
        _claude("claude-v2", on_demand=True, context=100_000, tools=False),
        _claude("claude-3-haiku-20240307-v1:0", on_demand=True),
        _claude("claude-3-5-sonnet-20240620-v1:0", on_demand=True),
        _claude("claude-3-5-sonnet-20241022-v2:0"),
        _claude("claude-3-5-haiku-20241022-v1:0"),
        _claude("claude-3-7-sonnet-20250219-v1:0"),
        _claude("claude-sonnet-4-20250514-v1:0"),
        _claude("claude-opus-4-1-20250805-v1:0"),
        _claude("claude-haiku-4-5-20251001-v1:0"),
        _claude("claude-sonnet-4-5-20250929-v1:0"),
        _claude("claude-opus-4-5-20251101-v1:0"),
        _claude("claude-sonnet-4-6"),
        _claude("claude-opus-4-6-v1"),
        _nova("nova-micro-v1:0", context=128_000, media=frozenset()),
        _nova("nova-lite-v1:0"),
        _nova("nova-pro-v1:0"),
        _nova("nova-premier-v1:0", on_demand=False, context=1_000_000),
        _nova("nova-2-lite-v1:0", on_demand=False, context=1_000_000),
        _llama("llama3-8b-instruct-v1:0", on_demand=True),
        _llama("llama3-1-8b-instruct-v1:0", on_demand=True),
        _llama("llama3-1-70b-instruct-v1:0"),
        _llama("llama3-2-11b-instruct-v1:0", media=_SEEING),
        _llama("llama3-3-70b-instruct-v1:0"),
        _llama("llama4-maverick-17b-instruct-v1:0", media=_SEEING),
        _llama("llama4-scout-17b-instruct-v1:0", media=_SEEING),
        _mistral("mistral-large-2402-v1:0"),
        _mistral("mistral-large-2407-v1:0"),
        _mistral("mistral-small-2402-v1:0"),
        _mistral("mistral-large-3-675b-instruct"),
        _mistral("pixtral-large-2502-v1:0", on_demand=False, media=_SEEING),
        _other("openai.gpt-oss-120b-1:0", "gpt-oss"),
        _other("openai.gpt-oss-20b-1:0", "gpt-oss"),
        _other("qwen.qwen3-32b-v1:0", "qwen"),
        _other("google.gemma-3-27b-it", "gemma", media=frozenset({"image"})),
        _other("zai.glm-4.7-flash", "glm"),
        _other("deepseek.r1-v1:0", "deepseek", tools=False, profiles=("us",), on_demand=False),
        _other("cohere.command-r-plus-v1:0", "cohere"),
        _embedding("amazon.titan-embed-text-v1", "titan-v1", context=8192, dimensions=1536),
        _embedding("amazon.titan-embed-text-v2:0", "titan-v2", context=8192, dimensions=1024, sizes=(256, 512, 1024)),
        _embedding("cohere.embed-english-v3", "cohere-v3", context=512, dimensions=1024),
        _embedding("cohere.embed-multilingual-v3", "cohere-v3", context=512, dimensions=1024),
        _embedding(
            "cohere.embed-v4:0",
            "cohere-v4",
            context=128_000,
            dimensions=1536,
            sizes=(256, 512, 1024, 1536),
            profiles=("us", "eu", "apac", "global"),
        ),
        _embedding(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            "nova-embed",
            context=8192,
            dimensions=3072,
            sizes=(256, 384, 1024, 3072),
        ),
    )
}

_ARN = re.compile(
    r"arn:aws[\w-]*:bedrock:[\w-]*:\d*:"
    r"(?P<kind>foundation-model|inference-profile|application-inference-profile|provisioned-model)/(?P<id>.+)"
)


class UnknownModel(LookupError):
    """No model has this id."""


class NeedsProfile(LookupError):
    """The model is only reached through an inference profile."""


def find_bedrock(
    model_id: str, models: Mapping[str, BedrockModel], profiles: Mapping[str, str] | None = None
) -> BedrockModel:
    """The model behind an id, an inference-profile id or an ARN.

    Args:
        model_id: As the client named it.
        models: The models that exist, by foundation-model id.
        profiles: Application inference profiles and provisioned models: ARN or id to foundation-model id.

    Raises:
        UnknownModel: Nothing has that id.
        NeedsProfile: The bare id was given for a model that has no on-demand throughput.
    """
    custom = (profiles or {}).get(model_id)
    if custom is not None:
        return models[custom]
    arn = _ARN.fullmatch(model_id)
    if arn is not None:
        model_id = arn["id"]
        if arn["kind"] in ("application-inference-profile", "provisioned-model"):
            custom = (profiles or {}).get(model_id)
            if custom is None:
                raise UnknownModel(model_id)
            return models[custom]
    model = models.get(model_id)
    if model is not None:
        if not model.on_demand:
            raise NeedsProfile(model_id)
        return model
    geography, _, bare = model_id.partition(".")
    model = models.get(bare)
    if model is None or geography not in model.profiles:
        raise UnknownModel(model_id)
    return model
