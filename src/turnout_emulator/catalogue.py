"""The models, deployments and inference profiles that the emulated services have."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
    wires: Collection[str] = ("openai-chat", "openai-responses")
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
    profiles: Collection[str] = ()
    tools: bool = True
    tool_choice: Collection[str] = ()
    media: Collection[str] = ()
    dimensions: int = 0
    sizes: Collection[int] = ()


_TABLES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
AZURE_DEPLOYMENTS: Mapping[str, str] = _TABLES["deployments"]
OPENAI_MODELS = {name: OpenAIModel(name, **facts) for name, facts in _TABLES["openai"].items()}
ANTHROPIC_MODELS = {name: AnthropicModel(name, **facts) for name, facts in _TABLES["anthropic"].items()}
MANTLE_MODELS = {name: OpenAIModel(name, **facts) for name, facts in _TABLES["mantle"].items()}
BEDROCK_MODELS = {
    name: BedrockModel(name, **{**_TABLES["families"].get(facts["family"], {}), **facts})
    for name, facts in _TABLES["bedrock"].items()
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
    custom = profiles or {}
    if model_id in custom:
        return models[custom[model_id]]
    arn = _ARN.fullmatch(model_id)
    if arn is not None:
        model_id = arn["id"]
        if arn["kind"] in ("application-inference-profile", "provisioned-model"):
            if model_id not in custom:
                raise UnknownModel(model_id)
            return models[custom[model_id]]
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
