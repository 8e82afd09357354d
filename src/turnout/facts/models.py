"""What is known about a model: `models.toml`, looked up by model id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib.metadata import version
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
        one_sampling: Whether it refuses `temperature` and `top_p` together.
        stop: Whether the model takes stop sequences.
        max_tokens: Name of the output limit on the `openai-chat` wire.
        wires: The only wires that serve it, where its provider has others; empty for all.
        chat_tools: Whether it takes tools on `openai-chat`: always, if no effort is sent, or with effort `none` alone.
        efforts: The values of `reasoning_effort` that it takes.
        thinking: How Claude is made to think: `adaptive`, by a `budget` of tokens, or not at all.
        thinks_always: Whether it can't be kept from thinking.
        thinking_tools: Whether, on Converse, it calls tools while it thinks.
        parallel_calls: Whether OpenAI's wires take `parallel_tool_calls`.
        tool_streams: Whether Converse streams an answer of a model that has tools.
        strict_tools: Whether a tool may be strict on Converse.
        prefill: Whether a conversation may end with the beginning of the answer; OpenAI's wires always take that.
        reasoning_back: Whether its own reasoning may be in a conversation.
        results_alone: Whether the turn with a tool's result may have no words of the user.
        retires: Provider → the day on which it stops serving the model.
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
        price: US dollars for a million tokens that are embedded, where genai-prices has none: see `price_of`.
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
    one_sampling: bool = False
    stop: bool = True
    max_tokens: str = "max_tokens"
    wires: tuple[str, ...] = ()
    chat_tools: Literal["always", "without_effort", "none_alone"] = "always"
    efforts: tuple[str, ...] = ()
    thinking: Literal["", "adaptive", "budget"] = ""
    thinks_always: bool = False
    thinking_tools: bool = True
    parallel_calls: bool = True
    tool_streams: bool = True
    strict_tools: bool = False
    prefill: bool = False
    reasoning_back: bool = True
    results_alone: bool = False
    retires: Mapping[str, str] = field(default_factory=dict, hash=False)
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
    import tomllib

    return tomllib.loads(files("turnout.facts").joinpath("models.toml").read_text(encoding="utf-8"))


@cache
def _table() -> dict[str, ModelFacts]:
    names = {f.name for f in fields(ModelFacts)}
    table = {}
    for name in _document()["models"]:
        entry = _with_inherited(name)
        unknown = entry.keys() - names
        if unknown:
            raise ValueError(f"models.toml: {name!r} has unknown facts {sorted(unknown)}")
        frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        table[name] = ModelFacts(name=name, known=True, **frozen)
    return table


def _with_inherited(name: str) -> dict[str, Any]:
    """An entry's facts over those of the one that it is `like`."""
    entry = dict(_document()["models"][name])
    like = entry.pop("like", None)
    return entry if like is None else {**_with_inherited(like), **entry}


def base_id(model: str) -> str:
    """A model id without ARN, region prefix: `arn:…/us.amazon.nova-lite-v1:0` → `amazon.nova-lite-v1:0`."""
    tail = model.rsplit("/", 1)[-1] if model.startswith("arn:") else model
    return _REGION_PREFIX.sub("", tail)


@cache
def _versions() -> dict[str, str]:
    table = _table()
    return {
        alias.lower(): entry.space or entry.name
        for entry in table.values()
        if entry.kind == "embedding"
        for alias in (entry.space or entry.name, *entry.same)
    }


def same_model(model: str) -> str:
    """The name of an embedding model's version, one for all ids that mean it, with or without region prefix or ARN.

    An id that no entry names exactly stays as it is: another version of a known model is another model.
    """
    return _versions().get(base_id(model).lower(), model)


@cache
def facts(model: str) -> ModelFacts:
    """The facts about a model id.

    They are those of the longest entry that the id starts with. A version that no entry has gets the strictest facts of
    its line instead: `claude-opus-4-9` may refuse what Opus 4.1 takes. If nothing fits, they are `_UNKNOWN`.
    """
    name = base_id(model).lower()
    for known_as in (name, f"anthropic.{name}", name.removeprefix("openai.")):  # Foundry's and Mantle's spellings
        matches = [key for key in _table() if known_as == key or re.match(re.escape(key) + r"[-.:@]", known_as)]
        if matches:
            key = max(matches, key=len)
            newer = _NEW_VERSION.match(known_as[len(key) :])
            return _strictest(key, newer.group(), known_as) if newer else _table()[key]
    return replace(_UNKNOWN, name=base_id(model))


_UNKNOWN = ModelFacts(name="", tool_choice=("auto",), tool_streams=False)
"""What is assumed of a model that no entry fits: nothing forced, nothing strict, no parameters that only some take."""

_NEW_VERSION = re.compile(r"[-.]\d{1,2}(?=$|[-.:@])")  # one or two digits; a date has more
_VERSION = re.compile(r"^(\D*?)(\d+)(?:[.-]\d{1,2}(?!\d))?(.*)$")  # what is before it, its first number, what is after


def _strictest(key: str, newer: str, known_as: str) -> ModelFacts:
    """What all of a line take, from the first number of `key` on: of the Pros for a Pro, else of the plain models."""
    rest, line = known_as[len(key + newer) :], _VERSION.match(key)
    found = {"": [_table()[key]]}
    for entry in _table().values():
        other = _VERSION.match(entry.name)
        if entry.kind != found[""][0].kind:
            continue
        if not line and entry.name.startswith(key):
            found[""].append(entry)
        elif line and other and other[1] == line[1] and int(other[2]) >= int(line[2]) and rest.startswith(other[3]):
            found.setdefault(other[3], []).append(entry)
    entries = found[max(found, key=len)]
    taken = {f.name: [getattr(entry, f.name) for entry in entries] for f in fields(ModelFacts)}
    strict: dict[str, Any] = {name: all(taken[name]) for name in _CAPABILITIES}
    strict |= {name: any(taken[name]) for name in _RESTRICTIONS}
    for name in ("tool_choice", "efforts", "cache_points", "wires"):
        strict[name] = tuple(value for value in taken[name][-1] if all(value in values for values in taken[name]))
    strict |= {"context": min(taken["context"]), "output": min((n for n in taken["output"] if n), default=None)}
    strict["chat_tools"] = max(taken["chat_tools"], key=("always", "without_effort", "none_alone").index)
    return replace(entries[-1], name=key + newer, retires={}, **strict)


_CAPABILITIES = (
    *("tools", "structured", "images", "reasoning", "temperature", "stop", "cache_hour", "one_call"),
    *("thinking_tools", "parallel_calls", "tool_streams", "strict_tools", "prefill", "reasoning_back"),
)
_RESTRICTIONS = ("one_sampling", "thinks_always", "results_alone")


def price_of(found: ModelFacts, provider: str) -> tuple[float | None, str]:
    """US dollars for a million embedded tokens, and where that is from; None if it isn't known.

    The package genai-prices has most; `models.toml` has what that lacks.
    """
    try:
        from genai_prices import Usage, calc_price

        model, service = found.space or found.name, _PRICE_LISTS[provider]
        price = calc_price(Usage(input_tokens=1_000_000), model, provider_id=service).total_price
        return float(price), f"genai-prices {version('genai-prices')}"
    except (ImportError, LookupError):
        pass
    if found.price is None:
        return None, ""
    source = _document()["sources"][found.price_source]
    return found.price, f"{source['at']}, {source['seen']}"


_PRICE_LISTS = {"azure": "azure", "bedrock": "aws", "openai": "openai"}
