"""What is known about a model: `models.toml`, looked up by model id."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal

_REGION_PREFIX = re.compile(r"^(us|us-gov|eu|apac|global|jp|au|ca|in)\.")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about one model; the defaults say what is assumed of an unknown one.

    Attributes:
        name: The entry that matched, or the model id if none did.
        known: Whether an entry matched.
        family: Models that share a way of being asked (`claude`, `nova`, `openai`, …).
        kind: `chat` or `embedding`.
        context: Tokens that the model reads at most.
        output: Tokens that the model writes at most, if known.
        tools: Whether the model calls tools.
        tool_choice: Forced choices that the model takes, of `auto`, `any`, `tool`.
        structured: Whether the model holds its answer to a JSON schema.
        images: Whether the model reads images.
        reasoning: Whether the model reasons before it answers.
        temperature: Whether the model takes sampling parameters.
        stop: Whether the model takes stop sequences.
        max_tokens: Name of the output limit on the `openai-chat` wire.
        cache_points: On Converse, where the prompt may be marked for caching: `system`, `messages`, `tools`.
        cache_hour: Whether such a mark may ask for an hour.
        one_call: Whether Converse can be told that an answer may call one tool at most.
        dimensions: Lengths of vectors that the model makes, the default first.
        any_dimension_to: Any length up to this may be chosen, if set.
        prefix: Whether a shorter vector is the longer one, cut and normalised.
        normalised: Whether vectors have length 1.
        max_inputs: Texts that one embedding request takes.
        max_request_tokens: Tokens that one embedding request takes, if limited.
        max_characters: Characters that one text may have, if limited.
        purposes: Whether queries and documents are embedded differently.
        space: The model and version as its embedding space names it; empty for the entry's own name.
        same: Other ids of exactly this version.
        price: US dollars for a million tokens that are embedded, by the service's price list.
        price_source: Where that is from.
        source: Where the facts are from.
    """

    name: str
    known: bool = False
    family: str = "unknown"
    kind: Literal["chat", "embedding"] = "chat"
    context: int = 128_000
    output: int | None = None
    tools: bool = True
    tool_choice: tuple[str, ...] = ("auto", "any", "tool")
    structured: bool = False
    images: bool = False
    reasoning: bool = False
    temperature: bool = True
    stop: bool = True
    max_tokens: str = "max_tokens"
    cache_points: tuple[str, ...] = ()
    cache_hour: bool = False
    one_call: bool = False
    dimensions: tuple[int, ...] = ()
    any_dimension_to: int | None = None
    prefix: bool = False
    normalised: bool = False
    max_inputs: int = 1
    max_request_tokens: int | None = None
    max_characters: int | None = None
    purposes: bool = False
    space: str = ""
    same: tuple[str, ...] = ()
    price: float | None = None
    price_source: str = ""
    source: tuple[str, ...] = field(default=(), repr=False)

    def takes_dimensions(self, dimensions: int) -> bool:
        """Whether vectors of this length can be asked for (an unknown model is not second-guessed)."""
        if not self.known or dimensions in self.dimensions:
            return True
        return self.any_dimension_to is not None and dimensions <= self.any_dimension_to


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text(encoding="utf-8"))


@cache
def _table() -> dict[str, ModelFacts]:
    names = {f.name for f in fields(ModelFacts)}
    table = {}
    for name, entry in _document()["models"].items():
        unknown = entry.keys() - names
        if unknown:
            raise ValueError(f"models.toml: {name!r} has unknown facts {sorted(unknown)}")
        frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        table[name] = ModelFacts(name=name, known=True, **frozen)
    return table


def base_id(model: str) -> str:
    """A model id without ARN, region prefix: `arn:…/us.amazon.nova-lite-v1:0` → `amazon.nova-lite-v1:0`."""
    tail = model.rsplit("/", 1)[-1] if model.startswith("arn:") else model
    return _REGION_PREFIX.sub("", tail)


@cache
def _versions() -> dict[str, str]:
    table = _table()
    return {
        alias: entry.space or entry.name
        for entry in table.values()
        if entry.kind == "embedding"
        for alias in (entry.space or entry.name, *entry.same)
    }


def same_model(model: str) -> str:
    """The name of an embedding model's version, one for all ids that mean it, with or without region prefix or ARN.

    An id that no entry names exactly stays as it is: another version of a known model is another model.
    """
    return _versions().get(base_id(model), model)


@cache
def facts(model: str) -> ModelFacts:
    """The facts about a model id, by the longest entry that it starts with; `ModelFacts(known=False)` if none fits."""
    name = base_id(model)
    for known_as in (name, f"anthropic.{name}", name.removeprefix("openai.")):  # Foundry's and Mantle's spellings
        matches = [key for key in _table() if known_as == key or re.match(re.escape(key) + r"[-.:]", known_as)]
        if matches:
            return _table()[max(matches, key=len)]
    return ModelFacts(name=name)


def price_of(found: ModelFacts) -> tuple[float | None, str]:
    """US dollars for a million embedded tokens, and where that is from; None if it isn't known."""
    if found.price is None:
        return None, ""
    source = _document()["sources"][found.price_source]
    return found.price, f"{source['at']}, {source['seen']}"
